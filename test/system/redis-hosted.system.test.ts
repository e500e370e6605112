import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProvider, type TokenSet } from '../../src/index.js';
import { RedisTokenStore } from '../../src/stores/redis-token-store.js';
import { failure } from '../support/failure.js';
import { closers, person } from '../with-oauth/support.js';
import { type RedisServer, startRedis, type TestClient } from './redis-server.js';

const INSTANCE = fileURLToPath(new URL('redis-instance.ts', import.meta.url));
const { closing, closeAll } = closers();
const redirectUrl = 'com.example.app:/callback';
const encryptionKey = randomBytes(32).toString('base64');
const rpc = { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) };

describe('hosted instances that share a Redis', () => {
  let redis: RedisServer;
  let client: TestClient;
  beforeAll(async () => {
    redis = await startRedis();
    client = await redis.client();
  });
  beforeEach(async () => void (await client.flushAll()));
  afterEach(closeAll);
  afterAll(() => redis.stop());

  /** One instance of the application, with a connection and a store of its own. */
  async function instance(serverUrl: string, account: string, options = {}) {
    const store = new RedisTokenStore({ client: await redis.client(), encryptionKey });
    return closing(createAuthProvider({ serverUrl, account, store, redirectUrl, ...options }));
  }

  it('F48: a sign-in begun on one is finished by another process, and the first goes on with it', async () => {
    const mcp = closing(await startRotatingServer());
    const first = await instance(mcp.url, 'alice');
    const { code, url = '' } = await failure(first.fetch(mcp.url, rpc));
    expect(code).toBe('authorization_required');
    const visit = await playPerson(url);
    expect(visit.redirected).toBe(true);

    const finish = async (account: string) => {
      const args = [redis.url, mcp.url, account, redirectUrl, encryptionKey, visit.url];
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', INSTANCE, ...args]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    expect(await finish('bob')).toEqual({ refused: 'invalid_callback' });
    expect((await failure(first.fetch(mcp.url, rpc))).code).toBe('authorization_required');
    expect(await finish('alice')).toMatchObject({ signedIn: true, scope: ['mcp:read'] });
    expect((await first.fetch(mcp.url, rpc)).status).toBe(200);
    expect(await finish('alice')).toEqual({ refused: 'state_mismatch' });

    const bob = await instance(mcp.url, 'bob');
    expect(await bob.session()).toMatchObject({ signedIn: false });
    expect((await failure(bob.fetch(mcp.url, rpc))).code).toBe('authorization_required');
    expect(mcp.counts.count('token:authorization_code')).toBe(1);
  });

  it('nothing secret lies in Redis in the clear, and the keys say whose they are', async () => {
    const mcp = closing(await startRotatingServer());
    const provider = await instance(mcp.url, 'alice');
    const { url = '' } = await failure(provider.fetch(mcp.url, rpc));
    await provider.finishAuthorization((await playPerson(url)).url);
    const { accessToken, refreshToken } = (await provider.tokens.current()) as TokenSet;
    const names = await client.keys('*');
    const types = await Promise.all(names.map(async (name) => [name, await client.type(name)] as const));
    const values = types.filter(([, type]) => type === 'string').map(([name]) => client.get(name));
    const content = (await Promise.all(values)).join('\n');
    expect(content).not.toContain(accessToken);
    expect(content).not.toContain(refreshToken);
    expect(names.filter((name) => name.startsWith('mcp-oauth:{session/') && name.endsWith('}'))).toHaveLength(1);
    expect(names.join('\n')).toContain('alice');
  });

  it('F2: 20 providers over two connections, 5 calls each at expiry: one refresh, no reuse, no prompt', async () => {
    const mcp = closing(await startRotatingServer());
    const who = closing(person());
    const other = new RedisTokenStore({ client: await redis.client(), encryptionKey });
    const store = new RedisTokenStore({ client, encryptionKey });
    const open = (index: number) => {
      const own = { store: index % 2 === 0 ? store : other, openBrowser: who.openBrowser };
      return closing(createAuthProvider({ serverUrl: mcp.url, account: 'alice', ...own }));
    };
    const providers = Array.from({ length: 20 }, (_, index) => open(index));
    const statuses = async () => {
      const calls = providers.flatMap((provider) => Array.from({ length: 5 }, () => provider.fetch(mcp.url, rpc)));
      return new Set((await Promise.all(calls)).map(({ status }) => status));
    };
    expect(await statuses()).toEqual(new Set([200]));
    for (let round = 1; round <= 3; round += 1) {
      const [provider] = providers;
      const tokens = (await provider?.tokens.current()) as TokenSet;
      await provider?.tokens.setTokens({ ...tokens, expiresAt: Date.now() - 1 });
      for (const each of providers) await each.tokens.reload();
      mcp.counts.reset();
      expect(await statuses()).toEqual(new Set([200]));
      expect([mcp.counts.count('token:refresh_token'), mcp.familiesRevoked, who.tabs.length]).toEqual([1, 0, 1]);
    }
  });
});
