import { setMaxListeners } from 'node:events';
import { inspect } from 'node:util';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { providerInternals } from '../../src/auth-provider.js';
import type { AuthProvider } from '../../src/index.js';
import { failure, rejection } from '../support/failure.js';
import { gate } from '../tokens/support.js';
import { type Options, open } from '../with-oauth/support.js';
import { callTool, closers, HOUR, isPortFree, person, redirectUriOf, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const never = () => new Promise<never>(() => undefined);

describe('a client that the application brings along', () => {
  it('a secret for another issuer never goes to the token endpoint of the stored session', async () => {
    const forms: URLSearchParams[] = [];
    const client = { client_id: 'https://app.example.com/pre', token_endpoint_auth_method: 'client_secret_post' };
    const { provider, server, another, clock } = closing(
      await scene({
        clientInformation: { ...client, client_secret: 'secret-of-a' },
        async fetch(input, init) {
          if (String(input).endsWith('/token')) forms.push(new URLSearchParams(String(init?.body)));
          return fetch(input, init);
        },
      }),
    );
    await provider.authorize();
    const moved = another({
      clientInformation: { ...client, client_secret: 'secret-of-b', issuer: 'https://b.example.com' },
    });
    clock.advance(2 * HOUR);
    expect((await moved.fetch(server.url, rpc('ping'))).status).toBe(200);
    // One that is for this issuer, or names none, is the newer one.
    const rotated = another({ clientInformation: { ...client, client_secret: 'newer', issuer: server.issuer } });
    clock.advance(2 * HOUR);
    expect((await rotated.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(forms.map((form) => form.get('client_secret'))).toEqual(['secret-of-a', 'secret-of-a', 'newer']);
  });
});

describe('an application`s fetch that throws everything it has', () => {
  /** Fails for requests with a token, with the whole request in the error: its message, its properties and its cause. */
  const indiscreet: typeof fetch = async (input, init) => {
    const headers = Object.fromEntries(new Request(input, init).headers);
    const { authorization } = headers;
    if (authorization === undefined) return fetch(input, init);
    const cause = Object.assign(new Error(`headers: ${JSON.stringify(headers)}`), { request: { headers } });
    throw Object.assign(new Error(`could not send ${authorization}`, { cause }), { config: { headers }, headers });
  };

  it('F40: no token is in what fetch and connect throw', async () => {
    const { provider, server, store, clock } = closing(await scene());
    await provider.authorize();
    const token = (await provider.token()) as string;
    const errors: unknown[] = [];
    const options: Options = { store, clock, fetch: indiscreet };
    const own = open({ name: '', sdk: 'v1', Transport: StreamableHTTPClientTransport }, server.url, options);
    errors.push(await rejection(closing(own).connect()));
    const underlying = { store, clock, transport: { fetch: indiscreet } };
    const given = open({ name: '', sdk: 'v1', Transport: StreamableHTTPClientTransport }, server.url, underlying);
    errors.push(await rejection(closing(given).connect()));
    const send = providerInternals(provider)?.authorizedFetch({ underlying: indiscreet }) as typeof fetch;
    errors.push(await failure(send(server.url, rpc('ping'))));
    errors.push(await failure(send(new Request(server.url, rpc('ping')))));
    for (const error of errors) {
      const shown = inspect(error, { depth: 10, showHidden: true });
      expect(shown).toContain('network_error');
      expect(shown).not.toContain(token);
    }
  });

  it('F40: a stored token that no header can carry is in no message', async () => {
    const { provider, server, store, another } = closing(await scene());
    await provider.authorize();
    const [key] = await store.list('session/');
    const stored = (await store.get(key as string)) as string;
    const { accessToken } = (await provider.tokens.current()) as { accessToken: string };
    const broken = `${accessToken.slice(0, 10)}\n${accessToken.slice(10)}`;
    await store.set(key as string, stored.replace(accessToken, broken.replace('\n', '\\n')));
    const errors = [
      await rejection(another().fetch(server.url, rpc('ping'))),
      await rejection(another().fetch(new Request(server.url, rpc('ping')))),
    ];
    for (const error of errors) {
      const shown = inspect(error, { depth: 10, showHidden: true });
      expect(shown).toContain('store_unreadable');
      for (const part of broken.split('\n')) expect(shown).not.toContain(part);
    }
  });
});

describe('an application`s fetch that ignores its signal', () => {
  it('F23: the probe of authorize() ends at timeouts.request', async () => {
    let asked = 0;
    const { provider, clock } = closing(
      await scene({
        timeouts: { request: 7_000 },
        fetch: () => {
          asked += 1;
          return never();
        },
      }),
    );
    const waiting = failure(provider.authorize());
    await until(() => asked === 1, 'the probe');
    clock.advance(7_000);
    expect(await waiting).toMatchObject({ code: 'timeout', stage: 'resource', retryable: true });
  });

  it('F23: close() ends the probe of authorize()', async () => {
    let asked = 0;
    const { provider } = closing(
      await scene({
        fetch: () => {
          asked += 1;
          return never();
        },
      }),
    );
    const waiting = failure(provider.authorize());
    await until(() => asked === 1, 'the probe');
    await provider.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
  });
});

describe('a stored session that is damaged', () => {
  const damages = [
    ['another version`s', () => '{"v":2}'],
    [
      'one without issuer and client',
      (stored: string) => {
        const { v, tokens } = JSON.parse(stored) as { v: number; tokens: Record<string, unknown> };
        return JSON.stringify({ v, tokens: { ...tokens, expiresAt: 1, context: {} } });
      },
    ],
  ] as const;

  async function damaged(damage: (stored: string) => string) {
    const world = closing(await scene());
    await world.provider.authorize();
    const [key] = (await world.store.list('session/')) as [string];
    await world.store.set(key, damage((await world.store.get(key)) as string));
    return { ...world, provider: world.another() };
  }

  describe.each(damages)('%s', (_, damage) => {
    it('is store_unreadable to every call, and no tab is opened', async () => {
      const { provider, server, who } = await damaged(damage);
      const calls: ((provider: AuthProvider) => Promise<unknown>)[] = [
        (each) => each.fetch(server.url, rpc('ping')),
        (each) => each.token(),
        (each) => each.session(),
        (each) => each.toOAuthClientProvider().tokens(),
      ];
      for (const call of calls) {
        expect(await failure(call(provider))).toMatchObject({ code: 'store_unreadable', stage: 'store' });
      }
      expect(who.tabs).toHaveLength(1);
    });

    it('is replaced by authorize()', async () => {
      const { provider, server, who, another } = await damaged(damage);
      expect(await provider.authorize()).toMatchObject({ signedIn: true, issuer: server.issuer });
      expect(who.tabs).toHaveLength(2);
      expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
      expect(await another().session()).toMatchObject({ signedIn: true, refreshable: true });
    });

    it('F43: is forgotten by signOut()', async () => {
      const { provider, server, store } = await damaged(damage);
      expect(await provider.signOut()).toMatchObject({ revoked: false });
      expect(await store.list('session/')).toEqual([]);
      expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
    });
  });

  it('one without issuer and client is replaced by authorize() even where its token is still valid', async () => {
    const { provider, server, who, another } = await damaged((stored) => {
      const { v, tokens } = JSON.parse(stored) as { v: number; tokens: Record<string, unknown> };
      return JSON.stringify({ v, tokens: { ...tokens, context: {} } });
    });
    expect(await provider.authorize()).toMatchObject({ signedIn: true, issuer: server.issuer });
    expect(who.tabs).toHaveLength(2);
    expect(await another().session()).toMatchObject({ signedIn: true, issuer: server.issuer });
  });
});

describe('functions and answers that break', () => {
  it('a string that `interactive` throws is the cause of an error of this library', async () => {
    const { provider, server, events } = closing(
      await scene({
        interactive: async () => Promise.reject('no display'),
      }),
    );
    for (const call of [() => provider.fetch(server.url, rpc('ping')), () => provider.authorize()]) {
      expect(await failure(call())).toMatchObject({ code: 'authorization_failed', cause: 'no display' });
    }
    expect(events.filter(({ type }) => type === 'sign_in_failed')).toHaveLength(2);
  });

  it('a string that `onStepUp` throws is the cause of an error of this library', async () => {
    const { provider, server } = closing(
      await scene({
        onStepUp: async () => Promise.reject('no dialog'),
      }),
    );
    await provider.authorize();
    const error = await failure(provider.fetch(server.url, callTool('create_issue')));
    expect(error).toMatchObject({ code: 'authorization_failed', cause: 'no dialog' });
  });

  it('F24: a 401 whose body fails when it is cancelled is recovered from all the same', async () => {
    const { provider, server, who } = closing(
      await scene({
        async fetch(input, init) {
          const response = await fetch(input, init);
          if (response.status !== 401) return response;
          await response.body?.cancel();
          const body = new ReadableStream({
            cancel() {
              throw new Error('the connection is gone');
            },
          });
          return new Response(body, { status: 401, headers: response.headers });
        },
      }),
    );
    await provider.authorize();
    server.revokeAllAccessTokens();
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('a redirect to an address of 9,000 characters is refused in a short message', async () => {
    const { provider, server } = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
            response.writeHead(307, { location: `https://elsewhere.example/${'x'.repeat(9_000)}?secret=1` }).end();
            return true;
          },
        },
      ),
    );
    await provider.authorize();
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'redirect_refused', stage: 'resource' });
    expect(error.message).toContain('https://elsewhere.example/x');
    expect(error.message).not.toContain('secret');
    expect(error.message.length).toBeLessThan(500);
    expect(error.url?.length).toBeLessThan(300);
  });
});

