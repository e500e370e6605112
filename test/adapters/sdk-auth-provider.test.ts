import { afterEach, describe, expect, it } from 'vitest';
import { closers, HOUR, scene } from '../auth-provider/support.js';
import { failure, rejection } from '../support/failure.js';
import { oauthErrorIn } from '../with-oauth/support.js';
import { host } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** Longer than a token counts as young. */
const A_WHILE = 6_000;

async function connected(...args: Parameters<typeof scene>) {
  const world = closing(await scene(...args));
  const { provider, server } = world;
  const opened = closing(host('v2', server.url, { authProvider: provider }));
  await opened.connect();
  return { ...world, opened };
}

describe('token() and onUnauthorized() in the v2 transport', () => {
  it('F24: signs in inside connect; tools work', async () => {
    const { opened, who } = await connected();
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
    expect(who.tabs).toHaveLength(1);
  });

  it('F1: an expiry costs one refresh for all calls', async () => {
    const { opened, server, clock } = await connected();
    clock.advance(2 * HOUR);
    await Promise.all(Array.from({ length: 10 }, (_, n) => opened.call('echo', { text: String(n) })));
    expect(server.counts.count('token:refresh_token')).toBe(1);
  });

  it('F1: concurrent 401s cost one refresh, and no call fails', async () => {
    const { opened, server, clock, who } = await connected();
    clock.advance(A_WHILE);
    server.revokeAllAccessTokens();
    const texts = await Promise.all(Array.from({ length: 10 }, (_, n) => opened.call('echo', { text: String(n) })));
    expect(texts).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(who.tabs).toHaveLength(1);
  });

  it('F24: a dead refresh token costs one sign-in inside the call', async () => {
    const { opened, server, clock, who } = await connected();
    clock.advance(A_WHILE);
    server.revokeAllFamilies();
    expect(await opened.call('echo', { text: 'back' })).toBe('back');
    expect(who.tabs).toHaveLength(2);
  });

  it('F25: takes what another window stored', async () => {
    const { opened, server, clock, another } = await connected();
    const window = another();
    await window.tokens.getAccessToken();
    clock.advance(A_WHILE);
    server.revokeAllAccessTokens();
    await window.tokens.refresh((await window.tokens.getAccessToken()) as string);
    expect(await opened.call('echo', { text: 'there' })).toBe('there');
    expect(server.counts.count('token:refresh_token')).toBe(1);
  });

  it('F13: a 401 of a request that went out before the first sign-in opens no second tab', async () => {
    const { provider, server, who } = closing(await scene());
    const refusal = () => new Response(null, { status: 401 });
    expect(await provider.token()).toBeUndefined();
    const context = () => ({ response: refusal(), serverUrl: new URL(server.url), fetchFn: fetch });
    await provider.onUnauthorized(context());
    await provider.onUnauthorized(context());
    expect(who.tabs).toHaveLength(1);
  });

  it('F43, F21: signed_out and interaction_required reach the application', async () => {
    const { opened, provider } = await connected();
    await provider.signOut();
    expect(oauthErrorIn(await rejection(opened.call('echo')))).toMatchObject({ code: 'signed_out' });
    const silent = closing(await scene({ interactive: false }));
    const refused = closing(host('v2', silent.server.url, { authProvider: silent.provider }));
    expect(oauthErrorIn(await rejection(refused.connect()))).toMatchObject({ code: 'interaction_required' });
  });

  it('F23: close() ends it', async () => {
    const { provider } = closing(await scene());
    await provider.close();
    expect(await failure(provider.token())).toMatchObject({ code: 'closed' });
  });
});

describe.each(['v1', 'v2'] as const)('requestInit in the %s transport', (sdk) => {
  it('F22: carries the cached token, the refreshed one too', async () => {
    const { provider, server, clock } = closing(await scene());
    await provider.authorize();
    const opened = closing(host(sdk, server.url, { requestInit: provider.requestInit }));
    await opened.connect();
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
    clock.advance(2 * HOUR);
    await provider.tokens.getAccessToken();
    const accepted = server.counts.count('mcp:tools/call', 200);
    expect(await opened.call('echo', { text: 'later' })).toBe('later');
    expect(server.counts.count('mcp:tools/call', 200)).toBe(accepted + 1);
  });
});
