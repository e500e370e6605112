import { execFile } from 'node:child_process';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHttp } from '../../src/http/index.js';
import { failure } from '../support/failure.js';
import { selfSigned } from './self-signed.js';
import { serve } from './support.js';

/** What names resolve to here, and how often each was asked for. */
const dns = vi.hoisted(() => ({ names: new Map<string, string[]>(), asked: [] as string[] }));

vi.mock('node:dns', () => ({
  lookup(
    name: string,
    _: unknown,
    callback: (error: Error | null, addresses: { address: string; family: number }[]) => void,
  ) {
    dns.asked.push(name);
    const addresses = dns.names.get(name);
    if (!addresses) return callback(Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  },
}));

let server: Awaited<ReturnType<typeof serve>>;
let hits: string[];

beforeEach(async () => {
  dns.names.clear();
  dns.asked.length = 0;
  hits = [];
  server = await serve((request, response) => {
    hits.push(`${request.method} ${request.headers.host}${request.url}`);
    if (request.url === '/redirect') return response.writeHead(302, { location: '/here' }).end();
    if (request.url === '/out') return response.writeHead(302, { location: 'http://10.255.255.1/' }).end();
    if (request.url === '/bomb')
      return response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(2_000_000)));
    if (request.url === '/gzip')
      return response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"zipped":true}'));
    if (request.url === '/drip') return response.writeHead(200).write('{');
    if (request.url === '/reset') return request.socket.destroy();
    return request.pipe(response);
  });
});

afterEach(() => server.stop());

