import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../support/failure.js';
import { DISTRESS, FAULTS, type Fault, INTRUDERS } from './broken-server.js';
import { closers, HOUR, type Place, place, rpc, signedIn, until, whileTimePasses } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SILENT: Readonly<Record<string, Fault>> = { ...FAULTS, 'HTTP 503': DISTRESS['HTTP 503'] as Fault };
const ALL: Readonly<Record<string, Fault>> = { ...INTRUDERS, ...SILENT };
const METADATA = /^\/\.well-known\/oauth-authorization-server/;
const RESOURCE = /^\/\.well-known\/oauth-protected-resource/;

/** What there was of it so far. */
interface SignIns {
  readonly tabs: number;
  readonly registrations: number;
}

const expectSignIns = ({ who, server }: Place, { tabs, registrations }: SignIns) =>
  expect([who.tabs.length, server.counts.count('register')]).toEqual([tabs, registrations]);

/** The network is good again: a call works, and with it there was so much. */
async function expectCallWorks(at: Place, signIns: SignIns): Promise<void> {
  at.network.break(undefined);
  expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
  expectSignIns(at, signIns);
}

describe('a first sign-in behind a bad network', () => {
  it.each([
    ...Object.keys(SILENT).map((name) => [name, { retryable: true, stage: 'discovery' }] as const),
    // What stands in the way may do so for ever.
    ...Object.keys(INTRUDERS).map((name) => [name, { stage: 'discovery' }] as const),
  ])('F4: %s at discovery opens no browser and registers nothing, and the next call signs in once', async (name, expected) => {
    const at = closing(await place());
    for (const path of [RESOURCE, METADATA]) {
      at.network.break(ALL[name], path);
      expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject(expected);
    }
    expect(at.network.faults).toBeGreaterThan(1);
    expectSignIns(at, { tabs: 0, registrations: 0 });
    await expectCallWorks(at, { tabs: 1, registrations: 1 });
  });

  it.each(
    Object.keys(ALL),
  )('F4: %s at registration opens no browser, and the next call signs in once', async (name) => {
    const at = closing(await place());
    at.network.break(ALL[name], /^\/register/);
    expect((await failure(at.provider.fetch(at.url, rpc('ping')))).stage).toBe('registration');
    expect([at.network.faults > 0, at.who.tabs.length]).toEqual([true, 0]);
    await expectCallWorks(at, { tabs: 1, registrations: 1 });
  });

  it.each(
    Object.keys(ALL),
  )('F4: %s when the code is to be exchanged keeps the registration and asks nobody again by itself', async (name) => {
    const at = closing(await place());
    at.network.break(ALL[name], /^\/token/);
    expect((await failure(at.provider.fetch(at.url, rpc('ping')))).stage).toBe('token');
    expect([at.network.faults > 0, at.who.tabs.length]).toEqual([true, 1]);
    await expectCallWorks(at, { tabs: 2, registrations: 1 });
  });

  it('F4: a network that is away altogether is one error, and the sign-in works once it is back', async () => {
    const at = closing(await place());
    await at.network.down();
    expect(await failure(at.provider.authorize())).toMatchObject({ code: 'network_error', retryable: true });
    await at.network.up();
    expect((await at.provider.authorize()).signedIn).toBe(true);
    expectSignIns(at, { tabs: 1, registrations: 1 });
  });
});

describe('a sign-out behind a bad network', () => {
  it.each(
    Object.keys(ALL),
  )('F43: %s at the revocation ends the session here all the same, and does not throw', async (name) => {
    const at = closing(await signedIn());
    at.network.break(ALL[name], /^\/revoke/);
    const { revoked } = await at.provider.signOut();
    expect(at.network.faults).toBeGreaterThan(0);
    // A success is one by its status, whatever stands in it (RFC 7009 section 2.2).
    expect(revoked).toBe(/with 200|empty 200/.test(name));
    expect(await at.provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  });

  it('F43: a server that says nothing keeps nobody waiting for more than 10 s', async () => {
    const at = closing(await signedIn());
    at.network.break(() => undefined, /^\/revoke/);
    const from = at.clock.now();
    expect((await whileTimePasses(at.clock, 50, at.provider.signOut())).revoked).toBe(false);
    expect(at.clock.now() - from).toBeLessThan(12_000);
  });
});

describe('a machine that sleeps', () => {
  it('F4: for 8 hours between two calls costs one refresh', async () => {
    const at = closing(await signedIn());
    at.clock.advance(8 * HOUR);
    at.server.counts.reset();
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token'), at.who.tabs.length]).toEqual([1, 1]);
  });

  it('F4: in the middle of a refresh ends that one, and the next call refreshes', async () => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(() => undefined, /^\/token/);
    const call = failure(at.provider.fetch(at.url, rpc('ping')));
    await until(() => at.network.faults > 0);
    // Every time limit of the refresh is over at once when it wakes up; then the network is not back yet.
    at.clock.advance(8 * HOUR);
    expect(await whileTimePasses(at.clock, HOUR, call)).toMatchObject({ code: 'timeout', retryable: true });
    at.network.break(undefined);
    at.server.counts.reset();
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token:refresh_token'), at.who.tabs.length]).toEqual([1, 1]);
  });

  it('F4: in the middle of a sign-in ends that one, and the next call signs in', async () => {
    let sleeps = true;
    const at = closing(await place());
    const asleep = at.another({
      openBrowser: (url) => (sleeps ? undefined : at.who.openBrowser(url)),
    });
    const call = failure(asleep.fetch(at.url, rpc('ping')));
    await until(() => at.events.some(({ type }) => type === 'authorization_url'));
    at.clock.advance(8 * HOUR);
    expect(await call).toMatchObject({ code: 'sign_in_timeout' });
    sleeps = false;
    expect((await asleep.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect(at.who.tabs).toHaveLength(1);
  });
});

describe('a clock that is minutes off', () => {
  it.each([
    -10, -3, 3, 10,
  ])('F5: %d minutes against the server: the sign-in, calls and a refresh work, one refresh for one token', async (minutes) => {
    const at = closing(await place());
    at.clock.advance(minutes * 60_000);
    await at.provider.authorize();
    for (let call = 0; call < 3; call += 1) expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect(at.server.counts.count('token')).toBe(1);
    at.clock.advance(HOUR);
    for (let call = 0; call < 3; call += 1) expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token:refresh_token'), at.who.tabs.length]).toEqual([1, 1]);
  });

  it.each([
    -10, 10,
  ])('F5: set right by %d minutes while a token is valid: nobody is asked, and at most one refresh follows', async (minutes) => {
    const at = closing(await signedIn());
    at.clock.advance(minutes * 60_000);
    at.server.counts.reset();
    for (let call = 0; call < 5; call += 1) expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect(at.server.counts.count('token')).toBeLessThanOrEqual(1);
    expect(at.who.tabs).toHaveLength(1);
  });

  it('F5: set back by an hour: what was discovered then is not taken for young, and is asked for again', async () => {
    const at = closing(await signedIn());
    const again = () => at.provider.authorize({ authorizationParameters: { prompt: 'login' } });
    at.server.counts.reset();
    await again();
    expect(at.server.counts.count('server-metadata')).toBe(0);
    at.clock.advance(-HOUR);
    await again();
    expect(at.server.counts.count('server-metadata')).toBe(1);
  });
});
