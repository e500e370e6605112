import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import {
  callbackOf,
  callTool,
  closers,
  failure,
  HOUR,
  isPortFree,
  person,
  redirectUriOf,
  rpc,
  scene,
  TestClock,
  until,
} from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const absent = () => person({ delayMs: 600_000 });

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
    const { provider, server, who } = closing(await scene({}, {}, absent()));
    const waiting = provider.fetch(server.url, rpc('ping'));
    await until(() => who.tabs.length === 1, 'the browser');
    const session = await provider.finishAuthorization(await callbackOf(who.tabs[0] as string));
    expect(session).toMatchObject({ signedIn: true });
    expect((await waiting).status).toBe(200);
  });
});

describe('the browser', () => {
  it('F19: one that cannot be opened is not fatal: the URL is offered', async () => {
    const { provider, server, events } = closing(
      await scene({
        openBrowser: () => {
          throw new Error('no display');
        },
        onEvent: (event) => {
          if (event.type === 'browser_failed') void fetch(event.url);
        },
      }),
    );
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(events).toEqual([]);
  });

  it('F13: ten concurrent calls open one tab', async () => {
    const { provider, server, who } = closing(await scene());
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, id) => provider.fetch(server.url, rpc('ping', {}, id))),
    );
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(who.tabs).toHaveLength(1);
  });

  it('F22: `interactive` is asked each time, with the reason', async () => {
    const reasons: string[] = [];
    let allowed = false;
    const { provider, server, who } = closing(
      await scene({
        interactive: ({ reason }) => {
          reasons.push(reason);
          return allowed;
        },
      }),
    );
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect(await failure(provider.authorize())).toMatchObject({ code: 'interaction_required' });
    expect(who.tabs).toHaveLength(0);
    allowed = true;
    await provider.authorize();
    await provider.fetch(server.url, callTool('create_issue'));
    expect(reasons).toEqual(['unauthorized', 'authorize', 'authorize', 'step-up']);
  });

  it('F23: an `interactive` that never answers is ended by the time limit and by close()', async () => {
    const { provider, server, clock, another } = closing(
      await scene({ interactive: () => new Promise<boolean>(() => undefined) }),
    );
    let asked = 0;
    const other = another({
      interactive: () => {
        asked += 1;
        return new Promise<boolean>(() => undefined);
      },
    });
    const waiting = failure(other.fetch(server.url, rpc('ping')));
    await until(() => asked === 1, 'the question');
    clock.advance(300_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout' });
    const closed = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => server.counts.count('mcp', 401) === 2, 'the 401');
    await provider.close();
    expect(await closed).toMatchObject({ code: 'closed' });
  });

  it('F42: authorizationParameters travel, and tokens of two accounts stay apart', async () => {
    const { provider, another, who, server } = closing(await scene({ account: 'one' }));
    await provider.authorize();
    const two = another({ account: 'two', authorizationParameters: { login_hint: 'bob@example.com' } });
    expect(await two.session()).toMatchObject({ signedIn: false });
    await two.authorize();
    expect(new URL(who.tabs[1] as string).searchParams.get('login_hint')).toBe('bob@example.com');
    await provider.signOut();
    expect(await two.session()).toMatchObject({ signedIn: true });
    expect((await two.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('register')).toBe(1);
  });
});

