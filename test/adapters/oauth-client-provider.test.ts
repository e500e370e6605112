import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { closers, HOUR, person, rpc, type Scene, scene, until } from '../auth-provider/support.js';
import { failure, rejection } from '../support/failure.js';
import { oauthErrorIn } from '../with-oauth/support.js';
import { host, type Sdk } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const hostOf = (sdk: Sdk, { server, provider }: Pick<Scene, 'server' | 'provider'>) =>
  closing(host(sdk, server.url, { authProvider: provider.toOAuthClientProvider() }));

describe.each(['v1', 'v2'] as const)('toOAuthClientProvider() in the %s transport', (sdk) => {
  it('F24: an interactive sign-in completes inside connect, tools work, and the next start is silent', async () => {
    const world = closing(await scene());
    const first = hostOf(sdk, world);
    await first.connect();
    expect(await first.call('echo', { text: 'hi' })).toBe('hi');
    expect(world.who.tabs).toHaveLength(1);
    expect(world.server.counts.count('register')).toBe(1);
    expect(await world.provider.session()).toMatchObject({ signedIn: true, registration: 'dynamic' });

    world.server.counts.reset();
    const second = hostOf(sdk, { server: world.server, provider: world.another() });
    await second.connect();
    expect(await second.call('echo', { text: 'again' })).toBe('again');
    expect(world.who.tabs).toHaveLength(1);
    expect(world.server.counts.count('token')).toBe(0);
    expect(world.server.counts.count('mcp', 401)).toBe(0);
  });

  it('F24: works at a certified authorization server, and with the SDK`s own server', async () => {
    const who = closing(person());
    const as = closing(await startAuthorizationServer({ issueRefreshToken: 'always' }));
    const external = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const internal = closing(await startInternalMcpServerV1());
    for (const url of [external.url, internal.url]) {
      const provider = closing(
        createAuthProvider({ serverUrl: url, store: new MemoryTokenStore(), openBrowser: who.openBrowser }),
      );
      const opened = closing(host(sdk, url, { authProvider: provider.toOAuthClientProvider() }));
      await opened.connect();
      expect(await opened.call('echo', { text: url })).toBe(url);
    }
    expect(who.tabs).toHaveLength(2);
  });

  it('F1: an expiry is refreshed in tokens(), once for all calls', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    world.clock.advance(2 * HOUR);
    await Promise.all(Array.from({ length: 20 }, (_, n) => opened.call('echo', { text: String(n) })));
    expect(world.server.counts.count('token:refresh_token')).toBe(1);
    expect(world.server.counts.count('mcp:tools/call', 401)).toBe(0);
    expect(world.who.tabs).toHaveLength(1);
  });

  it('F24: a token that was revoked early is refreshed in the middle of the session, and again later', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    await until(() => world.server.counts.count('mcp:GET', 405) === 1, 'the stream that the SDK tries');
    for (const round of [1, 2, 3]) {
      world.server.revokeAllAccessTokens();
      expect(await opened.call('echo', { text: String(round) })).toBe(String(round));
      expect(world.server.counts.count('token:refresh_token')).toBe(round);
    }
    expect(world.who.tabs).toHaveLength(1);
    expect(world.server.familiesRevoked).toBe(0);
  });

  it('F1: concurrent 401s end well: no call fails, no family is revoked, no tab is opened', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    world.server.revokeAllAccessTokens();
    const texts = await Promise.allSettled(
      Array.from({ length: 5 }, (_, n) => opened.call('echo', { text: String(n) })),
    );
    expect(world.server.familiesRevoked).toBe(0);
    expect(world.who.tabs).toHaveLength(1);
    expect(await opened.call('echo', { text: 'after' })).toBe('after');
    expect(texts.map((outcome) => outcome.status)).toEqual(Array.from({ length: 5 }, () => 'fulfilled'));
  });

  it('F24: a dead refresh token costs one sign-in inside the call', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    await until(() => world.server.counts.count('mcp:GET', 405) === 1, 'the stream that the SDK tries');
    world.server.revokeAllFamilies();
    expect(await opened.call('echo', { text: 'back' })).toBe('back');
    expect(world.who.tabs).toHaveLength(2);
    expect(world.server.counts.count('token:refresh_token')).toBe(1);
    expect(world.server.counts.count('register')).toBe(1);
    expect(await world.provider.session()).toMatchObject({ signedIn: true, refreshable: true });
  });

  it('F24: concurrent 401s with a dead refresh token cost one sign-in, and it is presented once', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    await until(() => world.server.counts.count('mcp:GET', 405) === 1, 'the stream that the SDK tries');
    world.server.revokeAllFamilies();
    await Promise.all(Array.from({ length: 4 }, (_, n) => opened.call('echo', { text: String(n) })));
    expect(world.server.counts.count('token:refresh_token', 400)).toBe(1);
    expect(world.who.tabs).toHaveLength(2);
    expect(world.server.familiesRevoked).toBe(0);
  });

  it('F14: a registration that the server forgot is replaced once', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    world.server.forgetClients();
    world.server.revokeAllAccessTokens();
    expect(await opened.call('echo', { text: 'back' })).toBe('back');
    expect(world.server.counts.count('register')).toBe(2);
    expect(world.who.tabs).toHaveLength(2);
  });

  it('F14: invalid_client of a pre-registered client is an error, drops nothing and opens no browser', async () => {
    let refuses = false;
    const world = closing(
      await scene(
        { clientInformation: { client_id: 'https://app.example.com/pre' } },
        {
          intercept(request, response) {
            if (!refuses || request.url !== '/token') return false;
            sendJson(response, 401, { error: 'invalid_client' });
            return true;
          },
        },
      ),
    );
    const opened = hostOf(sdk, world);
    await opened.connect();
    world.server.revokeAllAccessTokens();
    refuses = true;
    expect(oauthErrorIn(await rejection(opened.call('echo')))).toMatchObject({ code: 'invalid_client' });
    refuses = false;
    expect(await opened.call('echo', { text: 'back' })).toBe('back');
    expect(world.who.tabs).toHaveLength(1);
  });

  it('F9: the resource is sent verbatim, without the slash that a parsed URL would add', async () => {
    const who = closing(person());
    const as = closing(await startAuthorizationServer({ issueRefreshToken: 'always' }));
    const mcp = closing(
      await startMcpServerV1({
        authorizationServer: as,
        challengeScope: 'mcp:read',
        resource: (url) => new URL(url).origin,
      }),
    );
    const provider = closing(
      createAuthProvider({
        serverUrl: mcp.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        resource: mcp.origin,
      }),
    );
    const forms: string[] = [];
    const opened = closing(
      host(sdk, mcp.url, {
        authProvider: provider.toOAuthClientProvider(),
        fetch: async (input, init) => {
          if (String(input).endsWith('/token')) forms.push(String(init?.body));
          return fetch(input, init);
        },
      }),
    );
    await opened.connect();
    expect(forms.map((form) => new URLSearchParams(form).get('resource'))).toEqual([mcp.origin]);
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
  });

  it('a token endpoint that the SDK reads elsewhere is refused before anything is sent, and the lock is free', async () => {
    const evil = closing(await startRotatingServer());
    const world = closing(await scene());
    const opened = closing(
      host(sdk, world.server.url, {
        authProvider: world.provider.toOAuthClientProvider(),
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          if (!String(input).includes('oauth-authorization-server')) return response;
          return Response.json({ ...((await response.json()) as object), token_endpoint: `${evil.issuer}/token` });
        },
      }),
    );
    expect(oauthErrorIn(await rejection(opened.connect()))).toMatchObject({ code: 'issuer_mismatch', stage: 'token' });
    expect(evil.counts.total()).toBe(0);
    expect(world.server.counts.count('token')).toBe(0);
    expect((await world.provider.fetch(world.server.url, rpc('ping'))).status).toBe(200);
  });

  it('F21: without interaction the typed error reaches the application', async () => {
    const world = closing(await scene({ interactive: false }));
    const error = await rejection(hostOf(sdk, world).connect());
    expect(oauthErrorIn(error)).toMatchObject({ code: 'interaction_required' });
  });

  it('F43: after signOut() calls fail with signed_out', async () => {
    const world = closing(await scene());
    const opened = hostOf(sdk, world);
    await opened.connect();
    await world.provider.signOut();
    expect(oauthErrorIn(await rejection(opened.call('echo')))).toMatchObject({ code: 'signed_out' });
    expect(world.who.tabs).toHaveLength(1);
  });
});

