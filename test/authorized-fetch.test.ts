import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { readBody, sendJson } from '../examples/servers/loopback-server.js';
import type { AuthProvider } from '../src/index.js';
import { callTool, closers, rpc, scene, signedInScene } from './auth-provider/support.js';
import { failure } from './support/failure.js';

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

describe('the shape of fetch', () => {
  it('is typed like the global one', () => {
    expectTypeOf<AuthProvider['fetch']>().toEqualTypeOf<typeof globalThis.fetch>();
  });

  it('takes a string, a URL and a Request', async () => {
    const { provider, server } = closing(await signedInScene());
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
    const { provider, server, who } = closing(await signedInScene());
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
    const { provider } = closing(await signedInScene());
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
    const { provider, server } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            const location = targets[request.url ?? ''];
            if (location === undefined) return false;
            response.writeHead(307, { location }).end();
            return true;
          },
        },
      ),
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
    const { provider, server } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/loop') return false;
            response.writeHead(307, { location: '/loop' }).end();
            return true;
          },
        },
      ),
    );
    expect(await failure(provider.fetch(`${new URL(server.url).origin}/loop`))).toMatchObject({
      code: 'redirect_refused',
    });
  });

  it('reports a server that cannot be reached as network_error, retryable', async () => {
    const { provider, server } = closing(await signedInScene());
    await server.close();
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'network_error', stage: 'resource', retryable: true });
  });
});
