import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createConnector } from '../../src/http/connector.js';
import { createHttp } from '../../src/http/index.js';
import { serve } from '../http/support.js';
import { failure } from '../support/failure.js';

type Found = (error: Error | null, addresses: { address: string; family: number }[]) => void;

/** What the next look-ups of a name answer; the last one stays. `undefined`: nobody ever answers. */
const dns = vi.hoisted(() => ({ answers: new Map<string, (string[] | undefined)[]>(), asked: [] as string[] }));

vi.mock('node:dns', () => ({
  lookup(name: string, _: unknown, done: Found) {
    dns.asked.push(name);
    const answers = dns.answers.get(name) ?? [];
    const [next] = answers.length > 1 ? answers.splice(0, 1) : answers;
    if (answers.length === 0) return done(Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' }), []);
    if (next === undefined) return;
    done(
      null,
      next.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  },
}));

const PUBLIC = ['93.184.215.14'];
const METADATA = ['169.254.169.254'];
const LOOPBACK = ['127.0.0.1'];

let server: Awaited<ReturnType<typeof serve>>;
let hits: string[];
let sockets: Set<Socket>;

beforeEach(async () => {
  dns.answers.clear();
  dns.asked.length = 0;
  hits = [];
  sockets = new Set();
  server = await serve((request, response) => {
    hits.push(`${request.headers.host}${request.url}`);
    sockets.add(request.socket);
    if (request.url === '/close') response.setHeader('connection', 'close');
    if (request.url?.startsWith('/to?'))
      return response.writeHead(302, { location: decodeURIComponent(request.url.slice(4)) }).end();
    response.end('here');
  });
});

afterEach(() => server.stop());

const local = () => createHttp({ anchor: server.url, timeoutMs: 3_000 });

describe('a resolver that changes its answer', () => {
  it('a name rebound between two requests is judged again, and refused', async () => {
    dns.answers.set('app.localhost', [LOOPBACK, METADATA]);
    const http = local();
    const url = `http://app.localhost:${server.port}/close`;
    expect((await http.request('metadata', url)).status).toBe(200);
    expect(await failure(http.request('metadata', url))).toMatchObject({ code: 'address_refused' });
    expect([hits.length, dns.asked.length]).toEqual([1, 2]);
  });

  it('a name rebound while its connection is kept reaches the address that was judged, or none', async () => {
    dns.answers.set('app.localhost', [LOOPBACK, METADATA]);
    const http = local();
    const outcomes: string[] = [];
    for (let i = 0; i < 8; i += 1) {
      const request = http.request('metadata', `http://app.localhost:${server.port}/kept`);
      outcomes.push(
        await request.then(
          (response) => response.text(),
          ({ code }: { code: string }) => code,
        ),
      );
    }
    expect(outcomes.filter((outcome) => outcome !== 'here' && outcome !== 'address_refused')).toEqual([]);
    // Those that passed came over what was judged.
    expect([hits.length, sockets.size]).toEqual([outcomes.filter((outcome) => outcome === 'here').length, 1]);
  });

  it('a name rebound between two hops of a redirect is refused at the second', async () => {
    dns.answers.set('app.localhost', [LOOPBACK]);
    dns.answers.set('two.localhost', [METADATA]);
    const target = encodeURIComponent(`http://two.localhost:${server.port}/secret`);
    const error = await failure(local().request('metadata', `http://app.localhost:${server.port}/to?${target}`));
    expect(error).toMatchObject({ code: 'address_refused', stage: 'discovery' });
    expect(hits).toHaveLength(1);
  });

  it('the name of the MCP server itself may not be rebound to the metadata of the cloud', async () => {
    dns.answers.set('mcp.example.com', [PUBLIC, METADATA]);
    const http = createHttp({ anchor: 'https://mcp.example.com/mcp' });
    // The first look-up learns where the server is, the second one is that of the connection.
    expect(await failure(http.request('metadata', 'https://mcp.example.com/.well-known/x'))).toMatchObject({
      code: 'address_refused',
    });
  });

  it('the name of the MCP server rebound to this machine is asked by TLS alone, which needs its certificate', async () => {
    dns.answers.set('mcp.example.com', [PUBLIC, LOOPBACK]);
    const http = createHttp({ anchor: 'https://mcp.example.com/mcp' });
    const url = `//mcp.example.com:${server.port}/admin`;
    expect(await failure(http.request('token', `http:${url}`))).toMatchObject({ code: 'address_refused' });
    expect(await failure(http.request('token', `https:${url}`))).toMatchObject({
      code: 'network_error',
      message: expect.stringContaining('could not be trusted'),
    });
    expect(hits).toEqual([]);
  });

  it('a resolver that never answers is waited for in bounds', async () => {
    dns.answers.set('auth.example.net', [undefined]);
    dns.answers.set('mcp.example.com', [PUBLIC]);
    const http = createHttp({ anchor: 'https://mcp.example.com/mcp', timeoutMs: 100 });
    const error = await failure(http.request('token', 'https://auth.example.net/'));
    expect(['timeout', 'network_error']).toContain(error.code);
  });
});

describe('answers with something in them', () => {
  it.each([
    ['the metadata of AWS by IPv6', ['fd00:ec2::254']],
    ['the metadata of Alibaba', ['100.100.100.200']],
    ['the wire server of Azure', ['168.63.129.16']],
    ['a zone id', ['fe80::1%lo']],
    ['an IPv4-mapped address of this machine', ['::ffff:127.0.0.1']],
    ['an IPv4-compatible address of this machine', ['::127.0.0.1']],
    ['a translated address of this machine', ['64:ff9b::127.0.0.1']],
    ['a 6to4 address of this machine', ['2002:7f00:1::1']],
    ['a Teredo address', ['2001:0:7f00:1::']],
    ['an address that is none', ['127.0.0.1 ']],
    ['a name in place of an address', ['localhost']],
    ['nothing', []],
    ['all of them', ['::1', '0.0.0.0', '169.254.169.254', '::ffff:10.0.0.1', 'fe80::1', 'fd00:ec2::254']],
  ])('a public server cannot have a name answered with %s', async (_, addresses) => {
    dns.answers.set('mcp.example.com', [PUBLIC]);
    dns.answers.set('auth.evil.example', [addresses]);
    const http = createHttp({ anchor: 'https://mcp.example.com/mcp', timeoutMs: 3_000 });
    const error = await failure(http.request('token', `https://auth.evil.example:${server.port}/`));
    expect(error).toMatchObject({ code: 'address_refused', stage: 'token' });
  });

  it.each([
    ['fd00:ec2::254'],
    ['100.100.100.200'],
    ['127.0.0.1'],
    ['::1'],
  ])('a server of the private network cannot have a name answered with %s either', async (address) => {
    dns.answers.set('mcp.corp.example', [['10.0.0.1']]);
    dns.answers.set('auth.evil.example', [[address]]);
    const http = createHttp({ anchor: 'https://mcp.corp.example/mcp', timeoutMs: 3_000 });
    expect(await failure(http.request('token', `https://auth.evil.example:${server.port}/`))).toMatchObject({
      code: 'address_refused',
    });
  });
});

describe('a redirect that the connections themselves would follow', () => {
  it('is judged at its literal address too', async () => {
    const judged: string[] = [];
    dns.answers.set('app.localhost', [LOOPBACK]);
    const { fetch, close } = createConnector({
      connectTimeoutMs: 3_000,
      environment: {},
      admit(url, addresses) {
        judged.push(url.host);
        if (url.hostname === '127.0.0.1') throw new Error('refused');
        return addresses;
      },
    });
    const target = encodeURIComponent(`${server.url}/secret`);
    await expect(fetch(`http://app.localhost:${server.port}/to?${target}`, { redirect: 'follow' })).rejects.toThrow();
    expect([hits.length, judged]).toEqual([1, [`app.localhost:${server.port}`, `127.0.0.1:${server.port}`]]);
    await close();
  });
});
