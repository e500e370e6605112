import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { failure } from '../support/failure.js';
import { callbackOf, callTool, closers, person, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const redirectUrl = 'https://app.example.com/callback';

/** A hosted application: it brings the person to the URL itself. */
async function hosted(options: Parameters<typeof scene>[0] = {}, serverOptions?: Parameters<typeof scene>[1]) {
  const world = closing(await scene({ redirectUrl, openBrowser: undefined as never, ...options }, serverOptions));
  const required = async (provider = world.provider) => {
    const error = await failure(provider.fetch(world.server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'authorization_required', stage: 'authorization' });
    return error.url as string;
  };
  return { ...world, required };
}

describe('redirectUrl without openBrowser', () => {
  it('F48: rejects with the URL, and another instance over the same store completes the sign-in', async () => {
    const { provider, server, required, another } = await hosted();
    const url = await required();
    expect(new URL(url).searchParams.get('redirect_uri')).toBe(redirectUrl);
    const session = await another().finishAuthorization(await callbackOf(url));
    expect(session).toMatchObject({ signedIn: true, scope: ['mcp:read'], registration: 'dynamic' });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect((await provider.fetch(server.url, callTool('echo'))).status).toBe(200);
  });

  it('gives the same URL every time it is asked, and authorize() gives one too', async () => {
    const { provider, required, store } = await hosted();
    const urls: string[] = [];
    for (let call = 0; call < 6; call += 1) urls.push(await required());
    expect(new Set(urls).size).toBe(1);
    // However many requests come meanwhile, one transaction waits in the store.
    expect(await store.list('transaction/')).toHaveLength(1);
    expect(await failure(provider.authorize())).toMatchObject({ code: 'authorization_required' });
  });

  it('gives a new URL once the one before is used or nearly over', async () => {
    const { provider, required, clock } = await hosted();
    const first = await required();
    clock.advance(250_000);
    const second = await required();
    expect(second).not.toBe(first);
    await provider.finishAuthorization(await callbackOf(second));
    expect(await provider.session()).toMatchObject({ signedIn: true });
  });

  it('F48: refuses the callback of another account or server and leaves it to its owner', async () => {
    const { required, another, store, clock, provider } = await hosted({ account: 'alice' });
    const callback = await callbackOf(await required());
    const bob = another({ account: 'bob' });
    expect(await failure(bob.finishAuthorization(callback))).toMatchObject({
      code: 'invalid_callback',
      stage: 'callback',
    });
    const elsewhere = closing(await startRotatingServer());
    const other = another({ serverUrl: elsewhere.url, account: 'alice', store, clock });
    expect(await failure(other.finishAuthorization(callback))).toMatchObject({ code: 'invalid_callback' });
    expect(await bob.session()).toMatchObject({ signedIn: false });
    expect(await provider.finishAuthorization(callback)).toMatchObject({ signedIn: true });
  });

  it('F40: a replayed, unknown, expired or broken callback is refused', async () => {
    const { provider, required, clock, server } = await hosted();
    const callback = await callbackOf(await required());
    await provider.finishAuthorization(callback);
    expect(await failure(provider.finishAuthorization(callback))).toMatchObject({ code: 'state_mismatch' });
    await provider.signOut();
    expect(await failure(provider.finishAuthorization(`${redirectUrl}?code=x&state=${'B'.repeat(43)}`))).toMatchObject({
      code: 'state_mismatch',
    });
    expect(await failure(provider.finishAuthorization(`${redirectUrl}?code=x`))).toMatchObject({
      code: 'state_mismatch',
    });
    expect(await failure(provider.finishAuthorization('not a URL'))).toMatchObject({ code: 'invalid_callback' });
    const late = await failure(provider.authorize());
    const expired = await callbackOf(late.url as string);
    clock.advance(300_001);
    expect(await failure(provider.finishAuthorization(expired))).toMatchObject({ code: 'state_mismatch' });
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });

  it('two callbacks at once complete one sign-in', async () => {
    const { provider, required, another, server } = await hosted();
    const callback = await callbackOf(await required());
    const outcomes = await Promise.allSettled([provider, another()].map((each) => each.finishAuthorization(callback)));
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });

  it('RFC 9207: a callback of another issuer is refused', async () => {
    const { provider, required } = await hosted();
    const callback = new URL(await callbackOf(await required()));
    callback.searchParams.set('iss', 'https://evil.example');
    expect(await failure(provider.finishAuthorization(callback))).toMatchObject({ code: 'issuer_mismatch' });
  });

  it('F14: a registration that the server no longer takes for the code is dropped, and the next URL has a new one', async () => {
    const { provider, required, server } = await hosted();
    const callback = await callbackOf(await required());
    server.forgetClients();
    expect(await failure(provider.finishAuthorization(callback))).toMatchObject({ code: 'invalid_client' });
    await provider.finishAuthorization(await callbackOf(await required()));
    expect(server.counts.count('register')).toBe(2);
  });
});

describe('redirectUrl with openBrowser', () => {
  it('waits for finishAuthorization and completes the requests that wait', async () => {
    const opened: string[] = [];
    const { provider, server } = closing(
      await scene({ redirectUrl, openBrowser: (url) => void opened.push(url) }, {}, person()),
    );
    const waiting = Promise.all([
      provider.fetch(server.url, rpc('ping')),
      provider.fetch(server.url, rpc('ping', {}, 2)),
    ]);
    await until(() => opened.length === 1, 'the browser');
    const session = await provider.finishAuthorization(await callbackOf(opened[0] as string));
    expect(session).toMatchObject({ signedIn: true });
    expect((await waiting).map((response) => response.status)).toEqual([200, 200]);
    expect(opened).toHaveLength(1);
  });
});
