import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHttp, type HttpOptions } from '../../src/http/index.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { selfSigned } from '../http/self-signed.js';
import { fakeFetch, serve } from '../http/support.js';
import { failure } from '../support/failure.js';
import { URLS } from './address-forms.js';

const dns = vi.hoisted(() => ({ names: new Map<string, string[]>() }));

vi.mock('node:dns', () => ({
  lookup(name: string, _: unknown, done: (error: Error | null, found: { address: string; family: number }[]) => void) {
    const found = dns.names.get(name);
    if (!found) return done(Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' }), []);
    done(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  },
}));

const publicOnly = { publicOnly: true } as const;

beforeEach(() => dns.names.clear());

describe('a service whose users type server URLs (network.publicOnly)', () => {
  it.each(Object.values(URLS).flat())('a user who types %j is refused at once', async (url) => {
    const { fetch, calls } = fakeFetch(() => new Response());
    const error = await failure(() => createHttp({ anchor: url, fetch, network: publicOnly }));
    expect(['address_refused', 'invalid_options']).toContain(error.code);
    expect(error.stage).toBe('configuration');
    expect(calls).toEqual([]);
  });

  it.each([
    ['10.0.0.1'],
    ['127.0.0.1'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['fd00::1'],
    ['::ffff:10.0.0.1'],
  ])('a user whose own name resolves to %s reaches nothing there: neither for OAuth nor for MCP', async (address) => {
    dns.names.set('mcp.evil.example', [address]);
    const http = createHttp({ anchor: 'https://mcp.evil.example/mcp', network: publicOnly });
    expect(await failure(http.request('metadata', 'https://mcp.evil.example/x'))).toMatchObject({
      code: 'address_refused',
      stage: 'discovery',
    });
    expect(
      await failure(http.judgedFetch('https://mcp.evil.example/mcp', { method: 'POST', body: '{}' })),
    ).toMatchObject({ code: 'address_refused', stage: 'resource' });
  });

  it('authorize() says too that the address is the reason, and not the network', async () => {
    dns.names.set('mcp.evil.example', ['10.0.0.5']);
    const provider = createAuthProvider({
      serverUrl: 'https://mcp.evil.example/mcp',
      store: new MemoryTokenStore(),
      network: publicOnly,
    });
    const reasons = [failure(provider.authorize()), failure(provider.fetch('https://mcp.evil.example/mcp'))];
    for (const reason of reasons) expect(await reason).toMatchObject({ code: 'address_refused', retryable: false });
    await provider.close();
  });

  it('a user whose name looks private to the resolver gains no neighbours by it', async () => {
    dns.names.set('mcp.evil.example', ['10.0.0.1']);
    const http = createHttp({ anchor: 'https://mcp.evil.example/mcp', network: publicOnly });
    await failure(http.request('metadata', 'https://mcp.evil.example/x'));
    expect(await failure(() => http.assertDiscoveredUrl('https://10.0.0.2/', 'token'))).toMatchObject({
      code: 'address_refused',
      message: expect.stringContaining('network.publicOnly'),
    });
  });

  it('hosts that the operator lists stay reachable, and public ones too', async () => {
    const { fetch, calls } = fakeFetch(() => new Response());
    const network = { ...publicOnly, allowPrivateNetwork: ['idp.internal'] };
    const http = createHttp({ anchor: 'https://idp.internal/mcp', fetch, network });
    await http.request('token', 'https://idp.internal/token');
    await http.request('token', 'https://auth.example.net/token');
    expect(await failure(http.request('token', 'https://other.internal/token'))).toMatchObject({
      code: 'address_refused',
    });
    expect(calls).toHaveLength(2);
  });

  it.each(['yes', 1, null, 'false'])('takes true or false, not %j', async (value) => {
    const network = { publicOnly: value } as unknown as NonNullable<HttpOptions['network']>;
    expect(await failure(() => createHttp({ anchor: 'https://mcp.example.com/', network }))).toMatchObject({
      code: 'invalid_options',
    });
  });
});

describe('the judged fetch for MCP traffic', () => {
  let server: Awaited<ReturnType<typeof serve>>;
  let seen: string[];

  beforeEach(async () => {
    seen = [];
    server = await serve(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push(`${request.method} ${request.url} ${request.headers['x-mine']} ${body}`);
      if (request.url === '/out') return response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end();
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      if (request.url !== '/stream') response.end();
    });
  });

  afterEach(() => server.stop());

  const network = { publicOnly: true, allowPrivateNetwork: ['127.0.0.1'] };
  const open = () => createHttp({ anchor: server.url, network, timeoutMs: 50 }).judgedFetch;

  it('carries a URL with its init, and a Request', async () => {
    const init = { method: 'POST', headers: new Headers({ 'x-mine': 'yes' }), body: '{"a":1}' };
    expect(await (await open()(`${server.url}/a`, init)).text()).toBe('data: 1\n\n');
    expect((await open()(new URL(`${server.url}/b`), init)).status).toBe(200);
    expect((await open()(new Request(`${server.url}/c`, init))).headers.get('content-type')).toBe('text/event-stream');
    expect(seen).toEqual(['a', 'b', 'c'].map((path) => `POST /${path} yes {"a":1}`));
  });

  it('carries a form as what it is', async () => {
    const body = new FormData();
    body.set('name', 'value');
    await (await open()(`${server.url}/form`, { method: 'POST', body })).text();
    expect(seen[0]).toContain('form-data; name="name"');
  });

  it('gives a stream as it comes, beyond the time of a request, until it is aborted', async () => {
    const controller = new AbortController();
    const response = await open()(`${server.url}/stream`, { signal: controller.signal });
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n');
    const rest = reader?.read();
    controller.abort(new Error('enough'));
    await expect(rest).rejects.toThrow('enough');
  });

  it('follows no redirect, and hands it out where it was asked to', async () => {
    expect(await failure(open()(`${server.url}/out`))).toMatchObject({ code: 'redirect_refused', stage: 'resource' });
    expect((await open()(`${server.url}/out`, { redirect: 'manual' })).status).toBe(307);
  });

  it('rejects as fetch does where its caller aborts, and by an error of ours where the connection fails', async () => {
    const reason = new Error('mine');
    await expect(open()(`${server.url}/a`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await server.stop();
    expect(await failure(open()(`${server.url}/a`))).toMatchObject({ code: 'network_error', stage: 'resource' });
  });

  it('says what is wrong with a certificate', async () => {
    const secure = createServer(selfSigned('localhost'));
    secure.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const { port } = secure.address() as AddressInfo;
    const { message } = await failure(open()(`https://127.0.0.1:${port}/`));
    await new Promise((resolve) => secure.close(resolve));
    expect(message).toMatch(/could not be trusted.*NODE_EXTRA_CA_CERTS/);
  });
});
