import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { FetchLike } from '../../src/types.js';

/** A server on loopback, and how to end it with all its connections. */
export async function serve(listener: RequestListener): Promise<{ url: string; port: number; stop(): Promise<void> }> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, port, stop };
}

/**
 * A proxy on loopback that tunnels by CONNECT: whatever host it is asked for, to the port that `portOf` says. Answers
 * `refuse`, where given, in place of a tunnel; `''` is silence.
 */
export async function serveProxy(portOf: (target: string) => number, refuse?: string) {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    asked.push({ target: `${request.method} ${request.url}`, authorization: undefined });
    response.writeHead(400).end();
  });
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  server.on('connect', (request, client: Socket) => {
    const target = request.url ?? '';
    asked.push({ target, authorization: request.headers['proxy-authorization'] });
    if (refuse !== undefined) return refuse === '' ? undefined : client.end(refuse);
    const upstream = connect(portOf(target), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream.on('error', () => client.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, port, asked, stop };
}

/** A fetch that answers from a table, and what it was asked. */
export function fakeFetch(answer: (url: string, init: RequestInit) => Response | Promise<Response>) {
  const calls: { url: string; init: RequestInit }[] = [];
  const fetch = (async (url: string, init: RequestInit = {}) => {
    calls.push({ url, init });
    return answer(url, init);
  }) as FetchLike;
  return { fetch, calls };
}