describe('toOAuthClientProvider() in the v2 transport, which passes the scope', () => {
  it('F26: a 403 steps up with the union of scopes, and asks the application first', async () => {
    const asked: (readonly string[])[] = [];
    const world = closing(
      await scene(
        {
          onStepUp: ({ required }) => {
            asked.push(required);
            return true;
          },
        },
        { challengeScope: 'mcp:read' },
      ),
    );
    const opened = hostOf('v2', world);
    await opened.connect();
    expect(await opened.call('create_issue', { text: 'done' })).toBe('done');
    expect(world.who.tabs).toHaveLength(2);
    expect(new URL(world.who.tabs[1] as string).searchParams.get('scope')?.split(' ').sort()).toEqual([
      'mcp:read',
      'mcp:write',
    ]);
    expect(asked).toHaveLength(1);
    expect(world.server.counts.count('token:refresh_token')).toBe(0);
  });

  it('F26: a denied step-up is an error and opens no tab', async () => {
    const world = closing(await scene({ onStepUp: () => false }, { challengeScope: 'mcp:read' }));
    const opened = hostOf('v2', world);
    await opened.connect();
    expect(oauthErrorIn(await rejection(opened.call('create_issue')))).toMatchObject({ code: 'step_up_denied' });
    expect(world.who.tabs).toHaveLength(1);
  });
});

