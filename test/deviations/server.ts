import type { IncomingMessage, ServerResponse } from 'node:http';
import { listenOnLoopback, readBody } from '../../examples/servers/loopback-server.js';
import { createTestServer, type TestServer } from '../../src/testing/index.js';
import type { Deviation } from './deviation.js';

/** A test server on a loopback port, so that the requests of the library take their real way out. */
export interface DeviatingServer extends TestServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Starts one. Nothing in a deviation is optional for the client, all of it is enforced. */
export async function startDeviatingServer({ issuerPath = '', ...settings }: Deviation = {}): Promise<DeviatingServer> {
  const at: { server?: TestServer } = {};
  const { origin, close } = await listenOnLoopback(async (request, response) => {
    if (at.server !== undefined) await relay(request, response, at.server, origin);
  });
  const server = createTestServer({
    rotation: 'none',
    callbackIssuer: 'unsupported',
    defaultScope: '',
    url: `${origin}/mcp`,
    issuer: origin + issuerPath,
    ...settings,
  });
  at.server = server;
  return Object.assign(server, { origin, close });
}

/** The test server follows no redirect and reads no socket; where its `fetch` rejects, the connection ends without an answer. */
async function relay(request: IncomingMessage, response: ServerResponse, { fetch }: TestServer, origin: string) {
  const { method = 'GET', url = '/' } = request;
  const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || UNFIT.has(name) ? [] : [[name, String(value)]],
  );
  const body = await readBody(request);
  try {
    const answer = await fetch(origin + url, { method, headers, ...(body === '' ? {} : { body }) });
    const text = await answer.text();
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text);
  } catch {
    request.socket.destroy();
  }
}

/** Fields that a `Request` sets itself. */
const UNFIT: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
]);
