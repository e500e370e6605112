import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { type AuthEvent, createAuthProvider, type Lease, TokenManager, type TokenSet } from '../../src/index.js';
import { RedisTokenStore } from '../../src/stores/redis-token-store.js';
import { closers, person } from '../with-oauth/support.js';
import { startRedis } from './redis-server.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const HOUR = 3_600_000;
const tokenSet = (name: string, expiresInMs: number): TokenSet => ({
  accessToken: `access-${name}`,
  refreshToken: `refresh-${name}`,
  tokenType: 'bearer',
  issuedAt: Date.now() - 1_000,
  expiresAt: Date.now() + expiresInMs,
});

async function redis(options: Parameters<typeof startRedis>[0] = {}) {
  const server = await startRedis(options);
  closing({ close: server.stop });
  const client = await server.client();
  return { server, client };
}

const rpc = { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) };

describe('a Redis that goes away', () => {
  it('in mid-lock and comes back with what it had: the holder goes on and writes', async () => {
    const { server, client } = await redis({ persistent: true });
    const store = new RedisTokenStore({ client, lockTtlMs: 20_000 });
    await store.set('a', 'before');
    await store.lock('a', async (lease) => {
      await server.kill();
      await server.start();
      await store.set('a', 'after', { lease });
      expect(lease.signal.aborted).toBe(false);
    });
    expect(await store.get('a')).toBe('after');
  });

  it('in mid-lock and comes back empty: the lease ends, its write is refused, and the lock can be taken anew', async () => {
    const { server, client } = await redis();
    const store = new RedisTokenStore({ client, lockTtlMs: 1_500 });
    const lease = await store.lock('a', async (held) => {
      await server.kill();
      await server.start();
      await expect.poll(() => held.signal.reason, { timeout: 5_000 }).toMatchObject({ code: 'lease_lost' });
      await expect(store.set('a', 'late', { lease: held })).rejects.toMatchObject({ code: 'lease_lost' });
      return held;
    });
    expect(await store.get('a')).toBeUndefined();
    await store.lock('a', async (next: Lease) => {
      expect(next.token).not.toBe(lease.token);
      await store.set('a', 'anew', { lease: next });
    });
    expect(await store.get('a')).toBe('anew');
  });

  it('in mid-lock and stays away: the lease ends within lockTtlMs, and what is left is bounded', async () => {
    const { server, client } = await redis();
    const store = new RedisTokenStore({ client, lockTtlMs: 1_000, timeoutMs: 400 });
    const began = performance.now();
    await store.lock('a', async (lease) => {
      await server.kill();
      await expect(store.set('a', 'x', { lease })).rejects.toMatchObject({ code: 'store_failed' });
      await expect.poll(() => lease.signal.aborted, { timeout: 3_000 }).toBe(true);
      await expect(store.set('a', 'x', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
    });
    expect(performance.now() - began).toBeLessThan(2_500);
  });

  it('a write that was given up is not done later, over a newer one', async () => {
    const { server, client } = await redis({ persistent: true });
    const store = new RedisTokenStore({ client, timeoutMs: 300 });
    await server.kill();
    await expect(store.set('a', 'given up')).rejects.toMatchObject({ code: 'store_failed' });
    await server.start();
    await expect.poll(() => client.isReady, { timeout: 5_000 }).toBe(true);
    expect(await store.get('a')).toBeUndefined();
  });

  it('while a token is refreshed: the new tokens are used from memory, reported, and written once it is back', async () => {
    const { server, client } = await redis({ persistent: true });
    const store = new RedisTokenStore({ client, timeoutMs: 500 });
    const events: AuthEvent[] = [];
    let refreshes = 0;
    const options = {
      store,
      key: 'session/alice',
      onEvent: (event: AuthEvent) => void events.push(event),
      refresh: async () => {
        refreshes += 1;
        await server.kill();
        return tokenSet('new', HOUR);
      },
    };
    const manager = new TokenManager(options);
    await manager.setTokens(tokenSet('old', -1));
    expect(await manager.getAccessToken()).toBe('access-new');
    expect(await manager.getAccessToken()).toBe('access-new');
    const [error] = events.flatMap((event) => (event.type === 'store_error' ? [event.error] : []));
    expect(error).toMatchObject({ code: 'store_failed', stage: 'store' });
    expect(inspect(events, { depth: 9 })).not.toMatch(/(access|refresh)-(old|new)/);

    await server.start();
    await expect
      .poll(
        async () => {
          await manager.getAccessToken();
          return store.get('session/alice');
        },
        { timeout: 10_000 },
      )
      .toContain('refresh-new');
    expect(await new TokenManager(options).getAccessToken()).toBe('access-new');
    expect(refreshes).toBe(1);
    manager.close();
  });

  it('while 20 calls wait: each ends in bounded time with a typed error, and afterwards all work without a prompt', async () => {
    const { server, client } = await redis({ persistent: true });
    const mcp = closing(await startRotatingServer());
    const who = closing(person());
    const store = new RedisTokenStore({ client, timeoutMs: 800 });
    const open = () =>
      closing(createAuthProvider({ serverUrl: mcp.url, store, account: 'alice', openBrowser: who.openBrowser }));
    const first = open();
    expect((await first.fetch(mcp.url, rpc)).status).toBe(200);
    const tokens = (await first.tokens.current()) as TokenSet;
    await first.tokens.setTokens({ ...tokens, expiresAt: Date.now() - 1 });
    mcp.counts.reset();

    const providers = Array.from({ length: 20 }, open);
    const [key = ''] = await store.list('session/');
    const elsewhere = new RedisTokenStore({ client: await server.client() });
    let began = 0;
    const outcomes = await elsewhere.lock(key, async () => {
      const calls = providers.map((provider) => provider.fetch(mcp.url, rpc));
      const settled = Promise.allSettled(calls);
      await new Promise((resolve) => setTimeout(resolve, 200));
      began = performance.now();
      await server.kill();
      return settled;
    });
    expect(performance.now() - began).toBeLessThan(6_000);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'store_failed', stage: 'store' } });
    }
    await server.start();
    await expect.poll(() => client.isReady, { timeout: 5_000 }).toBe(true);
    const again = await Promise.all(providers.map((provider) => provider.fetch(mcp.url, rpc)));
    expect(again.map(({ status }) => status)).toEqual(providers.map(() => 200));
    expect([mcp.counts.count('token:refresh_token'), mcp.familiesRevoked, who.tabs.length]).toEqual([1, 0, 1]);
  });
});
