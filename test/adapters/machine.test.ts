import { afterEach, describe, expect, it } from 'vitest';
import {
  type AuthProviderOptions,
  bearerToken,
  clientCredentials,
  createAuthProvider,
  MemoryTokenStore,
} from '../../src/index.js';
import { JOB_SECRET, startJobServers } from '../auth-provider/job-support.js';
import { closers, HOUR, TestClock } from '../auth-provider/support.js';
import { rejection } from '../support/failure.js';
import { oauthErrorIn } from '../with-oauth/support.js';
import { host, type Sdk } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** Longer than a token counts as young. */
const A_WHILE = 6_000;

async function place() {
  const { as, server } = closing(await startJobServers());
  const clock = new TestClock();
  const store = new MemoryTokenStore();
  const opened: string[] = [];
  const openBrowser = (url: string) => void opened.push(url);
  const open = (options: Partial<AuthProviderOptions> = {}) =>
    closing(
      createAuthProvider({
        serverUrl: server.url,
        grant: clientCredentials({ clientId: 'job', clientSecret: JOB_SECRET }),
        store,
        clock,
        openBrowser,
        ...options,
      }),
    );
  return { as, server, clock, opened, open, tokenRequests: () => as.counts.count('token') };
}

type Place = Awaited<ReturnType<typeof place>>;

/** A token that an operator could paste, and the way to another one. */
async function ownedTokens({ open }: Place) {
  let number = 0;
  return {
    async next(): Promise<string> {
      number += 1;
      const issuer = open({ store: new MemoryTokenStore(), account: String(number) });
      await issuer.authorize();
      return (await issuer.tokens.getAccessToken()) ?? '';
    },
  };
}

