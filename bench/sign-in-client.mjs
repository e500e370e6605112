/**
 * Signs in by a browser and calls a tool, several times, and measures where the time goes. In plain JavaScript and a process of its
 * own: a loader that compiles TypeScript would slow down what the library loads on first use. Takes
 * `{ entry, sdk, url, browserUrl, directory, stores }` as its first message and sends an array of runs, one for each of `stores`.
 */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';

const [{ entry, sdk, url, browserUrl, directory, stores }] = await once(process, 'message');
const { FileTokenStore, MemoryTokenStore, withOAuth } = await import(entry);
const { Client, Transport } = await loadSdk();
const mcpPath = new URL(url).pathname;

/** When we waited for a server, as `[from, to]`: from the request's bytes to the answer's last, and connecting. */
let waits = [];
const sent = new Map();
const connecting = new Map();
// The stream that a transport keeps open for the server's own messages is waited for by nobody.
const isStream = ({ method, path }) => method === 'GET' && path === mcpPath;
const finish = (open, key) => {
  const from = open.get(key);
  open.delete(key);
  if (from !== undefined) waits.push([from, performance.now()]);
};
// Node's fetch and the undici that we load use the same channels.
subscribe('undici:client:sendHeaders', ({ request }) => {
  if (!isStream(request)) sent.set(request, performance.now());
});
for (const end of ['trailers', 'error']) subscribe(`undici:request:${end}`, ({ request }) => finish(sent, request));
const host = ({ connectParams: { hostname, port } }) => `${hostname}:${port}`;
subscribe('undici:client:beforeConnect', (message) => connecting.set(host(message), performance.now()));
for (const end of ['connected', 'connectError']) {
  subscribe(`undici:client:${end}`, (message) => finish(connecting, host(message)));
}

/** When the browser came back, when it was sent on to its page, and when it came for that. */
const seen = {};
const pathOf = ({ request }) => new URL(request.url, 'http://127.0.0.1').pathname;
subscribe('http.server.request.start', (message) => {
  if (pathOf(message) === '/callback') {
    seen.callback ??= performance.now();
    seen.cpuAtCallback ??= process.cpuUsage();
  }
  if (pathOf(message) === '/callback/done') seen.page ??= performance.now();
});
subscribe('http.server.response.finish', (message) => {
  if (pathOf(message) === '/callback') seen.sentOn ??= performance.now();
});

const measured = [];
for (const [run, store] of stores.entries()) measured.push(await signIn(run, store));
process.send(measured, () => process.disconnect());

async function signIn(run, store) {
  waits = [];
  sent.clear();
  for (const name of Object.keys(seen)) delete seen[name];
  const transport = withOAuth(Transport, url, {
    store:
      store === 'memory' ? new MemoryTokenStore() : new FileTokenStore({ directory: join(directory, String(run)) }),
    clientMetadata: { client_name: 'Acme IDE' },
    openBrowser(authorizationUrl) {
      seen.opened = performance.now();
      seen.cpuAtOpen = process.cpuUsage();
      post('open', authorizationUrl).catch(() => undefined);
    },
  });
  const client = new Client({ name: 'bench', version: '1.0.0' });
  const cpuAtStart = process.cpuUsage();
  const start = performance.now();
  await client.connect(transport);
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
  const end = performance.now();
  const cpuAtEnd = process.cpuUsage();
  if (result.content[0]?.text !== 'hi') throw new Error('the tool gave no result');
  const { opened, callback, sentOn, page, cpuAtOpen, cpuAtCallback } = seen;
  if (opened === undefined || callback === undefined) throw new Error('nobody signed in');
  const within = (spans, [from, to]) => covered(spans.map(([a, b]) => [Math.max(a, from), Math.min(b, to)]));
  const elsewhere = [...waits, [opened, callback]];
  await client.close();
  await post('end');
  return {
    store,
    total: end - start,
    browser: callback - opened,
    servers: within(waits, [start, opened]) + within(waits, [callback, end]),
    before: opened - start - within(waits, [start, opened]),
    after: end - callback - within(waits, [callback, end]),
    ours: end - start - within(elsewhere, [start, end]),
    cpu: cpuBetween(cpuAtStart, cpuAtOpen) + cpuBetween(cpuAtCallback, cpuAtEnd),
    page: page === undefined || sentOn === undefined ? 0 : page - sentOn,
  };
}

function cpuBetween(from, to) {
  return (to.user + to.system - from.user - from.system) / 1_000;
}

/** The length of what the spans cover together. */
function covered(spans) {
  let total = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const [from, to] of spans.filter(([a, b]) => b > a).toSorted(([a], [b]) => a - b)) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return total;
}

/** Tells the person at the browser something, beside what is measured: Node's own client is on other channels. */
async function post(what, body = '') {
  const message = httpRequest(`${browserUrl}/${what}`, { method: 'POST', agent: false });
  message.end(body);
  const [response] = await once(message, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  if (response.statusCode !== 204) throw new Error(`the browser: ${text}`);
}

async function loadSdk() {
  if (sdk === 'v2') {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    return { Client, Transport: StreamableHTTPClientTransport };
  }
  const [{ Client }, { StreamableHTTPClientTransport }] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
  ]);
  return { Client, Transport: StreamableHTTPClientTransport };
}