describe('what is asked for', () => {
  it('F9: the resource of the metadata is sent verbatim, on both legs', async () => {
    const as = closing(await startAuthorizationServer());
    const mcp = closing(
      await startMcpServerV1({
        authorizationServer: as,
        challengeScope: 'mcp:read',
        resource: (url) => new URL(url).origin,
      }),
    );
    const forms: string[] = [];
    const who = closing(person());
    const provider = closing(
      createAuthProvider({
        serverUrl: mcp.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        fetch: async (input, init) => {
          if (String(input).endsWith('/token')) forms.push(String(init?.body));
          return fetch(input, init);
        },
      }),
    );
    expect(await provider.authorize()).toMatchObject({ resource: mcp.origin });
    expect(new URL(who.tabs[0] as string).searchParams.get('resource')).toBe(mcp.origin);
    expect(new URLSearchParams(forms[0]).get('resource')).toBe(mcp.origin);
  });

  it('F10: resource: false omits it everywhere', async () => {
    const forms: string[] = [];
    const { provider, who, clock } = closing(
      await scene({
        resource: false,
        fetch: async (input, init) => {
          if (String(input).endsWith('/token')) forms.push(String(init?.body));
          return fetch(input, init);
        },
      }),
    );
    await provider.authorize();
    clock.advance(2 * HOUR);
    await provider.tokens.getAccessToken();
    expect(forms).toHaveLength(2);
    for (const form of forms) expect(new URLSearchParams(form).has('resource')).toBe(false);
    expect(new URL(who.tabs[0] as string).searchParams.has('resource')).toBe(false);
    expect(await provider.session()).not.toHaveProperty('resource');
  });

  it('F7: offline_access is asked for where it is offered, and left out once after invalid_scope', async () => {
    const { refuse, world } = await withScopes(['mcp:read', 'offline_access']);
    refuse('offline_access');
    await world.provider.authorize();
    const scopes = world.who.tabs.map((url) => new URL(url).searchParams.get('scope'));
    expect(scopes).toEqual(['mcp:read offline_access', 'mcp:read']);
    expect(new URL(world.who.tabs[0] as string).searchParams.get('prompt')).toBe('consent');
  });

  it('F7: an invalid_scope that has nothing to do with offline_access is not asked twice', async () => {
    const { refuse, world } = await withScopes(['mcp:read']);
    refuse('mcp:read');
    expect(await failure(world.provider.authorize())).toMatchObject({
      code: 'authorization_failed',
      oauthError: 'invalid_scope',
    });
    expect(world.who.tabs).toHaveLength(1);
  });

  /** A server that offers scopes, and refuses one of them. */
  async function withScopes(supported: string[]) {
    let refused = '';
    const refuse = (scope: string) => {
      refused = scope;
    };
    const world = closing(
      await scene(
        {
          fetch: async (input, init) => {
            const response = await fetch(input, init);
            if (!String(input).includes('oauth-authorization-server')) return response;
            return Response.json({ ...((await response.json()) as object), scopes_supported: supported });
          },
        },
        {
          challengeScope: 'mcp:read',
          intercept(request, response) {
            if (!request.url?.startsWith('/authorize?')) return false;
            const query = new URL(request.url, 'http://localhost').searchParams;
            if (!query.get('scope')?.split(' ').includes(refused)) return false;
            const target = new URL(query.get('redirect_uri') ?? '');
            target.search = new URLSearchParams({
              error: 'invalid_scope',
              state: query.get('state') ?? '',
              iss: `http://${request.headers.host}`,
            }).toString();
            response.writeHead(302, { location: target.href }).end();
            return true;
          },
        },
      ),
    );
    return { refuse, world };
  }
});

describe('registrations', () => {
  it('F47: is made once and reused on the same port; F12: where that port is taken, another is bound and registered', async () => {
    const { provider, server, who, another } = closing(await scene());
    await provider.authorize();
    server.revokeAllFamilies();
    await provider.fetch(server.url, rpc('ping'));
    const [first, second] = who.tabs.map(redirectUriOf);
    expect(second).toBe(first);
    expect(server.counts.count('register')).toBe(1);

    const squatter = closing(await listenOn(Number(new URL(first as string).port)));
    server.revokeAllFamilies();
    await another().fetch(server.url, rpc('ping'));
    expect(redirectUriOf(who.tabs[2] as string)).not.toBe(first);
    expect(server.counts.count('register')).toBe(2);
    expect(squatter.hits()).toBe(0);
  });

  it('F14: a sign-in that timed out with a stored registration registers anew the next time', async () => {
    let present = true;
    const who = person();
    const { provider, server, clock, events } = closing(
      await scene({ openBrowser: (url) => void (present && who.openBrowser(url)) }, {}, who),
    );
    await provider.authorize();
    server.revokeAllFamilies();
    present = false;
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => events.filter((event) => event.type === 'authorization_url').length === 2, 'the second tab');
    clock.advance(300_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    expect(server.counts.count('register')).toBe(1);
    // The grace after a cancellation is 1 ms here: what was cancelled may still be writing how it ended.
    await until(() => events.some((event) => event.type === 'sign_in_failed'), 'the end of the sign-in');
    present = true;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('register')).toBe(2);
  });

  it('F46: the time-out of a client metadata document names registration: dynamic', async () => {
    const clientMetadataUrl = 'https://app.example.com/client.json';
    const { provider, server, clock, who } = closing(await scene({ clientMetadataUrl }, { cimd: true }, absent()));
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => who.tabs.length === 1, 'the browser');
    expect(new URL(who.tabs[0] as string).searchParams.get('client_id')).toBe(clientMetadataUrl);
    clock.advance(300_000);
    const error = await waiting;
    expect(error.code).toBe('sign_in_timeout');
    expect(error.message).toContain("registration: 'dynamic'");
  });

  it('F46: a fixed port is used, and its failure is typed', async () => {
    const port = await freePort();
    const { provider, who, another } = closing(await scene({ loopback: { port } }));
    await provider.authorize();
    expect(new URL(redirectUriOf(who.tabs[0] as string)).port).toBe(String(port));
    closing(await listenOn(port));
    expect(await failure(another({ account: 'other' }).authorize())).toMatchObject({ code: 'listener_failed' });
  });
});

