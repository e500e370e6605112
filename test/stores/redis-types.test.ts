import {
  createClient,
  createClientPool,
  createCluster,
  createSentinel,
  type RedisClientType,
  type RedisClusterType,
} from 'redis';
import { describe, expectTypeOf, it } from 'vitest';
import type { RedisClient } from '../../src/stores/redis-client.js';
import { RedisTokenStore, type RedisTokenStoreOptions } from '../../src/stores/redis-token-store.js';
import type { TokenStore } from '../../src/stores/token-store.js';

// What these assert is checked by tsc.
describe('the types of RedisTokenStore', () => {
  it('takes every kind of client that the package redis makes', () => {
    expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisClient>();
    expectTypeOf<RedisClientType>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createClientPool>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createSentinel>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisClient>();
    expectTypeOf<RedisClusterType>().toExtend<RedisClient>();
  });

  it('takes a client as an application writes it, and nothing else', () => {
    const makers = [
      () => new RedisTokenStore({ client: createClient({ url: 'redis://localhost' }) }),
      () => new RedisTokenStore({ client: createClientPool(), idleTtlMs: 1_000 }),
      () => new RedisTokenStore({ client: createCluster({ rootNodes: [] }), encryptionKey: new Uint8Array(32) }),
      () => new RedisTokenStore({ client: createSentinel({ name: 'main', sentinelRootNodes: [] }) }),
    ];
    expectTypeOf(makers).toExtend<(() => TokenStore)[]>();
    // @ts-expect-error - a URL is no client
    expectTypeOf<'redis://localhost'>().toExtend<RedisTokenStoreOptions['client']>();
    // @ts-expect-error - a client is needed
    const noClient: RedisTokenStoreOptions = {};
    expectTypeOf(noClient).toBeObject();
  });
});