describe('many waits', () => {
  it('F23: a call that was given up, and whose caller and transport leave later, ends the sign-in; the port is free', async () => {
    const { provider, server, who, events } = closing(await scene({}, {}, person({ delayMs: 600_000 })));
    const holder = new AbortController();
    const caller = new AbortController();
    const send = providerInternals(provider)?.authorizedFetch({ holder: holder.signal }) as typeof fetch;
    const waiting = failure(send(server.url, { ...rpc('ping', {}, 7), signal: caller.signal }));
    await until(() => who.tabs.length === 1, 'the browser');
    const redirectUri = redirectUriOf(who.tabs[0] as string);
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    expect((await send(server.url, { method: 'POST', body })).status).toBe(202);
    expect(await waiting).toMatchObject({ code: 'aborted' });
    caller.abort();
    expect(await isPortFree(redirectUri)).toBe(false);
    holder.abort();
    await until(() => events.some(({ type }) => type === 'sign_in_failed'), 'the end of the sign-in');
    let free = false;
    await until(() => {
      void isPortFree(redirectUri).then((value) => {
        free ||= value;
      });
      return free;
    }, 'a free port');
  });

  it('30 concurrent 401s on one AbortSignal cause no MaxListenersExceededWarning', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error) => void warnings.push(name);
    process.on('warning', onWarning);
    try {
      const { provider, server, who } = closing(
        // The global fetch raises the limit of every signal that it is given.
        await scene({ fetch: (input, init) => fetch(input, { ...init, signal: null }) }, {}, person({ delayMs: 5 })),
      );
      const { signal } = new AbortController();
      setMaxListeners(10, signal);
      const many = () =>
        Promise.all(
          Array.from({ length: 30 }, (_, id) => provider.fetch(server.url, { ...rpc('ping', {}, id), signal })),
        );
      const added = vi.spyOn(signal, 'addEventListener');
      for (const response of await many()) expect(response.status).toBe(200);
      server.revokeAllAccessTokens();
      for (const response of await many()) expect(response.status).toBe(200);
      expect(added.mock.calls.length).toBeLessThan(20);
      expect(who.tabs).toHaveLength(1);
      // Warnings are emitted in a turn of their own.
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', onWarning);
    }
  });
});

describe('close()', () => {
  it('F1: during a refresh loses nothing: the next provider has the new tokens', async () => {
    const token = gate();
    let refreshes = 0;
    const { provider, server, another, clock, store } = closing(
      await scene(
        {},
        {
          async intercept(request) {
            if (request.url !== '/token' || server === undefined || server.counts.count('token') === 0) return false;
            refreshes += 1;
            await token.promise;
            return false;
          },
        },
      ),
    );
    await provider.authorize();
    const [key] = (await store.list('session/')) as [string];
    const before = await store.get(key);
    clock.advance(2 * HOUR);
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => refreshes === 1, 'the refresh');
    await provider.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
    token.open();
    let after = before;
    await until(() => {
      void store.get(key).then((value) => {
        after = value;
      });
      return after !== before;
    }, 'the new tokens');
    expect((await another().fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.familiesRevoked).toBe(0);
  });
});
