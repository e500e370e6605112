import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../support/failure.js';
import { absentPerson } from '../with-oauth/support.js';
import { callbackOf, closers, isPortFree, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A person whose browser comes back with what `edit` makes of the callback. */
async function sceneWithCallback(edit: (callback: URL) => void, options: Parameters<typeof scene>[0] = {}) {
  const pages: string[] = [];
  const world = closing(
    await scene({
      ...options,
      openBrowser: async (url) => {
        const callback = new URL(await callbackOf(url));
        edit(callback);
        pages.push(await (await fetch(callback)).text());
      },
    }),
  );
  return { ...world, pages };
}

describe('the callback', () => {
  it('RFC 9207: another issuer is refused before the code is used, and neither page nor error shows its text', async () => {
    const { provider, server, pages, events } = await sceneWithCallback((callback) => {
      callback.searchParams.set('iss', 'https://evil.example');
      callback.searchParams.set('error_description', 'call 555-EVIL');
    });
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'issuer_mismatch', stage: 'callback' });
    expect(server.counts.count('token')).toBe(0);
    await until(() => pages.length > 0, 'the page');
    for (const shown of [error.message, ...pages]) expect(shown).not.toMatch(/evil/i);
    expect(events).toContainEqual({ type: 'sign_in_failed', error });
    expect(await provider.session()).toMatchObject({ signedIn: false });
  });

  it('RFC 9207: a missing issuer is refused where the server announces it', async () => {
    const { provider, server } = await sceneWithCallback((callback) => callback.searchParams.delete('iss'));
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'issuer_mismatch' });
  });

  it('F40: a wrong state does not take the slot; the right callback still completes the sign-in', async () => {
    const { provider, server } = closing(
      await scene({
        openBrowser: async (url) => {
          const callback = new URL(await callbackOf(url));
          const forged = new URL(callback);
          forged.searchParams.set('state', 'A'.repeat(43));
          await fetch(forged);
          await fetch(callback);
        },
      }),
    );
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it.each<[string, (callback: URL) => void, string]>([
    ['without a code', (callback) => callback.searchParams.delete('code'), 'invalid_callback'],
    ['with two codes', (callback) => callback.searchParams.append('code', 'second'), 'invalid_callback'],
    [
      'with a code in the wrong characters',
      (callback) => callback.searchParams.set('code', '\u0000'),
      'invalid_callback',
    ],
    ['with an unknown code', (callback) => callback.searchParams.set('code', 'unknown'), 'token_request_failed'],
  ])('%s ends the sign-in with a typed error, the port free and nothing stored', async (_, edit, code) => {
    const { provider, server, store, events } = await sceneWithCallback(edit);
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code });
    expect(await store.list('session/')).toEqual([]);
    expect(await store.list('transaction/')).toEqual([]);
    const opened = events.find((event) => event.type === 'authorization_url');
    expect(await isPortFree(opened?.redirectUri ?? '')).toBe(true);
  });

  it('a token response that is not JSON is invalid_response', async () => {
    const { provider, server } = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/token') return false;
            response.writeHead(200, { 'content-type': 'text/html' }).end('<html>welcome</html>');
            return true;
          },
        },
      ),
    );
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
      code: 'invalid_response',
      stage: 'token',
    });
  });

  it('F18: a pasted URL ends a sign-in whose browser runs elsewhere', async () => {
    const { provider, server, who } = closing(await scene({}, {}, absentPerson()));
    const waiting = provider.fetch(server.url, rpc('ping'));
    await until(() => who.tabs.length === 1, 'the browser');
    const session = await provider.finishAuthorization(await callbackOf(who.tabs[0] as string));
    expect(session).toMatchObject({ signedIn: true });
    expect((await waiting).status).toBe(200);
  });
});