describe('connections of our own', () => {
  it('carry requests to loopback, with their bodies, follow redirects and decompress', async () => {
    const http = createHttp({ anchor: server.url });
    const body = new URLSearchParams({ grant_type: 'x' });
    const echoed = await http.request('token', `${server.url}/echo`, { method: 'POST', body });
    expect(await echoed.text()).toBe('grant_type=x');
    expect((await http.request('metadata', `${server.url}/redirect`)).status).toBe(200);
    expect(await (await http.request('metadata', `${server.url}/gzip`)).json()).toEqual({ zipped: true });
    expect(hits.map((hit) => hit.replace(/127.0.0.1:\d+/, ''))).toEqual([
      'POST /echo',
      'GET /redirect',
      'GET /here',
      'GET /gzip',
    ]);
    await http.close();
  });

  it('measure a body after its decompression', async () => {
    const http = createHttp({ anchor: server.url });
    expect(await failure(http.request('metadata', `${server.url}/bomb`))).toMatchObject({ code: 'response_too_large' });
  });

  it('end in time although a body drips for ever', async () => {
    const http = createHttp({ anchor: server.url, timeoutMs: 50 });
    expect(await failure(http.request('metadata', `${server.url}/drip`))).toMatchObject({ code: 'timeout' });
  });

  it('report what fails on the way', async () => {
    const http = createHttp({ anchor: server.url });
    expect(await failure(http.request('metadata', `${server.url}/reset`))).toMatchObject({ code: 'network_error' });
    expect(await failure(http.request('metadata', `${server.url}/out`))).toMatchObject({ code: 'address_refused' });
    expect(await failure(http.request('metadata', 'https://nowhere.example/'))).toMatchObject({
      code: 'network_error',
      message: expect.stringContaining('ENOTFOUND'),
    });
    await server.stop();
    expect(await failure(http.request('token', `${server.url}/x`))).toMatchObject({
      code: 'network_error',
      stage: 'token',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('F40: names are judged by what they resolve to', () => {
  it.each([
    ['127.0.0.1'],
    ['10.0.0.1'],
    ['169.254.169.254'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['::127.0.0.1'],
    ['0.0.0.0'],
  ])('a public server cannot have a name of its choice lead to %s', async (address) => {
    dns.names.set('mcp.example.com', ['93.184.215.14']);
    dns.names.set('auth.evil.example', [address]);
    const http = createHttp({ anchor: 'https://mcp.example.com/mcp' });
    const error = await failure(
      http.request('token', `https://auth.evil.example:${server.port}/token`, { method: 'POST' }),
    );
    expect(error).toMatchObject({ code: 'address_refused', stage: 'token' });
    expect(hits).toEqual([]);
  });

  it('the address that was judged is the one connected to: a name is resolved once for a connection', async () => {
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    dns.names.set('app.localhost', []);
    vi.spyOn(dns.names, 'get').mockImplementation(() => answers.shift());
    const http = createHttp({ anchor: server.url });
    expect((await http.request('metadata', `http://app.localhost:${server.port}/x`)).status).toBe(200);
    expect(dns.asked).toEqual(['app.localhost']);
    vi.restoreAllMocks();
  });

  it('of several addresses only those are used that the rule allows', async () => {
    dns.names.set('app.localhost', ['169.254.169.254', '8.8.8.8', '127.0.0.1']);
    const http = createHttp({ anchor: server.url, timeoutMs: 5000 });
    expect((await http.request('metadata', `http://app.localhost:${server.port}/x`)).status).toBe(200);
    expect(hits).toEqual([`GET app.localhost:${server.port}/x`]);
  });

  it('connects to no other address of a name where the allowed one does not answer', async () => {
    // On this machine 0.0.0.0 would reach the server, 127.0.0.2 does not.
    dns.names.set('app.localhost', ['0.0.0.0', '127.0.0.2']);
    const http = createHttp({ anchor: server.url, timeoutMs: 2000 });
    const error = await failure(http.request('metadata', `http://app.localhost:${server.port}/x`));
    expect(['network_error', 'timeout']).toContain(error.code);
    expect(hits).toEqual([]);
  });

  it('an intranet server may name its neighbours: the name of the anchor is resolved too', async () => {
    dns.names.set('mcp.corp.example', ['127.0.0.1']);
    dns.names.set('auth.corp.example', ['127.0.0.1']);
    const http = createHttp({
      anchor: 'https://mcp.corp.example/mcp',
      network: { allowInsecureHttp: ['auth.corp.example'], allowPrivateNetwork: ['auth.corp.example'] },
    });
    expect((await http.request('metadata', `http://auth.corp.example:${server.port}/x`)).status).toBe(200);
    expect(http.assertDiscoveredUrl('https://10.0.0.7/token', 'token').hostname).toBe('10.0.0.7');
  });

  it('the anchor is resolved anew for each request: where it was unknown, or moved, the next one knows', async () => {
    const hosts = ['127.0.0.1'];
    const network = { allowInsecureHttp: hosts, allowPrivateNetwork: hosts };
    const http = createHttp({ anchor: 'https://mcp.corp.example/mcp', network });
    const neighbour = async () => {
      await http.request('metadata', `http://127.0.0.1:${server.port}/x`);
      return http.assertDiscoveredUrl('https://10.0.0.7/token', 'token').hostname;
    };
    expect(await failure(neighbour())).toMatchObject({ code: 'address_refused' });
    dns.names.set('mcp.corp.example', ['10.0.0.1']);
    expect(await neighbour()).toBe('10.0.0.7');
    dns.names.set('mcp.corp.example', ['93.184.215.14']);
    expect(await failure(neighbour())).toMatchObject({ code: 'address_refused' });
  });

  it('a name that resolves to this machine opens its network, and nothing on loopback', async () => {
    dns.names.set('mcp.evil.example', ['127.0.0.1']);
    const http = createHttp({ anchor: 'https://mcp.evil.example/mcp', network: { allowInsecureHttp: ['127.0.0.1'] } });
    expect(await failure(http.request('metadata', `http://127.0.0.1:${server.port}/x`))).toMatchObject({
      code: 'address_refused',
    });
  });

  it('an injected fetch is judged by names alone, and nothing is resolved', async () => {
    const http = createHttp({ anchor: 'https://mcp.example.com/', fetch: async () => new Response('x') });
    expect((await http.request('metadata', 'https://auth.evil.example/')).status).toBe(200);
    expect(dns.asked).toEqual([]);
  });
});

describe('TLS', () => {
  it('is checked as Node checks it: a certificate that nobody vouches for is refused, by the name it is asked for', async () => {
    const named: string[] = [];
    const certificate = selfSigned('auth.localhost');
    const secure = createServer({
      ...certificate,
      SNICallback(name, done) {
        named.push(name);
        done(null, createSecureContext(certificate));
      },
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const { port } = secure.address() as AddressInfo;
    dns.names.set('auth.localhost', ['127.0.0.1']);
    const http = createHttp({ anchor: server.url });
    const error = await failure(http.request('token', `https://auth.localhost:${port}/token`));
    expect(error).toMatchObject({
      code: 'network_error',
      message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
    });
    expect(named).toEqual(['auth.localhost']);
    await new Promise((resolve) => secure.close(resolve));
  });
});

describe('the process', () => {
  it('can end although connections were kept alive and nothing was closed', { timeout: 30_000 }, async () => {
    const source = `
      const { createHttp } = await import(${JSON.stringify(new URL('../../src/http/index.ts', import.meta.url).href)});
      const http = createHttp({ anchor: ${JSON.stringify(server.url)} });
      const response = await http.request('metadata', ${JSON.stringify(`${server.url}/x`)});
      process.on('exit', () => console.log(response.status, Math.round(performance.now() - done)));
      const done = performance.now();`;
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source]);
    const [status, lingered] = (await run).stdout.trim().split(' ').map(Number);
    expect(status).toBe(200);
    expect(lingered).toBeLessThan(1000);
  });
});
