import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../examples/servers/loopback-server.js';
import {
  callTool,
  closers,
  HOUR,
  isPortFree,
  person,
  redirectUriOf,
  rpc,
  scene,
  signedInScene,
  until,
} from './auth-provider/support.js';
import { failure, rejection } from './support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('the ladder of a 401', () => {
  it('F25: adopts what another window stored before it refreshes', async () => {
    const { provider, server, another, who, events } = closing(await signedInScene());
    const window = another();
    await window.fetch(server.url, rpc('ping'));
    server.revokeAllAccessTokens();
    await window.fetch(server.url, rpc('ping'));
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.familiesRevoked).toBe(0);
    expect(who.tabs).toHaveLength(1);
    expect(events.map((event) => event.type)).toContain('adopted');
  });

  it('F1: 100 concurrent calls at an expiry, and after an early revocation, cost one refresh each time', async () => {
    const { provider, server, clock, who } = closing(await signedInScene());
    const round = () => Promise.all(Array.from({ length: 100 }, () => provider.fetch(server.url, rpc('ping'))));
    clock.advance(2 * HOUR);
    expect((await round()).every((response) => response.ok)).toBe(true);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    server.revokeAllAccessTokens();
    expect((await round()).every((response) => response.ok)).toBe(true);
    expect(server.counts.count('token:refresh_token')).toBe(2);
    expect(server.familiesRevoked).toBe(0);
    expect(who.tabs).toHaveLength(1);
  });

  it('F24: signs in once where the refresh token is dead too', async () => {
    const { provider, server, who } = closing(await signedInScene());
    server.revokeAllFamilies();
    const responses = await Promise.all(Array.from({ length: 20 }, () => provider.fetch(server.url, rpc('ping'))));
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(who.tabs).toHaveLength(2);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.counts.count('token:authorization_code')).toBe(2);
  });

  it('F3: a server that refuses every token gets a bounded number of refreshes and sign-ins, across requests too', async () => {
    const { provider, server, who } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
            sendJson(response, 401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' });
            return true;
          },
        },
      ),
    );
    for (let call = 0; call < 8; call += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
        code: 'token_rejected',
        status: 401,
      });
    }
    expect(who.tabs).toHaveLength(1 + 3);
    expect(server.counts.count('token:refresh_token')).toBeLessThanOrEqual(8);
    expect(server.counts.count('token:authorization_code')).toBe(4);
  });

  it('F22: tells what the person answered where it does not ask again', async () => {
    const world = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (!request.url?.startsWith('/authorize?')) return false;
            const query = new URL(request.url, 'http://localhost').searchParams;
            const target = new URL(query.get('redirect_uri') ?? '');
            target.search = new URLSearchParams({
              error: 'access_denied',
              state: query.get('state') ?? '',
              iss: `http://${request.headers.host}`,
            }).toString();
            response.writeHead(302, { location: target.href }).end();
            return true;
          },
        },
      ),
    );
    const { provider, server, who } = world;
    for (let call = 0; call < 6; call += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'access_denied' });
    }
    expect(who.tabs).toHaveLength(3);
    expect(await failure(provider.authorize())).toMatchObject({ code: 'access_denied' });
    expect(who.tabs).toHaveLength(4);
  });

  it('signs in after a 401 without a challenge', async () => {
    const world = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers.authorization !== undefined) return false;
            sendJson(response, 401, {});
            return true;
          },
        },
      ),
    );
    expect((await world.provider.fetch(world.server.url, rpc('ping'))).status).toBe(200);
  });

  it('F27: a GET and a DELETE climb the same ladder', async () => {
    const { provider, server, who } = closing(await signedInScene());
    for (const method of ['GET', 'DELETE']) {
      server.revokeAllAccessTokens();
      expect((await provider.fetch(server.url, { method })).status).toBe(405);
    }
    expect(server.counts.count('token:refresh_token')).toBe(2);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('waiting for a person', () => {
  it('F23: an abort ends the wait at once, and the sign-in with its last waiter; the port is free again', async () => {
    const { provider, server, who } = closing(await scene({}, {}, person({ delayMs: 600_000 })));
    const one = new AbortController();
    const two = new AbortController();
    const first = rejection(provider.fetch(server.url, { ...rpc('ping'), signal: one.signal }));
    const second = rejection(provider.fetch(server.url, { ...rpc('ping', {}, 2), signal: two.signal }));
    await until(() => who.tabs.length === 1, 'the browser');
    const redirectUri = redirectUriOf(who.tabs[0] as string);
    one.abort();
    expect(await first).toMatchObject({ code: 'aborted' });
    expect(await isPortFree(redirectUri)).toBe(false);
    two.abort();
    expect(await second).toMatchObject({ code: 'aborted' });
    let free = false;
    await until(() => {
      void isPortFree(redirectUri).then((value) => {
        free ||= value;
      });
      return free;
    }, 'a free port');
    expect(server.counts.count('mcp:ping', 200)).toBe(0);
    expect(who.tabs).toHaveLength(1);
  });

  it('F24: a request that its client gave up by notifications/cancelled is never sent again', async () => {
    const { provider, server, who } = closing(await scene({}, {}, person({ delayMs: 50 })));
    const waiting = rejection(provider.fetch(server.url, callTool('echo')));
    await until(() => who.tabs.length === 1, 'the browser');
    const cancelled = {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }),
    };
    expect((await provider.fetch(server.url, cancelled)).status).toBe(202);
    expect(await waiting).toMatchObject({ code: 'aborted' });
    expect((await provider.fetch(server.url, rpc('ping', {}, 2))).status).toBe(200);
    expect(server.counts.count('mcp:tools/call', 200)).toBe(0);
    expect(server.counts.count('mcp:notifications/cancelled')).toBe(0);
    expect(who.tabs).toHaveLength(1);
  });
});
