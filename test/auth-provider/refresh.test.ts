import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import type { RotatingServerOptions } from '../../examples/servers/rotating-server.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, rpc, scene } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A server whose token endpoint does what `trouble` says while it is set. */
async function troubled(options: Parameters<typeof scene>[0] = {}) {
  const trouble: { status?: number | 'reset'; body?: Record<string, unknown>; requests: number } = { requests: 0 };
  const intercept: RotatingServerOptions['intercept'] = (request, response) => {
    if (request.url !== '/token' || trouble.status === undefined) return false;
    trouble.requests += 1;
    if (trouble.status === 'reset') request.socket.destroy();
    else sendJson(response, trouble.status, trouble.body ?? {});
    return true;
  };
  const world = closing(await scene(options, { intercept }));
  await world.provider.authorize();
  return { ...world, trouble };
}

describe('a refresh that fails for now', () => {
  it.each([
    ['429', 429, 'server_unavailable'],
    ['500', 500, 'server_unavailable'],
    ['503', 503, 'server_unavailable'],
    ['a connection that is reset', 'reset', 'network_error'],
  ] as const)('F4: %s clears nothing, opens no browser, and the next call works once the server is back', async (_, status, code) => {
    const { provider, server, clock, who, trouble, another } = await troubled();
    clock.advance(2 * HOUR);
    trouble.status = status;
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code, stage: 'token', retryable: true });
    expect(trouble.requests).toBeLessThanOrEqual(3);
    expect(await provider.session()).toMatchObject({ signedIn: true, refreshable: true });
    expect(await failure(another().fetch(server.url, rpc('ping')))).toMatchObject({ code });
    trouble.status = undefined as never;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    expect(server.familiesRevoked).toBe(0);
  });

  it('F4: a token endpoint that never answers ends with timeout, and the same holds', async () => {
    let hangs = false;
    const world = closing(
      await scene({ timeouts: { request: 40 } }, { intercept: (request) => hangs && request.url === '/token' }),
    );
    const { provider, server, clock, who } = world;
    await provider.authorize();
    clock.advance(2 * HOUR);
    hangs = true;
    const failed = failure(provider.fetch(server.url, rpc('ping')));
    const ticking = setInterval(() => clock.advance(50), 5);
    const error = await failed;
    clearInterval(ticking);
    expect(error).toMatchObject({ code: 'timeout', stage: 'token', retryable: true });
    hangs = false;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('F8: ahead of expiry a failing refresh is not even noticed', async () => {
    const { provider, server, clock, who, trouble } = await troubled();
    clock.advance(HOUR - 60_000);
    trouble.status = 503;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('a refresh that fails for good', () => {
  it('F14: invalid_client drops a dynamic registration and its refresh token, and registers once more', async () => {
    const { provider, server, clock, who } = await troubled();
    server.forgetClients();
    clock.advance(2 * HOUR);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('register')).toBe(2);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(who.tabs).toHaveLength(2);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('register')).toBe(2);
  });

  it('F14: invalid_client of a pre-registered client is an error that drops nothing and opens no browser', async () => {
    const { provider, server, clock, who, trouble } = await troubled({
      clientInformation: { client_id: 'https://app.example.com/pre-registered' },
    });
    clock.advance(2 * HOUR);
    trouble.status = 401;
    trouble.body = { error: 'invalid_client' };
    for (let call = 0; call < 2; call += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
        code: 'invalid_client',
        oauthError: 'invalid_client',
        retryable: false,
      });
    }
    trouble.status = undefined as never;
    clock.advance(1_000);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    expect(server.counts.count('register')).toBe(0);
  });

  it('authorize() refreshes at once where the server took the client back, and asks nobody', async () => {
    const { provider, server, clock, who, trouble } = await troubled({
      clientInformation: { client_id: 'https://app.example.com/pre-registered' },
    });
    clock.advance(2 * HOUR);
    trouble.status = 401;
    trouble.body = { error: 'invalid_client' };
    await failure(provider.fetch(server.url, rpc('ping')));
    trouble.status = undefined as never;
    expect((await provider.authorize()).signedIn).toBe(true);
    expect(who.tabs).toHaveLength(1);
  });

  it('F24: invalid_grant costs one clean sign-in with the same registration', async () => {
    const { provider, server, clock, who, events } = await troubled();
    server.revokeAllFamilies();
    clock.advance(2 * HOUR);
    const responses = await Promise.all(Array.from({ length: 5 }, () => provider.fetch(server.url, rpc('ping'))));
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.counts.count('register')).toBe(1);
    expect(who.tabs).toHaveLength(2);
    expect(events).toContainEqual(expect.objectContaining({ type: 'refresh_failed', final: true }));
  });

  it('F21: without interaction the error names it, every time, and nothing is opened', async () => {
    const { server, clock, who, another } = await troubled();
    const daemon = another({ interactive: false });
    expect((await daemon.fetch(server.url, rpc('ping'))).status).toBe(200);
    server.revokeAllFamilies();
    clock.advance(2 * HOUR);
    for (let call = 0; call < 6; call += 1) {
      expect(await failure(daemon.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    }
    expect(await failure(daemon.authorize())).toMatchObject({ code: 'interaction_required' });
    expect(who.tabs).toHaveLength(1);
  });
});

describe('what a refresh sends', () => {
  it('F5, F11: a second start refreshes with the stored issuer, client and resource, without discovery and without scope', async () => {
    const forms: string[] = [];
    const world = closing(await scene());
    const { provider, server, clock, another } = world;
    await provider.authorize();
    clock.advance(2 * HOUR);
    server.counts.reset();
    const second = another({
      fetch: async (input, init) => {
        if (String(input).endsWith('/token')) forms.push(String(init?.body));
        return fetch(input, init);
      },
    });
    expect((await second.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.recent()).toEqual(['token 200', 'mcp 200']);
    const form = new URLSearchParams(forms[0]);
    expect(form.get('resource')).toBe(server.url);
    expect(form.has('scope')).toBe(false);
  });

  it('F6: a valid token without a refresh token is used until it expires, and survives a restart', async () => {
    const withoutRefresh: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/token')) return response;
      const { refresh_token: _dropped, ...rest } = (await response.json()) as Record<string, unknown>;
      return Response.json(rest);
    };
    const { provider, server, another, clock, who } = closing(await scene({ fetch: withoutRefresh }));
    await provider.authorize();
    expect(await provider.session()).toMatchObject({ signedIn: true, refreshable: false });
    expect((await another().fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    clock.advance(2 * HOUR);
    expect(await provider.session()).toMatchObject({ signedIn: false });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
  });
});

describe('an outage before anyone signed in', () => {
  it('F4: is a retryable error however often it is met, and the sign-in works once the server is back', async () => {
    let down = true;
    const intercept: RotatingServerOptions['intercept'] = (request, response) => {
      if (!down || !request.url?.startsWith('/.well-known/oauth-authorization-server')) return false;
      sendJson(response, 503, {});
      return true;
    };
    const { provider, server, who } = closing(await scene({}, { intercept }));
    for (let call = 0; call < 5; call += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
        code: 'server_unavailable',
        retryable: true,
      });
    }
    down = false;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('reports an unreachable MCP server from authorize() as network_error', async () => {
    const { server } = closing(await scene());
    await server.close();
    const provider = closing(
      createAuthProvider({ serverUrl: server.url, store: new MemoryTokenStore(), openBrowser: () => undefined }),
    );
    expect(await failure(provider.authorize())).toMatchObject({ code: 'network_error', retryable: true });
  });
});
