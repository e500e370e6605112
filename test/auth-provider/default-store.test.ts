import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProviderOn } from '../../src/auth-provider.js';
import { type AuthEvent, type AuthProviderOptions, KeychainTokenStore } from '../../src/index.js';
import { type KeychainMode, SystemStandIn } from '../stores/system-stand-in.js';
import { ManualClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { closers, person, rpc, TestClock, until } from './support.js';

const { closing, closeAll } = closers();
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'default-store-'));
});
afterEach(async () => {
  await closeAll();
  await rm(home, { recursive: true, force: true });
});

const selections = (events: AuthEvent[]) => events.filter(({ type }) => type === 'store_selected');

/** A server, a person, and providers without a store on the machine that a test gives. */
async function machine() {
  const server = closing(await startRotatingServer());
  const who = closing(person());
  const start = (system: SystemStandIn, options: Partial<AuthProviderOptions> = {}) => {
    const events: AuthEvent[] = [];
    const provider = closing(
      createAuthProviderOn(system, {
        serverUrl: server.url,
        clientMetadata: { client_name: 'Acme IDE' },
        openBrowser: who.openBrowser,
        onEvent: (event) => void events.push(event),
        ...options,
      }),
    );
    return { provider, events };
  };
  return { server, who, start };
}

describe('a provider whose keychain denies', () => {
  it('F34: fails 50 calls with store_failed, asks it once and opens no tab, and works when it is allowed to', async () => {
    const { server, who, start } = await machine();
    const system = new SystemStandIn(home, 'denies');
    const clock = new TestClock();
    const store = new KeychainTokenStore({ keytar: system.keytar, lockDirectory: join(home, 'locks'), clock });
    const { provider } = start(system, { store, clock });
    const calls = Array.from({ length: 50 }, () => failure(provider.fetch(server.url, rpc('ping'))));
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 'store_failed', message: expect.stringContaining('access was refused') });
    }
    // Those that come one by one ask it no more than those at once.
    for (let n = 0; n < 5; n++) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'store_failed' });
    }
    expect(system.calls).toEqual(['get']);
    expect(who.tabs).toEqual([]);

    system.mode = 'works';
    clock.advance(5_000);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('a provider without a store', () => {
  it.each<[KeychainMode, 'keychain' | 'file', RegExp]>([
    ['works', 'keychain', /keychain works/],
    ['absent', 'file', /cannot be used: .*Encrypted files in/],
    ['denies', 'file', /cannot be used: .*Encrypted files in/],
    ['locked', 'file', /cannot be used: .*Encrypted files in/],
  ])('F32: with a keychain that %s keeps its session in the %s, and says so once by an event and in session()', async (mode, kind, why) => {
    const { server, who, start } = await machine();
    const system = new SystemStandIn(home, mode);
    const { provider, events } = start(system);
    expect([events, system.calls]).toEqual([[], []]);
    const calls = [1, 2, 3].map(() => provider.fetch(server.url, rpc('ping')));
    for (const response of await Promise.all(calls)) expect(response.status).toBe(200);
    const { store, signedIn } = await provider.session();
    expect(signedIn).toBe(true);
    expect(store).toEqual({ kind, reason: expect.stringMatching(why) });
    expect(selections(events)).toEqual([{ type: 'store_selected', ...store }]);
    expect(events[0]?.type).toBe('store_selected');

    // The next start of the program signs in silently.
    const next = start(system.anotherProcess()).provider;
    expect((await next.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect((await next.session()).store.kind).toBe(kind);
    expect(who.tabs).toHaveLength(1);
  });

  it('says where it keeps what it has when session() is the first call', async () => {
    const { start } = await machine();
    const { provider, events } = start(new SystemStandIn(home));
    expect(await provider.session()).toMatchObject({ signedIn: false, store: { kind: 'keychain' } });
    expect(selections(events)).toHaveLength(1);
  });

  it('F5: goes on with the session of the files when the keychain works at the next start, without a browser', async () => {
    const { server, who, start } = await machine();
    const system = new SystemStandIn(home, 'locked');
    const first = start(system).provider;
    await first.authorize();
    const second = start(system.anotherProcess('works')).provider;
    expect((await second.fetch(server.url, rpc('ping'))).status).toBe(200);
    server.revokeAllAccessTokens();
    // Both are alive: they share one refresh.
    for (const provider of [first, second, first])
      expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.familiesRevoked).toBe(0);
    expect(who.tabs).toHaveLength(1);
  });

  it('F43: stays signed out when the keychain works at the next start', async () => {
    const { server, who, start } = await machine();
    const system = new SystemStandIn(home, 'locked');
    const { provider } = start(system);
    await provider.authorize();
    await provider.signOut();
    const next = start(system.anotherProcess('works')).provider;
    expect(await failure(next.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
    expect(who.tabs).toHaveLength(1);
  });

  it('F2: a window of the keychain and one that met it locked have sessions of their own, and neither ends the other', async () => {
    const { server, who, start } = await machine();
    const system = new SystemStandIn(home);
    const windows = [start(system).provider, start(system.anotherProcess('locked')).provider];
    for (let round = 0; round < 3; round += 1) {
      for (const window of windows) expect((await window.fetch(server.url, rpc('ping'))).status).toBe(200);
      server.revokeAllAccessTokens();
    }
    expect(server.familiesRevoked).toBe(0);
    expect(who.tabs).toHaveLength(2);
  });

  it('F34: ends the wait for a keychain that hangs with close(), and goes on with the files when it took too long', async () => {
    const { start } = await machine();
    const clock = new ManualClock();
    const system = new SystemStandIn(home, 'hangs');
    const [closed, patient] = [start(system, { clock }), start(system, { clock })];
    const refusals = [closed.provider.session(), closed.provider.token(), closed.provider.authorize()].map(failure);
    const session = patient.provider.session();
    await until(() => system.calls.length > 0, 'the keychain');
    await closed.provider.close();
    for (const error of await Promise.all(refusals)) expect(error).toMatchObject({ code: 'closed' });
    clock.advance(4_000);
    expect((await session).store).toMatchObject({ kind: 'file' });
    expect(selections(closed.events)).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
