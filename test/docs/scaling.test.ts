import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as library from '../../src/index.js';
import { createTestServer } from '../../src/testing/index.js';
import { closers, rpc } from '../auth-provider/support.js';
import { fakeRedis } from '../stores/redis-support.js';
import { failure } from '../support/failure.js';
import { runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/scaling.md';
const DAY_MS = 86_400_000;

describe('the store of the guide for a million users', () => {
  /** Runs the block over a client that notes what it is asked. */
  async function start() {
    const redis = fakeRedis(async () => 1);
    const steps: unknown[] = [];
    const client = {
      ...redis.client,
      on: (event: string) => steps.push(event),
      connect: async () => steps.push('connected'),
    };
    const createClient = (options: object) => {
      steps.push(options);
      return client;
    };
    const load = runBlock<{ store: library.RedisTokenStore }>(
      PATH,
      "createClient({ url: 'redis:",
      { redis: { createClient } },
      { process, console },
    );
    return { load, steps, sent: redis.sent };
  }

  it('listens for errors before it connects, and writes encrypted, under its prefix and for 90 days', async () => {
    vi.stubEnv('MCP_TOKEN_KEY', randomBytes(32).toString('base64'));
    const { load, steps, sent } = await start();
    const { store } = await load;
    expect(steps).toEqual([{ url: 'redis://redis.internal:6379' }, 'error', 'connected']);
    await store.set('session/a', 'top secret');
    expect(sent.map(({ keys }) => keys)).toEqual([[expect.stringMatching(/^acme:mcp:/)]]);
    expect(JSON.stringify(sent)).not.toContain('top secret');
    expect(sent[0]?.arguments).toContain(String(90 * DAY_MS));
  });

  it('is refused without a key', async () => {
    vi.stubEnv('MCP_TOKEN_KEY', undefined);
    const { load } = await start();
    expect(await failure(load)).toMatchObject({ code: 'invalid_options' });
  });
});

describe('the providers of the guide for a million users', () => {
  const SERVER_URL = 'https://mcp.example.com/mcp';

  /** An instance, whose clock and timer the test moves. */
  async function instance(store = new library.MemoryTokenStore()) {
    const server = createTestServer({ url: SERVER_URL, cimd: true });
    const given: library.AuthProviderOptions[] = [];
    const { fetch, clock } = server;
    const createAuthProvider = (options: library.AuthProviderOptions) => {
      given.push(options);
      return closing(library.createAuthProvider({ ...options, fetch, clock }));
    };
    const timers: { everyMs: number; run: () => void }[] = [];
    let isHeld = true;
    const setInterval = (run: () => void, everyMs: number) => {
      timers.push({ everyMs, run });
      return {
        unref() {
          isHeld = false;
        },
      };
    };
    const { providerFor } = await runBlock<{ providerFor(userId: string, url: string): library.AuthProvider }>(
      PATH,
      'function providerFor',
      { 'mcp-oauth-client': { ...library, createAuthProvider } },
      { store, setInterval, Date: { now: () => clock.now() } },
    );
    expect([timers.map(({ everyMs }) => everyMs), isHeld]).toEqual([[60_000], false]);
    return { server, given, store, clock, providerFor, tick: () => timers[0]?.run() };
  }
  const isOpen = async (provider: library.AuthProvider) =>
    (await failure(provider.fetch(SERVER_URL, rpc('ping')))).code !== 'closed';

  it('are one for a user and a server, and closed when they were idle for a quarter of an hour', async () => {
    const { providerFor, clock, tick } = await instance();
    const alice = providerFor('alice', SERVER_URL);
    const bob = providerFor('bob', SERVER_URL);
    expect(bob).not.toBe(alice);
    expect(providerFor('alice', 'https://other.example.com/mcp')).not.toBe(alice);
    clock.advance(14 * 60_000);
    expect(providerFor('alice', SERVER_URL)).toBe(alice);
    clock.advance(60_000);
    tick();
    expect([await isOpen(alice), await isOpen(bob)]).toEqual([true, false]);
    expect(providerFor('bob', SERVER_URL)).not.toBe(bob);
  });

  it('finish at any instance what another one began, for the user it belongs to, with one client for all', async () => {
    const { server, store, given, providerFor } = await instance();
    const asked = await failure(providerFor('alice', SERVER_URL).authorize());
    expect(asked).toMatchObject({ code: 'authorization_required' });
    const callback = (await server.visit(asked.url ?? '')) ?? '';
    expect(callback).toMatch(/^https:\/\/app\.example\.com\/oauth\/callback\?/);
    const inTest = { fetch: server.fetch, clock: server.clock };
    const atAnother = (account: string) =>
      closing(library.createAuthProvider({ ...given[0], serverUrl: SERVER_URL, store, account, ...inTest }));
    const asBob = failure(atAnother('bob').finishAuthorization(callback));
    expect(await asBob).toMatchObject({ code: 'invalid_callback' });
    expect(await atAnother('alice').finishAuthorization(callback)).toMatchObject({
      signedIn: true,
      clientId: 'https://app.example.com/oauth/client.json',
    });
    expect(await providerFor('alice', SERVER_URL).session()).toMatchObject({ signedIn: true });
    expect(server.count('register')).toBe(0);
  });
});