/** How a host gets at the tokens. */
const WAYS = {
  'toOAuthClientProvider() in v1': ['v1', 'client'],
  'toOAuthClientProvider() in v2': ['v2', 'client'],
  'token() and onUnauthorized() in v2': ['v2', 'provider'],
} as const satisfies Record<string, readonly [Sdk, 'client' | 'provider']>;

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('a machine by %s', (name) => {
  const [sdk, kind] = WAYS[name];
  const hostOf = ({ server }: Place, provider: ReturnType<Place['open']>) =>
    closing(host(sdk, server.url, { authProvider: kind === 'client' ? provider.toOAuthClientProvider() : provider }));
  /** The SDK posts nothing itself here, so the request that was refused has to be sent again by whoever called. */
  const losesOne = kind === 'client';

  it('F21: connects and calls a tool, with one token request, no registration and no browser', async () => {
    const world = await place();
    const opened = hostOf(world, world.open());
    await opened.connect();
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
    expect([world.tokenRequests(), world.as.counts.count('registration'), world.opened]).toEqual([1, 0, []]);
  });

  it('connects with a token that someone else owns', async () => {
    const world = await place();
    const token = await (await ownedTokens(world)).next();
    const before = world.tokenRequests();
    const opened = hostOf(world, world.open({ grant: bearerToken(token) }));
    await opened.connect();
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
    expect(world.tokenRequests()).toBe(before);
    expect(world.server.counts.count('POST /mcp', 401)).toBe(1);
  });

  it('F1: an expiry costs one token request for 20 calls, and no call', async () => {
    const world = await place();
    const opened = hostOf(world, world.open());
    await opened.connect();
    world.clock.advance(2 * HOUR);
    const texts = await Promise.all(Array.from({ length: 20 }, (_, n) => opened.call('echo', { text: String(n) })));
    expect(texts).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
    expect(world.tokenRequests()).toBe(2);
  });

  it('F24: a token that was revoked early costs one failed call at most, and the next works', async () => {
    const world = await place();
    const opened = hostOf(world, world.open());
    await opened.connect();
    world.clock.advance(A_WHILE);
    world.as.revokeAllAccessTokens();
    const outcome = await opened.call('echo', { text: 'first' }).catch((error: unknown) => oauthErrorIn(error));
    if (losesOne && outcome !== 'first') {
      expect(outcome).toMatchObject({ code: 'aborted', message: expect.stringContaining('again') });
    } else expect(outcome).toBe('first');
    expect(await opened.call('echo', { text: 'second' })).toBe('second');
    expect([world.tokenRequests(), world.opened]).toEqual([2, []]);
  });

  it('F1: 10 concurrent calls with it cost one token request, and then all works', async () => {
    const world = await place();
    const opened = hostOf(world, world.open());
    await opened.connect();
    world.clock.advance(A_WHILE);
    world.as.revokeAllAccessTokens();
    await Promise.allSettled(Array.from({ length: 10 }, () => opened.call('echo', { text: 'first' })));
    expect(world.tokenRequests()).toBe(2);
    expect(await opened.call('echo', { text: 'second' })).toBe('second');
    expect(world.tokenRequests()).toBe(2);
  });

  it('the same with a token from a function: it is asked once more, and the next call works', async () => {
    const world = await place();
    const owner = await ownedTokens(world);
    let asked = 0;
    const token = () => {
      asked += 1;
      return owner.next();
    };
    const opened = hostOf(world, world.open({ grant: bearerToken(token) }));
    await opened.connect();
    expect(asked).toBe(1);
    world.clock.advance(A_WHILE);
    world.as.revokeAllAccessTokens();
    const outcome = await opened.call('echo', { text: 'first' }).catch((error: unknown) => oauthErrorIn(error));
    if (losesOne && outcome !== 'first') expect(outcome).toMatchObject({ code: 'aborted' });
    expect(await opened.call('echo', { text: 'second' })).toBe('second');
    expect([asked, world.opened]).toEqual([2, []]);
  });

  it('a token of someone else that is refused ends connect() in an error that says whose it is', async () => {
    const world = await place();
    const opened = hostOf(world, world.open({ grant: bearerToken('not-a-token-of-this-server') }));
    const error = oauthErrorIn(await rejection(opened.connect()));
    expect(error).toMatchObject({ code: 'token_rejected', message: expect.stringContaining('bearerToken()') });
    expect(JSON.stringify(error) + error?.stack).not.toContain('not-a-token-of-this-server');
    expect(world.opened).toEqual([]);
  });

  it('a wrong secret ends connect() in the typed error, after one token request', async () => {
    const world = await place();
    const grant = clientCredentials({ clientId: 'job', clientSecret: 'an-old-secret-that-was-replaced' });
    const error = oauthErrorIn(await rejection(hostOf(world, world.open({ grant })).connect()));
    expect(error).toMatchObject({ code: 'invalid_client', stage: 'token' });
    expect(JSON.stringify(error) + error?.stack).not.toContain('an-old-secret');
    expect([world.tokenRequests(), world.as.counts.count('registration'), world.opened]).toEqual([1, 0, []]);
  });

  it('F25: takes what another window of the machine obtained', async () => {
    const world = await place();
    await world.open().authorize();
    const opened = hostOf(world, world.open());
    await opened.connect();
    expect(await opened.call('echo', { text: 'there' })).toBe('there');
    expect(world.tokenRequests()).toBe(1);
  });
});

describe.each(['v1', 'v2'] as const)('a machine`s requestInit in the %s transport', (sdk) => {
  it.each(['clientCredentials', 'bearerToken'])('F22: carries the token of %s() after authorize()', async (kind) => {
    const world = await place();
    const token = await (await ownedTokens(world)).next();
    const provider = world.open(kind === 'bearerToken' ? { grant: bearerToken(token) } : {});
    expect(provider.requestInit.headers).toEqual({});
    await provider.authorize();
    const opened = closing(host(sdk, world.server.url, { requestInit: provider.requestInit }));
    await opened.connect();
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
    await provider.signOut();
    expect(provider.requestInit.headers).toEqual({});
  });
});
