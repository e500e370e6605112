import { createClientPool } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisTokenStore } from '../../src/stores/redis-token-store.js';
import { describeTokenStore } from '../stores/contract.js';
import { type RedisCluster, startRedisCluster } from './redis-cluster.js';
import { type RedisServer, startRedis, type TestClient } from './redis-server.js';

const KEY = Buffer.alloc(32, 7).toString('base64');

describe('RedisTokenStore over a real Redis', () => {
  let server: RedisServer;
  let client: TestClient;
  beforeAll(async () => {
    server = await startRedis();
    client = await server.client();
  });
  afterAll(() => server.stop());

  const kinds = {
    plain: {},
    encrypted: { encryptionKey: KEY },
    'forgetting what is idle': { idleTtlMs: 60_000 },
    'with a prefix full of pattern characters': { prefix: 'app*[?]\\:' },
  };
  for (const [name, options] of Object.entries(kinds)) {
    describeTokenStore(`Redis, ${name}`, async (clock) => {
      await client.flushAll();
      const store = () => new RedisTokenStore({ client, clock, ...options });
      return { store: store(), reopen: store };
    });
  }

  describeTokenStore('Redis through a pool of connections', async (clock) => {
    await client.flushAll();
    const pool = createClientPool({ url: server.url }, { maximum: 4 });
    pool.on('error', () => {});
    await pool.connect();
    return {
      store: new RedisTokenStore({ client: pool, clock }),
      dispose: async () => pool.destroy(),
    };
  });
});

describe('RedisTokenStore over a real cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  describeTokenStore('Redis cluster, encrypted', async (clock) => {
    await cluster.flush();
    return { store: new RedisTokenStore({ client: cluster.client, clock, encryptionKey: KEY }) };
  });

  it('spreads the keys over the masters and lists them all', async () => {
    await cluster.flush();
    const store = new RedisTokenStore({ client: cluster.client });
    const keys = Array.from({ length: 60 }, (_, index) => `session/${index}`);
    for (const key of keys) await store.lock(key, (lease) => store.set(key, 'v', { lease }));
    const sizes = await Promise.all(
      cluster.client.masters.map(async (node) => (await cluster.client.nodeClient(node)).dbSize()),
    );
    expect(sizes.filter((size) => size > 0)).toHaveLength(3);
    expect((await store.list('session/')).sort()).toEqual([...keys].sort());
  });
});
