import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { callbackOf, callTool, closers, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a callback that comes twice', () => {
  it('F13: ends both calls and the request that waited with the one sign-in', async () => {
    let url = '';
    const openBrowser = (given: string) => {
      url = given;
    };
    const { provider, server } = closing(await scene({ redirectUrl: 'com.acme.app:/cb', openBrowser }));
    const request = provider.fetch(server.url, rpc('ping'));
    await until(() => url !== '', 'the URL');
    const callback = await callbackOf(url);
    const both = [provider.finishAuthorization(callback), provider.finishAuthorization(callback)];
    expect(await Promise.all(both)).toMatchObject([{ signedIn: true }, { signedIn: true }]);
    expect((await request).status).toBe(200);
    expect(server.counts.count('token')).toBe(1);
  });
});

describe('authorize({ scope }) beside another sign-in', () => {
  it('gets its scope although it joined one that asked for less', async () => {
    const { provider, server } = closing(await scene());
    const sessions = await Promise.all([provider.authorize({ scope: 'aaa' }), provider.authorize({ scope: 'bbb' })]);
    expect(sessions[1].scope).toEqual(expect.arrayContaining(['aaa', 'bbb']));
    expect((await provider.session()).scope).toEqual(expect.arrayContaining(['aaa', 'bbb']));
    expect(server.counts.count('authorize')).toBe(2);
  });

  it('shares it where that asked for the same', async () => {
    const { provider, server } = closing(await scene());
    await Promise.all([
      provider.authorize({ scope: 'aaa' }),
      provider.authorize({ scope: 'aaa' }),
      provider.authorize(),
    ]);
    expect(server.counts.count('authorize')).toBe(1);
  });
});

describe('a token endpoint that moved', () => {
  it('is found in the metadata of the same issuer, and the session goes on', async () => {
    const world = closing(await scene());
    await world.provider.authorize();
    const key = (await world.store.list('session/'))[0] as string;
    const stored = JSON.parse((await world.store.get(key)) as string);
    world.server.revokeAllAccessTokens();
    const next = world.another();
    // The former endpoint answers, but not as a token endpoint does.
    const former = closing(
      await startRotatingServer({
        intercept(request, response) {
          if (request.url !== '/former-token') return false;
          sendJson(response, 500, {});
          return true;
        },
      }),
    );
    stored.tokens.context.authorizationServer.token_endpoint = new URL('/former-token', former.url).href;
    await world.store.set(key, JSON.stringify(stored));
    expect((await next.fetch(world.server.url, callTool('echo'))).status).toBe(200);
    expect(world.server.counts.count('authorize')).toBe(1);
    expect(JSON.parse((await world.store.get(key)) as string).tokens.context.authorizationServer.token_endpoint).toBe(
      new URL('/token', world.server.url).href,
    );
  });

  it('authorize() replaces a session whose stored endpoint is not one', async () => {
    const world = closing(await scene());
    await world.provider.authorize();
    const key = (await world.store.list('session/'))[0] as string;
    const stored = JSON.parse((await world.store.get(key)) as string);
    stored.tokens.context.authorizationServer.token_endpoint = 'http://169.254.169.254/token';
    stored.tokens.expiresAt = 1;
    await world.store.set(key, JSON.stringify(stored));
    expect(await world.another().authorize()).toMatchObject({ signedIn: true });
  });
});

describe('stored values that nobody wrote', () => {
  it.each(['null', '{}', '{"state":"x"}', '[]', 'garbage'])('a transaction of %s is a typed error', async (value) => {
    const { provider, store } = closing(await scene());
    const state = 'a'.repeat(43);
    await store.set(`transaction/${state}`, value);
    expect(await failure(provider.finishAuthorization(`https://app.example/cb?state=${state}`))).toMatchObject({
      code: 'store_unreadable',
      stage: 'store',
    });
  });

  it('an account that is no text is refused before anything is sent', () => {
    const serverUrl = 'https://mcp.example.com/mcp';
    expect(() => createAuthProvider({ serverUrl, store: new MemoryTokenStore(), account: '\ud800' })).toThrowError(
      expect.objectContaining({ code: 'invalid_options' }),
    );
  });
});

describe('an authorization endpoint that no browser may open', () => {
  it('F39: is refused before anything of the sign-in is stored or opened', async () => {
    const { provider, store, who } = closing(await scene({ authorizationParameters: { filler: 'x'.repeat(9_000) } }));
    expect(await failure(provider.authorize())).toMatchObject({ code: 'address_refused' });
    expect(await store.list('transaction/')).toEqual([]);
    expect(who.tabs).toEqual([]);
  });
});
