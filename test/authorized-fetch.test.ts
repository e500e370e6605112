import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { readBody, sendJson } from '../examples/servers/loopback-server.js';
import type { AuthProvider } from '../src/index.js';
import {
  callTool,
  closers,
  failure,
  HOUR,
  isPortFree,
  person,
  redirectUriOf,
  rejection,
  rpc,
  scene,
  until,
} from './auth-provider/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A server that notes what it is asked and answers as it is told. */
async function recorder(
  answer: (path: string) => { status: number; headers?: Record<string, string> } = () => ({ status: 200 }),
) {
  const seen: { method: string; path: string; authorization: string | undefined; body: string }[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const { method = '', url = '' } = request;
      seen.push({ method, path: url, authorization: request.headers.authorization, body });
      const { status, headers } = answer(url);
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closing({
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return { origin: `http://127.0.0.1:${port}`, seen };
}

async function signedIn(...args: Parameters<typeof scene>) {
  const world = closing(await scene(...args));
  await world.provider.authorize();
  return world;
}

describe('the shape of fetch', () => {
  it('is typed like the global one', () => {
    expectTypeOf<AuthProvider['fetch']>().toEqualTypeOf<typeof globalThis.fetch>();
  });

  it('takes a string, a URL and a Request', async () => {
    const { provider, server } = await signedIn();
    for (const input of [server.url, new URL(server.url), new Request(server.url, rpc('ping'))]) {
      const response = await provider.fetch(input, input instanceof Request ? undefined : rpc('ping'));
      expect(await response.json()).toMatchObject({ result: {} });
    }
  });

  const bodies: [string, () => BodyInit, string][] = [
    ['string', () => '{"id":1}', '{"id":1}'],
    ['URLSearchParams', () => new URLSearchParams({ a: '1' }), 'a=1'],
    ['Uint8Array', () => new TextEncoder().encode('bytes'), 'bytes'],
    ['Blob', () => new Blob(['blob']), 'blob'],
    [
      'FormData',
      () => {
        const form = new FormData();
        form.set('field', 'value');
        return form;
      },
      'name="field"',
    ],
  ];
  it.each(bodies)('F24: sends a %s again after the sign-in', async (_, body, expected) => {
    const received: string[] = [];
    const world = closing(
      await scene(
        {},
        {
          async intercept(request, response) {
            if (request.url !== '/mcp' || request.headers['x-test'] === undefined) return false;
            received.push(await readBody(request));
            const challenge = { 'www-authenticate': 'Bearer' };
            sendJson(response, request.headers.authorization === undefined ? 401 : 200, {}, challenge);
            return true;
          },
        },
      ),
    );
    const send = { method: 'POST', headers: { 'x-test': '1' }, body: body() };
    expect((await world.provider.fetch(world.server.url, send)).status).toBe(200);
    expect((await world.provider.fetch(new Request(world.server.url, { ...send, body: body() }))).status).toBe(200);
    expect(received).toHaveLength(3);
    for (const text of received) expect(text).toContain(expected);
  });

  it('hands back the 401 of a stream, which cannot be sent again, and the next request works', async () => {
    const { provider, server, who } = await signedIn();
    server.revokeAllAccessTokens();
    const body = new Blob([JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })]).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const response = await provider.fetch(server.url, init);
    expect(response.status).toBe(401);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    expect(server.counts.count('token:refresh_token')).toBe(1);
  });
});

describe('where the token goes', () => {
  it('gives no token to another origin, whatever the input, and leaves its body alone', async () => {
    const { provider } = await signedIn();
    const other = await recorder();
    await provider.fetch(`${other.origin}/a`);
    await provider.fetch(new Request(`${other.origin}/b`, { method: 'POST', body: 'text' }));
    expect(other.seen).toMatchObject([
      { path: '/a', authorization: undefined },
      { path: '/b', authorization: undefined, body: 'text' },
    ]);
  });

  it('follows a redirect of the same origin with the token, and no other', async () => {
    const other = await recorder();
    const targets: Record<string, string> = { '/here': '/mcp', '/away': `${other.origin}/trap` };
    const { provider, server } = await signedIn(
      {},
      {
        intercept(request, response) {
          const location = targets[request.url ?? ''];
          if (location === undefined) return false;
          response.writeHead(307, { location }).end();
          return true;
        },
      },
    );
    const origin = new URL(server.url).origin;
    const followed = await provider.fetch(`${origin}/here`, callTool('echo', { text: 'over there' }));
    expect(await followed.text()).toContain('over there');

    expect(await failure(provider.fetch(`${origin}/away`, rpc('ping')))).toMatchObject({
      code: 'redirect_refused',
      stage: 'resource',
      url: `${other.origin}/trap`,
    });
    expect(other.seen).toEqual([]);

    const manual = await provider.fetch(`${origin}/away`, { ...rpc('ping'), redirect: 'manual' });
    expect(manual.status).toBe(307);
    expect(await failure(provider.fetch(`${origin}/here`, { ...rpc('ping'), redirect: 'error' }))).toMatchObject({
      code: 'redirect_refused',
    });
  });

  it('bounds a redirect loop', async () => {
    const { provider, server } = await signedIn(
      {},
      {
        intercept(request, response) {
          if (request.url !== '/loop') return false;
          response.writeHead(307, { location: '/loop' }).end();
          return true;
        },
      },
    );
    expect(await failure(provider.fetch(`${new URL(server.url).origin}/loop`))).toMatchObject({
      code: 'redirect_refused',
    });
  });

  it('reports a server that cannot be reached as network_error, retryable', async () => {
    const { provider, server } = await signedIn();
    await server.close();
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'network_error', stage: 'resource', retryable: true });
  });
});