describe('toOAuthClientProvider() in the v1 transport, which passes no scope', () => {
  it('F26: a 403 ends with an error after one refresh; authorize({ scope }) helps', async () => {
    const world = closing(await scene());
    const opened = hostOf('v1', world);
    await opened.connect();
    await rejection(opened.call('create_issue'));
    expect(world.who.tabs).toHaveLength(1);
    expect(world.server.counts.count('token:refresh_token')).toBeLessThanOrEqual(1);
    await world.provider.authorize({ scope: 'mcp:write' });
    expect(await opened.call('create_issue', { text: 'done' })).toBe('done');
  });
});

describe('the v1 auth() itself', () => {
  it('returns AUTHORIZED, and hands out no refresh token', async () => {
    const { provider, server, who } = closing(await scene());
    const adapter = provider.toOAuthClientProvider();
    expect(await auth(adapter as never, { serverUrl: server.url })).toBe('AUTHORIZED');
    expect(await adapter.tokens()).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'mcp:read',
    });
    expect(who.tabs).toHaveLength(1);
    expect(await auth(adapter as never, { serverUrl: server.url })).toBe('AUTHORIZED');
    expect(server.counts.count('token:refresh_token')).toBe(1);
  });

  it('an answer without expires_in does not keep the former expiry', async () => {
    const { provider, server, clock } = closing(await scene());
    await provider.authorize();
    const adapter = provider.toOAuthClientProvider();
    const fetchFn: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/token')) return response;
      const { expires_in: _dropped, ...rest } = (await response.json()) as Record<string, unknown>;
      return Response.json(rest);
    };
    await auth(adapter as never, { serverUrl: server.url, fetchFn });
    clock.advance(5 * HOUR);
    expect(await adapter.tokens()).not.toHaveProperty('expires_in');
    expect(server.counts.count('token:refresh_token')).toBe(1);
  });

  it('F4: where the SDK never brings an answer the lock is released in time, and nothing is lost', async () => {
    const { provider, server, clock, who } = closing(await scene());
    await provider.authorize();
    const adapter = provider.toOAuthClientProvider();
    const form = await adapter.prepareTokenRequest();
    expect(form.get('grant_type')).toBe('refresh_token');
    server.revokeAllAccessTokens();
    const waiting = provider.fetch(server.url, rpc('ping'));
    await until(() => server.counts.count('mcp:ping', 401) === 1, 'the 401');
    // The wait for the lock and the request have the same bound; the request began first.
    clock.advance(30_000 - 1);
    expect(server.counts.count('token:refresh_token')).toBe(0);
    clock.advance(1);
    expect((await waiting).status).toBe(200);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.familiesRevoked).toBe(0);
    expect(who.tabs).toHaveLength(1);
  });

  it('F43: a sign-out in the middle of the SDK`s token request comes to its end, and what arrives late does not count', async () => {
    const { provider, server } = closing(await scene());
    await provider.authorize();
    const adapter = provider.toOAuthClientProvider();
    await adapter.prepareTokenRequest();
    const signingOut = provider.signOut();
    await new Promise((resolve) => setImmediate(resolve));
    await adapter
      .saveTokens({ access_token: 'late', token_type: 'Bearer', refresh_token: 'late' })
      .catch(() => undefined);
    await signingOut;
    expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  });

  it('joins a sign-in that is under way instead of opening a second tab', async () => {
    const { provider, server, who } = closing(await scene({}, {}, person({ delayMs: 20 })));
    const adapter = provider.toOAuthClientProvider();
    const [response, outcome] = await Promise.all([
      provider.fetch(server.url, rpc('ping')),
      auth(adapter as never, { serverUrl: server.url }),
    ]);
    expect(response.status).toBe(200);
    expect(outcome).toBe('AUTHORIZED');
    expect(who.tabs).toHaveLength(1);
  });

  it('F23: close() ends a sign-in inside it', async () => {
    const { provider, server, who } = closing(await scene({}, {}, person({ delayMs: 600_000 })));
    const waiting = failure(auth(provider.toOAuthClientProvider() as never, { serverUrl: server.url }));
    await until(() => who.tabs.length === 1, 'the browser');
    await provider.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
  });
});
