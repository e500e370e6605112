// Run in a process of its own by redis-lock.system.test.ts: holds the lock of `a`, and writes with its lease each time a line comes in.
import { createInterface } from 'node:readline';
import { createClient } from 'redis';
import { RedisTokenStore } from '../../src/stores/redis-token-store.js';

const [url = '', lockTtlMs = ''] = process.argv.slice(2);
const client = createClient({ url });
client.on('error', () => {});
await client.connect();
const store = new RedisTokenStore({ client, lockTtlMs: Number(lockTtlMs) });
await store.lock('a', async (lease) => {
  process.stdout.write('held\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = await store.set('a', line, { lease }).then(
      () => 'written',
      (error: { code?: string }) => error.code ?? 'unknown error',
    );
    process.stdout.write(`${outcome} ${lease.signal.aborted ? 'aborted' : 'live'}\n`);
  }
});
client.destroy();
