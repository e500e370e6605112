import { spawn } from 'node:child_process';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { readBody, sendJson } from '../../examples/servers/loopback-server.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { bundled } from '../support/bundled.js';
import { failure } from '../support/failure.js';
import { FlakyStore } from '../tokens/support.js';
import { callTool, closers, isPortFree, person, redirectUriOf, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('authorize()', () => {
  it('signs in with the server`s own scopes and the wanted ones, and not again where that is covered', async () => {
    const { provider, who, server } = closing(await scene({}, { challengeScope: 'mcp:read' }));
    expect(await provider.authorize({ scope: 'mcp:write' })).toMatchObject({
      signedIn: true,
      signedOut: false,
      refreshable: true,
      issuer: server.issuer,
      resource: server.url,
      scope: ['mcp:read', 'mcp:write'],
      registration: 'dynamic',
      store: { kind: 'given' },
    });
    await provider.authorize();
    await provider.authorize({ scope: 'mcp:read' });
    expect(who.tabs).toHaveLength(1);
    await provider.authorize({ scope: 'mcp:admin' });
    expect(who.tabs).toHaveLength(2);
    expect(new URL(who.tabs[1] as string).searchParams.get('scope')).toBe('mcp:read mcp:write mcp:admin');
  });

  it('F45: `scope` counts where the server names none, `override` replaces what it names', async () => {
    const plain = closing(await scene({ scope: 'mcp:admin' }));
    expect((await plain.provider.authorize()).scope).toEqual(['mcp:admin']);
    const named = closing(await scene({ scope: 'mcp:admin' }, { scopesSupported: ['mcp:read'] }));
    expect((await named.provider.authorize()).scope).toEqual(['mcp:read']);
    const replaced = closing(await scene({ scope: { override: 'mcp:admin' } }, { challengeScope: 'mcp:read' }));
    expect((await replaced.provider.authorize()).scope).toEqual(['mcp:admin']);
  });

  it('ends with its signal', async () => {
    const { provider, who } = closing(await scene({}, {}, person({ delayMs: 600_000 })));
    const controller = new AbortController();
    const waiting = failure(provider.authorize({ signal: controller.signal }));
    await until(() => who.tabs.length === 1, 'the browser');
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'aborted' });
  });
});

describe('signOut()', () => {
  it('F43: revokes both tokens, forgets, and stays signed out in this and other providers until authorize()', async () => {
    const { provider, server, another, who, events } = closing(await scene());
    await provider.authorize();
    const window = another();
    await window.fetch(server.url, rpc('ping'));
    expect(await provider.signOut()).toEqual({
      revoked: true,
      registrationDeleted: false,
      registrationForgotten: false,
    });
    expect(server.counts.count('revoke', 200)).toBe(2);
    expect(events.at(-1)).toEqual({ type: 'signed_out' });
    for (const each of [provider, window, another()]) {
      expect(await failure(each.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
    }
    expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(who.tabs).toHaveLength(1);

    expect(await another().authorize()).toMatchObject({ signedIn: true, signedOut: false });
    for (const each of [window, another()]) expect((await each.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
    expect(server.counts.count('register')).toBe(1);
  });

  it('F43: revokes what another window refreshed meanwhile', async () => {
    const revoked: (string | null)[] = [];
    const { provider, server, another } = closing(
      await scene(
        {},
        {
          async intercept(request, response) {
            if (request.url !== '/revoke') return false;
            revoked.push(new URLSearchParams(await readBody(request)).get('token'));
            response.writeHead(200).end();
            return true;
          },
        },
      ),
    );
    await provider.authorize();
    const window = another();
    await window.fetch(server.url, rpc('ping'));
    server.revokeAllAccessTokens();
    await window.fetch(server.url, rpc('ping'));
    const newest = await window.tokens.current();
    await provider.signOut();
    expect(revoked).toEqual([newest?.refreshToken, newest?.accessToken]);
  });

  it.each([
    ['refuses', 400, 'revocation_failed', 2],
    ['is down', 503, 'server_unavailable', 3],
  ])('F43: a revocation endpoint that %s is reported, and the account is signed out all the same', async (_, status, code, requests) => {
    let asked = 0;
    const { provider, server } = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/revoke') return false;
            asked += 1;
            sendJson(response, status, { error: 'invalid_request' });
            return true;
          },
        },
      ),
    );
    await provider.authorize();
    const result = await provider.signOut();
    expect(result).toMatchObject({ revoked: false, error: { code } });
    expect(asked).toBe(requests);
    expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  });

  it('ends a sign-in that is under way, and its port is free', async () => {
    const { provider, server, who } = closing(await scene({}, {}, person({ delayMs: 600_000 })));
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => who.tabs.length === 1, 'the browser');
    await provider.signOut();
    expect(await waiting).toMatchObject({ code: 'signed_out' });
    expect(await isPortFree(redirectUriOf(who.tabs[0] as string))).toBe(true);
  });

  it('ends the event streams that are open', async () => {
    const { provider, server } = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (request.method !== 'GET' || request.url !== '/mcp') return false;
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.write('data: first\n\n');
            return true;
          },
        },
      ),
    );
    await provider.authorize();
    const response = await provider.fetch(server.url, { headers: { accept: 'text/event-stream' } });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: first\n\n');
    const next = failure(reader.read());
    await provider.signOut();
    expect(await next).toMatchObject({ code: 'signed_out' });
  });

  it('with a store that cannot be written revokes, stays signed out here, and says that the store still holds the session', async () => {
    const store = new FlakyStore();
    const { provider, server } = closing(await scene({ store }));
    await provider.authorize();
    store.failing.set = () => new Error('disk full');
    store.failing.delete = () => new Error('disk full');
    expect(await failure(provider.signOut())).toMatchObject({ code: 'store_failed', stage: 'store' });
    expect(server.counts.count('revoke', 200)).toBe(2);
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  });
});

