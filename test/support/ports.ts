import { createServer, type Server } from 'node:net';

/** A loopback port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = await listen(0);
  const address = server.address();
  await close(server);
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Whether somebody could listen on the loopback port of a redirect URI. */
export async function canBind(redirectUri: string): Promise<boolean> {
  const server = await listen(Number(new URL(redirectUri).port)).catch(() => undefined);
  if (server !== undefined) await close(server);
  return server !== undefined;
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
