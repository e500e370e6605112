// Run in a process of its own by close.test.ts: opens everything, leaves streams and calls under way, closes the
// servers and prints what is left. The process has to end by itself.
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { bearer, CONSENT, INITIALIZE, rpc, startPlainFlow } from './plain-flow.js';

const as = await startAuthorizationServer();
const v1 = await startMcpServerV1({ authorizationServer: as });
const v2 = await startMcpServerV2({ authorizationServer: as });
const internal = await startInternalMcpServerV1();
const rotating = await startRotatingServer();
const flow = await startPlainFlow(as.metadataUrl);
const tokenFor = async (resource: string) =>
  bearer((await flow.signIn({ scope: 'mcp:read offline_access', resource, ...CONSENT }))['access_token']);

const slow = { name: 'slow', arguments: { ms: 600_000 } };
const v1Token = await tokenFor(v1.url);
const opened = await rpc(v1.url, 'initialize', INITIALIZE, v1Token);
await opened.text();
const session = { ...v1Token, 'mcp-session-id': String(opened.headers.get('mcp-session-id')) };
const stream = { accept: 'text/event-stream' };
const open = await Promise.all([
  fetch(v1.url, { headers: { ...session, ...stream } }),
  fetch(v1.sseUrl, { headers: { ...(await tokenFor(v1.sseUrl)), ...stream } }),
  rpc(v1.url, 'tools/call', slow, session),
]);
const v2Token = await tokenFor(v2.url);
const pending = [rpc(v2.url, 'tools/call', slow, v2Token), ...open.map((response) => response.text())];
const ended = Promise.allSettled(pending);
while (v2.counts.count('POST /mcp') < 1) await new Promise((resolve) => setImmediate(resolve));
await fetch(internal.url);
await fetch(rotating.url);

await Promise.all([flow, internal, rotating, v1, v2, as].map((server) => server.close()));
await ended;
const listening = process.getActiveResourcesInfo().filter((name) => /TCPServer|TCPSocket/.test(name));
process.stdout.write(JSON.stringify({ statuses: open.map((response) => response.status), listening }));
