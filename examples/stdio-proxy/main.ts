/**
 * Lets a host that speaks MCP over stdio only reach a protected remote server; README.md beside this file has the host's settings.
 *
 *   npx tsx examples/stdio-proxy/main.ts https://mcp.example.com/mcp
 */
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as rpc from '@modelcontextprotocol/sdk/types.js';
import { type AuthEvent, type AuthProvider, createAuthProvider, findMcpOAuthError, withOAuth } from 'mcp-oauth-client';

type Remote = StreamableHTTPClientTransport | SSEClientTransport;
/** How a server answers that knows nothing but the older HTTP+SSE transport. */
const NO_STREAMABLE_HTTP: readonly unknown[] = [400, 404, 405];
const LONGEST_FAREWELL_MS = 2_000;
const [serverUrl = ''] = process.argv.slice(2);
const host = new StdioServerTransport();
let authProvider: AuthProvider | undefined;
let remote: Promise<Remote> = Promise.reject(new Error('The first request has to be "initialize".'));
remote.catch(() => undefined);

/** For the person: stdout belongs to the protocol. */
const say = (text: string) => void process.stderr.write(`${text}\n`);

function onEvent(event: AuthEvent): void {
  if (event.type === 'authorization_url') say(`To sign in, open ${event.url}`);
  if (event.type === 'device_code') say(`To sign in, enter ${event.userCode} at ${event.verificationUri}`);
  if (event.type === 'sign_in_elsewhere') say('Another window is signing in; waiting for it.');
}

/** Signs in where that is needed. The answer to the host's `initialize` tells which transport the server speaks. */
async function open(initialize: rpc.JSONRPCRequest): Promise<Remote> {
  authProvider ??= createAuthProvider({ serverUrl, clientMetadata: { client_name: 'MCP stdio proxy' }, onEvent });
  try {
    return await begin(withOAuth(StreamableHTTPClientTransport, serverUrl, { authProvider }), initialize);
  } catch (error) {
    if (!(error instanceof StreamableHTTPError && NO_STREAMABLE_HTTP.includes(error.code))) throw error;
    const older = begin(withOAuth(SSEClientTransport, serverUrl, { authProvider }), initialize);
    // Where that is no event stream either, the first answer says more.
    return older.catch((second: unknown) => Promise.reject(findMcpOAuthError(second) ?? error));
  }
}

async function begin(transport: Remote, initialize: rpc.JSONRPCRequest): Promise<Remote> {
  transport.onerror = (error) => say(error.message);
  transport.onmessage = (message) => {
    if (rpc.isJSONRPCResultResponse(message) && message.id === initialize.id) {
      transport.setProtocolVersion(String(message.result['protocolVersion']));
    }
    void host.send(message);
  };
  await transport.start();
  await transport.send(initialize).catch((error) => transport.close().then(() => Promise.reject(error)));
  transport.onclose = () => void leave(1);
  return transport;
}

async function leave(exitCode: number): Promise<void> {
  if (process.exitCode !== undefined) return;
  process.exitCode = exitCode;
  setTimeout(() => process.exit(), LONGEST_FAREWELL_MS).unref();
  // Ends a sign-in that is under way, too: another instance may take it over at once.
  await authProvider?.close();
  await remote.then((transport) => transport.close()).catch(() => undefined);
  await host.close();
}

host.onerror = (error) => say(error.message);
host.onmessage = (message) => {
  const before = remote;
  const isFirst = rpc.isJSONRPCRequest(message) && rpc.isInitializeRequest(message);
  const sent = isFirst ? open(message) : before.then((to) => to.send(message).then(() => to));
  // What follows one of these two must not overtake it on the way to the server.
  if (isFirst) remote = sent;
  if (rpc.isInitializedNotification(message)) remote = sent.catch(() => before);
  sent.catch((error: Error) => {
    if (!rpc.isJSONRPCRequest(message)) return;
    const known = findMcpOAuthError(error);
    const data = known && { data: { code: known.code, retryable: known.retryable } };
    const answer = { code: -32_000, message: (known ?? error).message, ...data };
    void host.send({ jsonrpc: '2.0', id: message.id, error: answer });
  });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave(0));
process.stdin.once('end', () => void leave(0));
// Each write to a host that is gone fails anew, and the notices need no reader.
process.stdout.on('error', () => void leave(1));
process.stderr.on('error', () => undefined);
await host.start();
