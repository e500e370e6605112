import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHttp, type HttpOptions } from '../../src/http/index.js';
import { failure } from '../support/failure.js';
import { serve, serveProxy } from './support.js';

/** What names resolve to here, and which were asked for. */
const dns = vi.hoisted(() => ({ names: new Map<string, string[]>(), asked: [] as string[] }));

vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup(name: string, _: unknown, done: (error: Error | null, found: { address: string; family: number }[]) => void) {
    dns.asked.push(name);
    const found = dns.names.get(name);
    if (!found) return done(Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
    done(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  },
}));

const AUTH = 'http://auth.example.net/token';
const ANCHOR = 'https://mcp.example.com/mcp';
/** Plain http, so that the tunnel can be looked into. */
const network = { allowInsecureHttp: ['auth.example.net', 'mcp.corp.example'] };

let server: Awaited<ReturnType<typeof serve>>;
let seen: { host: string | undefined; url: string | undefined; headers: NodeJS.Dict<string | string[]> }[];
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  dns.names.clear();
  dns.asked.length = 0;
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'])
    vi.stubEnv(name, undefined);
  seen = [];
  server = await serve((request, response) => {
    seen.push({ host: request.headers.host, url: request.url, headers: request.headers });
    if (request.url?.startsWith('/to?'))
      return response.writeHead(302, { location: decodeURIComponent(request.url.slice(4)) }).end();
    response.end('answered');
  });
  stops = [server.stop];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const stop of stops) await stop();
});

async function proxy(refuse?: string) {
  const started = await serveProxy(() => server.port, refuse);
  stops.push(started.stop);
  return started;
}

const open = (options: Partial<HttpOptions> = {}) => createHttp({ anchor: ANCHOR, network, ...options });

describe('F41: a proxy that the environment names', () => {
  it.each(['HTTP_PROXY', 'http_proxy'])('%s carries requests, and gets its credentials alone', async (variable) => {
    const used = await proxy();
    vi.stubEnv(variable, used.url.replace('//', '//alice:p%40ss@'));
    const http = open();
    expect(await (await http.request('token', AUTH, { method: 'POST', body: 'a=b' })).text()).toBe('answered');
    await http.close();
    expect(used.asked).toEqual([{ target: 'auth.example.net:80', authorization: `Basic ${btoa('alice:p@ss')}` }]);
    expect(seen.map(({ host, url }) => [host, url])).toEqual([['auth.example.net', '/token']]);
    expect(JSON.stringify(seen)).not.toContain('proxy-authorization');
  });

  it('keeps its tunnels for the next requests, and resolves nothing here: not even the MCP server', async () => {
    const used = await proxy();
    vi.stubEnv('HTTPS_PROXY', used.url);
    vi.stubEnv('HTTP_PROXY', used.url);
    const http = open();
    for (let i = 0; i < 6; i += 1) await http.request('metadata', AUTH);
    expect([seen.length, dns.asked]).toEqual([6, []]);
    // A request that comes while the last answer's connection is not free yet opens another one.
    expect(used.asked.length).toBeLessThan(4);
    await http.close();
  });

  it.each([
    'http://localhost',
    'http://127.0.0.1',
    'http://127.8.8.8',
    'http://app.localhost',
  ])('is never asked for loopback: %s', async (origin) => {
    const used = await proxy();
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) vi.stubEnv(name, used.url);
    dns.names.set('localhost', ['127.0.0.1']);
    dns.names.set('app.localhost', ['127.0.0.1']);
    const http = createHttp({ anchor: server.url, timeoutMs: 2000 });
    const answer = await http.request('metadata', `${origin}:${server.port}/x`).catch(() => undefined);
    if (!origin.includes('127.8')) expect(await answer?.text()).toBe('answered');
    expect(used.asked).toEqual([]);
    await http.close();
  });

  it.each([
    'https://169.254.169.254/latest',
    'https://10.0.0.1/',
    'https://[::ffff:10.0.0.1]/',
    'https://0xa9fea9fe/',
    'https://vault.internal/',
    'https://metadata.google.internal/',
    'https://metadata.google.internal../',
    'https://localhost/',
    'http://127.0.0.1:6379/',
    'http://elsewhere.example/',
  ])('is not asked for what the address rule refuses by name or literal: %s', async (url) => {
    const used = await proxy();
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) vi.stubEnv(name, used.url);
    const http = open();
    expect(await failure(http.request('metadata', url))).toMatchObject({ code: 'address_refused' });
    expect(
      await failure(http.request('metadata', `http://auth.example.net/to?${encodeURIComponent(url)}`)),
    ).toMatchObject({ code: 'address_refused' });
    expect(used.asked.map(({ target }) => target)).toEqual(['auth.example.net:80']);
    await http.close();
  });

  it('is left out for hosts of NO_PROXY, which are judged by what they resolve to', async () => {
    const used = await proxy();
    vi.stubEnv('HTTP_PROXY', used.url);
    vi.stubEnv('NO_PROXY', 'auth.example.net');
    dns.names.set('auth.example.net', ['127.0.0.1']);
    const http = open();
    expect(await failure(http.request('token', AUTH))).toMatchObject({ code: 'address_refused', stage: 'token' });
    expect([used.asked, dns.asked.includes('auth.example.net'), seen]).toEqual([[], true, []]);
  });

  it('and where the MCP server is reached directly, its class is learnt as ever', async () => {
    const used = await proxy();
    vi.stubEnv('HTTPS_PROXY', used.url);
    vi.stubEnv('NO_PROXY', '.corp.example');
    dns.names.set('mcp.corp.example', ['10.0.0.1']);
    const http = open({ anchor: 'https://mcp.corp.example/mcp' });
    await failure(http.request('metadata', 'https://auth.corp.example/'));
    expect(http.assertDiscoveredUrl('https://10.0.0.7/', 'token').hostname).toBe('10.0.0.7');
    expect(used.asked).toEqual([]);
  });

  it('is read when connections are first needed; what changes later is for the next provider', async () => {
    const used = await proxy();
    vi.stubEnv('HTTP_PROXY', used.url);
    const http = open();
    await http.request('metadata', AUTH);
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    await http.request('metadata', AUTH);
    expect(seen).toHaveLength(2);
    await http.close();
  });

  it('is not used by a given fetch', async () => {
    vi.stubEnv('HTTP_PROXY', 'no url at all');
    const http = open({ fetch: async () => new Response('mine') });
    expect(await (await http.request('metadata', AUTH)).text()).toBe('mine');
  });
});

