import { afterEach, describe, expect, it } from 'vitest';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { type Enterprise, startEnterprise } from './enterprise-support.js';
import { closers, HOUR, isPortFree, type Person, person, redirectUriOf, rpc, until } from './support.js';
import { contentsOf } from './traces.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const place = async (who?: Person) => closing(await startEnterprise(who));
/** A person who opens the tab and has not signed in yet. */
const hesitant = () => {
  const tabs: string[] = [];
  return { tabs, openBrowser: (url: string) => void tabs.push(url), close: async () => undefined };
};
const goOn = async (url: string | undefined) => (await fetch(url ?? '')).text();
const minutes = (count: number) => count * 60_000;
const exchangesBy = ({ idp }: Enterprise) => idp.exchanges.map(({ subjectTokenType }) => subjectTokenType);

describe("enterpriseManaged() with subjectToken: 'sign-in'", () => {
  it('signs the user in at the identity provider in one tab, and the next start is silent', async () => {
    const world = await place();
    const { open, one, idp, who } = world;
    const calls = Array.from({ length: 20 }, () => open().fetch(one, rpc('ping')));
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    const asked = new URL(who.tabs[0] ?? '');
    expect(asked.origin + asked.pathname).toBe(`${idp.issuer}/authorize`);
    expect(asked.searchParams.get('scope')?.split(' ')).toEqual(expect.arrayContaining(['openid', 'offline_access']));
    expect(asked.searchParams.has('resource')).toBe(false);

    expect((await open({}, { interactive: false }).fetch(one, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    expect(exchangesBy(world)).toEqual(['id_token']);
  });

  it('goes on with the ID token while it is valid, and refreshes it when it has expired', async () => {
    const world = await place();
    const { open, one, idp, who, settings, clock } = world;
    settings.accessTokenTtlS = 240;
    const provider = open();
    const call = async () => (await provider.fetch(one, rpc('ping'))).status;
    expect(await call()).toBe(200);
    clock.advance(minutes(5));
    expect(await call()).toBe(200);
    expect(idp.counts.count('token:refresh_token')).toBe(0);
    clock.advance(minutes(6));
    const calls = Array.from({ length: 100 }, call);
    for (const status of await Promise.all(calls)) expect(status).toBe(200);
    expect(idp.counts.count('token:refresh_token')).toBe(1);
    expect(exchangesBy(world)).toEqual(['id_token', 'id_token', 'id_token']);
    expect(who.tabs).toHaveLength(1);
  });

  it('presents the refresh token where a refresh brings no new ID token', async () => {
    const world = await place();
    const { open, one, who, settings, clock } = world;
    settings.idTokenOnRefresh = false;
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    clock.advance(HOUR);
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(exchangesBy(world)).toEqual(['id_token', 'refresh_token']);
    expect(who.tabs).toHaveLength(1);
  });

  it('asks for one new sign-in where the session there is dead, for all calls', async () => {
    const { open, one, idp, who, clock } = await place();
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    idp.revokeAll();
    clock.advance(HOUR);
    const calls = Array.from({ length: 20 }, () => provider.fetch(one, rpc('ping')));
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(who.tabs).toHaveLength(2);
    expect(idp.counts.count('token:refresh_token')).toBe(1);
  });

  it('that sign-in may take its time: longer than a refresh may', async () => {
    const who = hesitant();
    const { open, one, idp, clock } = await place(who);
    const provider = open();
    const first = provider.fetch(one, rpc('ping'));
    await until(() => who.tabs.length === 1, 'the tab');
    clock.advance(minutes(3));
    await goOn(who.tabs[0]);
    expect((await first).status).toBe(200);
    idp.revokeAll();
    clock.advance(HOUR);
    const later = provider.fetch(one, rpc('ping'));
    await until(() => who.tabs.length === 2, 'the second tab');
    clock.advance(minutes(3));
    await goOn(who.tabs[1]);
    expect((await later).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
  });

  it('no tab opens for a renewal ahead of time: the access token is valid', async () => {
    const { open, one, idp, who, events, clock } = await place();
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    idp.revokeAll();
    clock.advance(HOUR - 20_000);
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    // The refresh at the identity provider, and the renewal that needed it.
    await until(() => events.filter(({ type }) => type === 'refresh_failed').length === 2, 'the end of the renewal');
    for (let call = 0; call < 5; call += 1) expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    expect(idp.counts.count('token:refresh_token')).toBe(1);
  });

  it('two MCP servers of the enterprise share the one sign-in', async () => {
    const world = await place();
    const { open, one, two, who, as } = world;
    const first = open();
    const second = open({}, { serverUrl: two });
    const calls = [first.fetch(one, rpc('ping')), second.fetch(two, rpc('ping'))];
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    expect(world.idp.exchanges.map(({ resource }) => resource).sort()).toEqual([one, two]);
    expect(as.taken).toHaveLength(2);
  });

  it('F21: interactive: false says that someone has to sign in, and opens nothing', async () => {
    const { open, one, who, idp } = await place();
    const provider = open({}, { interactive: false });
    for (const attempt of [provider.fetch(one, rpc('ping')), provider.authorize()]) {
      expect(await failure(attempt)).toMatchObject({ code: 'interaction_required' });
    }
    expect([who.tabs, idp.counts.count('authorize')]).toEqual([[], 0]);
  });

  it('F22: a sign-in that only authorize() may bring is brought by authorize()', async () => {
    const { open, one, who } = await place();
    const reasons: string[] = [];
    const interactive = ({ reason }: { reason: string }) => {
      reasons.push(reason);
      return reason === 'authorize';
    };
    const provider = open({}, { interactive });
    expect(await failure(provider.fetch(one, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect(who.tabs).toEqual([]);
    await provider.authorize();
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect([who.tabs.length, reasons]).toEqual([1, ['unauthorized', 'authorize']]);
  });

  it('F42: authorize() with `prompt` asks the user at the identity provider again', async () => {
    const { open, who, idp } = await place();
    const provider = open();
    await provider.authorize();
    await provider.authorize({ authorizationParameters: { prompt: 'select_account' } });
    expect(who.tabs.map((url) => new URL(url).searchParams.get('prompt') ?? '').at(-1)).toContain('select_account');
    expect([who.tabs.length, idp.exchanges.length]).toEqual([2, 2]);
  });

  it('authorize() is the way out where the identity provider no longer takes its own ID token', async () => {
    const { open, one, idp, who, settings, clock } = await place();
    settings.accessTokenTtlS = 60;
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    idp.revokeAll({ idTokens: true });
    clock.advance(minutes(2));
    expect(await failure(provider.fetch(one, rpc('ping')))).toMatchObject({ code: 'token_request_failed' });
    expect(who.tabs).toHaveLength(1);
    await provider.authorize();
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
  });

  it('F43: signing out of one MCP server leaves the sign-in to the others, and to the way back', async () => {
    const { open, one, two, who } = await place();
    const first = open();
    const second = open({}, { serverUrl: two });
    await first.fetch(one, rpc('ping'));
    await first.signOut();
    expect(await failure(first.fetch(one, rpc('ping')))).toMatchObject({ code: 'signed_out' });
    expect((await second.fetch(two, rpc('ping'))).status).toBe(200);
    await first.authorize();
    expect((await first.fetch(one, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('F43: a sign-out at the identity provider itself holds until authorize(), which asks the user again', async () => {
    const { open, one, two, who, idp, store } = await place();
    const first = open();
    await first.fetch(one, rpc('ping'));
    await closing(createAuthProvider({ serverUrl: idp.issuer, store })).signOut();
    const second = open({}, { serverUrl: two });
    expect(await failure(second.fetch(two, rpc('ping')))).toMatchObject({ code: 'signed_out' });
    expect(who.tabs).toHaveLength(1);
    await second.authorize();
    expect((await second.fetch(two, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
  });

  it.each(['close', 'abort', 'time limit'] as const)('F23: %s while the tab is open releases the port', async (way) => {
    const who = hesitant();
    const { open, clock } = await place(who);
    const provider = open();
    const leaving = new AbortController();
    const waiting = failure(provider.authorize({ signal: leaving.signal }));
    await until(() => who.tabs.length === 1, 'the tab');
    const redirectUri = redirectUriOf(who.tabs[0] ?? '');
    expect(await isPortFree(redirectUri)).toBe(false);
    if (way === 'abort') leaving.abort();
    else if (way === 'close') await provider.close();
    else clock.advance(minutes(6));
    expect(await waiting).toMatchObject({
      code: { close: 'closed', abort: 'aborted', 'time limit': 'sign_in_timeout' }[way],
    });
    await expect.poll(() => isPortFree(redirectUri)).toBe(true);
  });

  it('F23: an aborted call leaves the tab to the others that wait', async () => {
    const who = hesitant();
    const { open, one } = await place(who);
    const provider = open();
    const leaving = new AbortController();
    const leaves = failure(provider.authorize({ signal: leaving.signal }));
    const stays = provider.fetch(one, rpc('ping'));
    await until(() => who.tabs.length === 1, 'the tab');
    leaving.abort();
    await leaves;
    await goOn(who.tabs[0]);
    expect((await stays).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('the ID token lies in the identity session alone, and no assertion anywhere', async () => {
    const { open, one, two, idp, store, secrets, clock } = await place();
    await open().fetch(one, rpc('ping'));
    clock.advance(HOUR);
    await open({}, { serverUrl: two }).fetch(two, rpc('ping'));
    const jwts = secrets().filter((secret) => secret.startsWith('eyJ'));
    expect(jwts.length).toBeGreaterThanOrEqual(3);
    const holders = [...(await contentsOf(store))].filter(([, value]) => jwts.some((jwt) => value.includes(jwt)));
    expect(holders.map(([key]) => key)).toEqual([`session/${encodeURIComponent(`${idp.issuer}/`)}/`]);
    for (const [, value] of await contentsOf(store))
      expect(value).not.toContain('the-secret-at-the-authorization-server');
  });

  it('an identity provider that issues no ID token is said to do so', async () => {
    const { open, one, settings, who } = await place();
    settings.idTokenOnSignIn = false;
    settings.idTokenOnRefresh = false;
    expect(await failure(open().fetch(one, rpc('ping')))).toMatchObject({
      code: 'invalid_response',
      message: expect.stringContaining('openid'),
    });
    expect(who.tabs).toHaveLength(1);
  });

  it('F4: an identity provider that is away at renewal is said to be so, nothing is lost and no tab opens', async () => {
    const { open, one, idp, who, clock, store } = await place();
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    const before = await contentsOf(store);
    clock.advance(HOUR);
    await idp.close();
    const error = await failure(provider.fetch(one, rpc('ping')));
    expect(error).toMatchObject({ retryable: true });
    expect(await contentsOf(store)).toEqual(before);
    expect(who.tabs).toHaveLength(1);
  });

  it.each([
    ['redirectUrl', { redirectUrl: 'https://app.example.com/callback' }, {}],
    ['a secret that is a function', {}, { clientSecret: () => 'secret' }],
  ])('%s is refused before anything is sent', async (_, options, client) => {
    const { open, idp } = await place();
    const identityProvider = { issuer: idp.issuer, clientId: 'app', ...client };
    expect(() => open({ identityProvider }, options)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });

  it('another account has a sign-in of its own', async () => {
    const { open, one, who } = await place();
    for (const account of ['work', 'other']) await open({}, { account }).fetch(one, rpc('ping'));
    expect(who.tabs).toHaveLength(2);
  });

  it('another store has a sign-in of its own', async () => {
    const { open, one, who } = await place(person());
    await open().fetch(one, rpc('ping'));
    await open({}, { store: new MemoryTokenStore() }).fetch(one, rpc('ping'));
    expect(who.tabs).toHaveLength(2);
  });
});