describe('a store that cannot be read', () => {
  it('is a typed error that asks nobody to sign in and loses nothing', async () => {
    const store = new FlakyStore();
    const { provider, server, who, another } = closing(await scene({ store }));
    await provider.authorize();
    store.failing.get = () => new Error('no disk');
    expect(await failure(another().fetch(server.url, rpc('ping')))).toMatchObject({
      code: 'store_failed',
      stage: 'store',
    });
    store.failing = {};
    expect((await another().fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('secrets', () => {
  it('F40: none is in the session, the provider, its JSON, errors or events', async () => {
    const secrets = new Set<string>();
    const collect = (text: string) => {
      const form = new URLSearchParams(text);
      for (const name of ['code', 'code_verifier', 'refresh_token']) {
        const value = form.get(name);
        if (value !== null) secrets.add(value);
      }
      for (const match of text.matchAll(/"(?:access|refresh)_token":"([^"]+)"/g)) secrets.add(match[1] as string);
    };
    let broken = false;
    const { provider, server, events, clock } = closing(
      await scene({
        fetch: async (input, init) => {
          if (!String(input).endsWith('/token')) return fetch(input, init);
          collect(String(init?.body));
          if (broken)
            return Response.json({ error: 'invalid_request', error_description: String(init?.body) }, { status: 400 });
          const response = await fetch(input, init);
          collect(await response.clone().text());
          return response;
        },
      }),
    );
    const shown: string[] = [];
    const show = (value: unknown) => shown.push(inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value));
    show(await provider.authorize());
    await provider.fetch(server.url, callTool('create_issue'));
    clock.advance(2 * 3_600_000);
    await provider.fetch(server.url, rpc('ping'));
    show(await provider.session());
    show(provider);
    show(provider.tokens);
    show(provider.toOAuthClientProvider());
    clock.advance(2 * 3_600_000);
    broken = true;
    show(await failure(provider.fetch(server.url, rpc('ping'))));
    show(events);
    expect(secrets.size).toBeGreaterThan(7);
    for (const secret of secrets) expect(shown.join('\n')).not.toContain(secret);
  });
});

describe('requestInit', () => {
  it('is a live getter of the cached token', async () => {
    const { provider, server } = closing(await scene());
    expect(provider.requestInit.headers).toEqual({});
    await provider.authorize();
    expect((await fetch(server.url, { ...rpc('ping'), headers: provider.requestInit.headers ?? {} })).status).toBe(200);
    await provider.signOut();
    expect(provider.requestInit.headers).toEqual({});
  });
});

describe('close()', () => {
  it('ends what waits with closed, frees the port, and everything after it is closed too', async () => {
    const { provider, server, who } = closing(await scene({}, {}, person({ delayMs: 600_000 })));
    const waiting = [failure(provider.fetch(server.url, rpc('ping'))), failure(provider.authorize())];
    await until(() => who.tabs.length === 1, 'the browser');
    await provider.close();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'closed' });
    const redirectUri = redirectUriOf(who.tabs[0] as string);
    let free = false;
    await until(() => {
      void isPortFree(redirectUri).then((value) => {
        free ||= value;
      });
      return free;
    }, 'a free port');
    await provider.close();
    for (const call of [
      () => provider.fetch(server.url),
      () => provider.authorize(),
      () => provider.signOut(),
      () => provider.finishAuthorization('http://127.0.0.1/?state=x'),
      () => provider.token(),
    ]) {
      expect(await failure((async () => call())())).toMatchObject({ code: 'closed' });
    }
  });

  it('is what an aborted `signal` does, also one that was aborted before', async () => {
    const controller = new AbortController();
    const { provider, server, another } = closing(await scene({ signal: controller.signal }));
    await provider.authorize();
    controller.abort();
    expect(await failure(provider.fetch(server.url))).toMatchObject({ code: 'closed' });
    expect(await failure(another().fetch(server.url))).toMatchObject({ code: 'closed' });
  });

  it('leaves no listener on a `signal` that outlives it', async () => {
    const controller = new AbortController();
    const added: unknown[] = [];
    const { signal } = controller;
    const original = signal.addEventListener.bind(signal);
    signal.addEventListener = ((type: string, listener: never, options: AddEventListenerOptions) => {
      added.push(options?.signal);
      original(type, listener, options);
    }) as typeof signal.addEventListener;
    const provider = createAuthProvider({
      serverUrl: 'https://mcp.example.com/mcp',
      store: new MemoryTokenStore(),
      signal,
    });
    await provider.close();
    expect(added).toHaveLength(1);
    expect((added[0] as AbortSignal).aborted).toBe(true);
  });

  it('lets the process exit, after a session and in the middle of a sign-in', async () => {
    const { server } = closing(await scene());
    const program = closing(await bundled(new URL('./exit-child.ts', import.meta.url)));
    const child = spawn(process.execPath, [program.path, server.url], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const code = await new Promise((resolve) => void child.on('exit', resolve));
    expect(output).toBe('200 closed\n');
    expect(code).toBe(0);
  });
});
