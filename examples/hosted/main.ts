/**
 * A web application whose users connect to a protected MCP server. README.md beside this file has the variables and routes.
 *
 *   MCP_SERVER_URL=https://mcp.example.com/mcp npx tsx examples/hosted/main.ts
 */
import { once } from 'node:events';
import { MemoryTokenStore, RedisTokenStore, type TokenStore } from 'mcp-oauth-client';
import { createApp } from './app.js';

const { MCP_SERVER_URL, PORT = '3000', REDIS_URL, SESSION_KEY, NODE_ENV } = process.env;
const { ORIGIN = `http://localhost:${PORT}` } = process.env;

interface OpenedStore {
  readonly store: TokenStore;
  close(): void;
}

async function openStore(): Promise<OpenedStore> {
  if (!REDIS_URL) {
    console.error('REDIS_URL is not set: sessions are kept in memory, for this one instance, and end with it.');
    return { store: new MemoryTokenStore(), close: () => undefined };
  }
  if (!SESSION_KEY) throw new Error('SESSION_KEY is not set: 32 random bytes, e.g. of "openssl rand -base64 32".');
  const { createClient } = await import('redis');
  const client = createClient({ url: REDIS_URL });
  client.on('error', (error: Error) => console.error(`redis: ${error.message}`));
  await client.connect();
  return { store: new RedisTokenStore({ client, encryptionKey: SESSION_KEY }), close: () => client.destroy() };
}

if (!MCP_SERVER_URL) throw new Error('MCP_SERVER_URL is not set.');
const { store, close } = await openStore();
const app = createApp({ serverUrl: MCP_SERVER_URL, origin: ORIGIN, store, production: NODE_ENV === 'production' });
const server = app.listen(Number(PORT));
await once(server, 'listening');
console.log(`Listening at ${ORIGIN}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Requests under way are answered first.
    server.close(close);
    server.closeIdleConnections();
  });
}
