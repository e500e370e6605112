import { createServer, type Socket } from 'node:net';

/** A server on loopback that writes what it likes once a request has come. */
export interface RawServer {
  readonly url: string;
  /** What was received, a text for each request. */
  readonly requests: readonly string[];
  /** How many connections are open. */
  connections(): number;
  close(): Promise<void>;
}

/** Answers each request by `answer`, byte by byte where it wants. */
export async function rawServer(answer: (socket: Socket, request: string) => void): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      requests.push(String(data));
      answer(socket, String(data));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    connections: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Writes `chunk` again and again as fast as it is taken, until the other side has had enough. */
export function flood(socket: Socket, chunk: string | Buffer): void {
  const write = () => {
    for (let count = 0; count < 100 && !socket.destroyed; count += 1) {
      if (socket.write(chunk)) continue;
      socket.once('drain', write);
      return;
    }
    if (!socket.destroyed) setImmediate(write);
  };
  write();
}