describe('the ladder of a 401', () => {
  it('F25: adopts what another window stored before it refreshes', async () => {
    const { provider, server, another, who, events } = await signedIn();
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
    const { provider, server, clock, who } = await signedIn();
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
    const { provider, server, who } = await signedIn();
    server.revokeAllFamilies();
    const responses = await Promise.all(Array.from({ length: 20 }, () => provider.fetch(server.url, rpc('ping'))));
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(who.tabs).toHaveLength(2);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.counts.count('token:authorization_code')).toBe(2);
  });

  it('F3: a server that refuses every token gets a bounded number of refreshes and sign-ins, across requests too', async () => {
    const { provider, server, who } = await signedIn(
      {},
      {
        intercept(request, response) {
          if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
          sendJson(response, 401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' });
          return true;
        },
      },
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
    const { provider, server, who } = await signedIn();
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

describe('a 403', () => {
  it('without insufficient_scope comes back untouched', async () => {
    const { provider, server, who } = await signedIn(
      {},
      {
        intercept(request, response) {
          if (request.headers['x-forbidden'] === undefined) return false;
          sendJson(response, 403, { reason: 'no' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
          return true;
        },
      },
    );
    const response = await provider.fetch(server.url, { headers: { 'x-forbidden': '1' } });
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ reason: 'no' });
    expect(who.tabs).toHaveLength(1);
  });

  it('F26: 20 calls refused for scope open one tab, with what was granted before and without a refresh', async () => {
    const { provider, server, who } = await signedIn({}, { challengeScope: 'mcp:read' });
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => provider.fetch(server.url, callTool('create_issue'))),
    );
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(who.tabs).toHaveLength(2);
    expect(new URL(who.tabs[1] as string).searchParams.get('scope')).toBe('mcp:read mcp:write');
    expect(server.counts.count('token:refresh_token')).toBe(0);
  });

  it('F26: an endless 403 ends after two step-ups, in one request and across requests', async () => {
    const { provider, server, who } = await signedIn(
      {},
      {
        intercept(request, response) {
          if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
          sendJson(
            response,
            403,
            {},
            { 'www-authenticate': 'Bearer error="insufficient_scope", scope="never:enough"' },
          );
          return true;
        },
      },
    );
    for (let call = 0; call < 4; call += 1) {
      expect(await failure(provider.fetch(server.url, callTool('echo')))).toMatchObject({
        code: 'insufficient_scope',
        stage: 'step-up',
        status: 403,
      });
    }
    expect(who.tabs).toHaveLength(1 + 2);
  });

  it('F26: asks the application, remembers its no, and asks again after authorize()', async () => {
    const asked: unknown[] = [];
    const { provider, server, who } = await signedIn({
      onStepUp(request) {
        asked.push({
          required: request.required,
          granted: request.granted,
          tool: request.tool,
          method: request.method,
        });
        return false;
      },
    });
    for (let call = 0; call < 3; call += 1) {
      expect(await failure(provider.fetch(server.url, callTool('create_issue')))).toMatchObject({
        code: 'step_up_denied',
      });
    }
    expect(asked).toEqual([
      { required: ['mcp:write'], granted: ['mcp:read'], tool: 'create_issue', method: 'tools/call' },
    ]);
    await provider.authorize();
    await rejection(provider.fetch(server.url, callTool('create_issue')));
    expect(asked).toHaveLength(2);
    expect(who.tabs).toHaveLength(1);
  });

  it('that does not say which scope it needs is a typed error', async () => {
    const { provider, server } = await signedIn(
      {},
      {
        intercept(request, response) {
          if (request.headers['x-forbidden'] === undefined) return false;
          sendJson(response, 403, {}, { 'www-authenticate': 'Bearer error="insufficient_scope"' });
          return true;
        },
      },
    );
    const error = await failure(provider.fetch(server.url, { headers: { 'x-forbidden': '1' } }));
    expect(error).toMatchObject({ code: 'insufficient_scope' });
  });
});