describe('a proxy that does not connect', () => {
  const SECRETS = /s3cret|alice|czNjcmV0|YWxpY2U/;
  const shown = (error: Error) => inspect(error, { depth: 9 }) + JSON.stringify(error) + error.stack;

  it.each([
    ['407 Proxy Authentication Required', 'does not take the credentials (407)'],
    ['502 Bad Gateway', 'did not connect to auth.example.net:80 (502)'],
    ['403 Forbidden', 'did not connect to auth.example.net:80 (403)'],
    ['302 Found\r\nLocation: http://169.254.169.254/', 'did not connect to auth.example.net:80 (302)'],
  ])('answers %s: the error names it and the variable, and no credentials', async (status, words) => {
    const used = await proxy(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
    vi.stubEnv('HTTP_PROXY', used.url.replace('//', '//alice:s3cret@'));
    const error = await failure(open().request('token', AUTH, { method: 'POST', body: 'x' }));
    expect(error).toMatchObject({ code: 'network_error', stage: 'token', retryable: true });
    for (const part of [used.host, 'HTTP_PROXY', words]) expect(error.message).toContain(part);
    expect(shown(error)).not.toMatch(SECRETS);
    expect([used.asked.length, seen]).toEqual([1, []]);
  });

  it('wants credentials and was given none', async () => {
    const used = await proxy('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n');
    vi.stubEnv('http_proxy', used.url);
    const { message } = await failure(open().request('token', AUTH));
    expect(message).toContain('wants credentials (407). Put user name and password into http_proxy');
  });

  it.each([
    ['is not there', ' (ECONNREFUSED)'],
    ['hangs up', ' (UND_ERR_SOCKET)'],
    ['speaks something else', '. Check'],
  ])('%s', async (how, code) => {
    const used = await proxy(how === 'hangs up' ? '\r\n' : 'SSH-2.0-OpenSSH\r\n');
    if (how === 'is not there') await used.stop();
    vi.stubEnv('HTTP_PROXY', used.url.replace('//', '//alice:s3cret@'));
    const error = await failure(open().request('token', AUTH));
    expect(error).toMatchObject({ code: 'network_error', stage: 'token' });
    for (const part of [used.host, 'HTTP_PROXY', `could not be reached${code}`]) expect(error.message).toContain(part);
    expect(shown(error)).not.toMatch(SECRETS);
  });

  it('is silent: the wait ends in time', async () => {
    const used = await proxy('');
    vi.stubEnv('HTTP_PROXY', used.url);
    const error = await failure(open({ timeoutMs: 1_500 }).request('token', AUTH));
    expect(['timeout', 'network_error']).toContain(error.code);
    expect(used.asked).toHaveLength(1);
  });

  it.each([
    'http://[',
    'ftp://proxy.example:21',
    'socks5://alice:s3cret@proxy.example:1080',
    'http://alice:s3cret%zz@proxy.example:8080',
    'http://',
    'file:///s3cret',
  ])('is no URL of a proxy: %s', async (value) => {
    vi.stubEnv('HTTP_PROXY', value);
    const http = open();
    const error = await failure(http.request('token', AUTH));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration', retryable: false });
    expect(error.message).toContain('HTTP_PROXY');
    expect(shown(error)).not.toMatch(SECRETS);
    expect(seen).toEqual([]);
  });
});