describe('deviations that are pinned to one issuer', () => {
  const edited = (edit: (metadata: Record<string, unknown>) => void): typeof fetch => {
    return async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).includes('oauth-authorization-server')) return response;
      const metadata = (await response.json()) as Record<string, unknown>;
      edit(metadata);
      return Response.json(metadata);
    };
  };

  it('F29: without S256 in the metadata nothing is registered, unless the issuer is excepted', async () => {
    const strict = edited((metadata) => delete metadata['code_challenge_methods_supported']);
    const { provider, server, another } = closing(await scene({ fetch: strict }));
    expect(await failure(provider.authorize())).toMatchObject({ code: 'pkce_unsupported' });
    expect(server.counts.count('register')).toBe(0);
    const other = another({ issuerExceptions: { 'https://other.example': { assumeS256: true } } });
    expect(await failure(other.authorize())).toMatchObject({ code: 'pkce_unsupported' });
    const excepted = another({ issuerExceptions: { [server.issuer]: { assumeS256: true } } });
    expect(await excepted.authorize()).toMatchObject({ signedIn: true });
  });

  it('F28: another issuer in the metadata is refused, unless it is pinned; the callback then names the pinned one', async () => {
    const pinned = 'https://pinned.example';
    const names = edited((metadata) => {
      metadata['issuer'] = pinned;
    });
    const { provider, server, another } = closing(
      await scene({
        fetch: names,
        openBrowser: async (url) => {
          const callback = new URL(await callbackOf(url));
          callback.searchParams.set('iss', pinned);
          await fetch(callback);
        },
      }),
    );
    expect(await failure(provider.authorize())).toMatchObject({ code: 'issuer_mismatch', stage: 'discovery' });
    const excepted = another({ issuerExceptions: { [server.issuer]: { metadataIssuer: pinned } } });
    expect(await excepted.authorize()).toMatchObject({ signedIn: true, issuer: server.issuer });
  });
});

describe('an authorization server that changed', () => {
  async function moving(options: Partial<Parameters<typeof createAuthProvider>[0]> = {}) {
    const [one, two] = [closing(await startAuthorizationServer()), closing(await startAuthorizationServer())];
    const mcp = closing(await startMcpServerV1({ authorizationServer: one, challengeScope: 'mcp:read' }));
    const who = closing(person());
    const provider = closing(
      createAuthProvider({
        serverUrl: mcp.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        clock: new TestClock(),
        ...options,
      }),
    );
    await provider.authorize();
    return { one, two, mcp, who, provider };
  }

  it('is found without a restart, and the client registers anew there', async () => {
    const { one, two, mcp, provider } = await moving();
    mcp.setAuthorizationServer(two);
    const response = await provider.fetch(mcp.url, initialize);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    expect(await provider.session()).toMatchObject({ issuer: two.issuer });
    expect(one.counts.count('registration')).toBe(1);
    expect(two.counts.count('registration')).toBe(1);
  });

  it('is found although the former one is gone', async () => {
    const { one, two, mcp, provider } = await moving();
    await one.close();
    mcp.setAuthorizationServer(two);
    const response = await provider.fetch(mcp.url, initialize);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    expect(await provider.session()).toMatchObject({ issuer: two.issuer });
  });

  it('a pre-registered client is not taken there: client_mismatch', async () => {
    const clock = new TestClock();
    const { server, store, who } = closing(await scene({ clock }));
    const clientInformation = { client_id: 'https://app.example.com/pre', issuer: 'https://elsewhere.example' };
    const provider = closing(
      createAuthProvider({ serverUrl: server.url, store, clock, openBrowser: who.openBrowser, clientInformation }),
    );
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
      code: 'client_mismatch',
      stage: 'registration',
    });
    expect(who.tabs).toHaveLength(0);
  });
});

const initialize: RequestInit = {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  }),
};

async function listenOn(port: number): Promise<Server & { hits(): number; close(): Promise<void> }> {
  let hits = 0;
  const server = createServer((_, response) => {
    hits += 1;
    sendJson(response, 200, {});
  });
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  const end = server.close.bind(server);
  return Object.assign(server, {
    hits: () => hits,
    close: () => new Promise<void>((resolve) => void end(() => resolve())),
  }) as never;
}

async function freePort(): Promise<number> {
  const server = await listenOn(0);
  const { port } = server.address() as { port: number };
  await server.close();
  return port;
}
