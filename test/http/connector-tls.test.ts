import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from './self-signed.js';
import { serve, serveProxy } from './support.js';

const HTTP_ROOM = new URL('../../src/http/index.ts', import.meta.url).href;

/** A request in a process of its own, through the proxy where one is named. */
interface Case {
  readonly anchor: string;
  readonly url: string;
  readonly proxy?: string;
  readonly timeoutMs?: number;
}

/** What it came to: the body, or the message of the error. */
type Outcomes<Name extends string> = Readonly<Record<Name, string>> & { readonly lingered: number };

const stops: (() => Promise<unknown>)[] = [];
const requests: string[] = [];
const proxies: Awaited<ReturnType<typeof serveProxy>>[] = [];
let withCas: Outcomes<'own' | 'otherName' | 'expired' | 'plain' | 'proxied' | 'misled' | 'silent'>;
let without: Outcomes<'own' | 'inspected'>;

async function secure({ key, cert }: { key: string; cert: string }): Promise<number> {
  const server = createServer({ key, cert }, (request, response) => {
    requests.push(`${request.headers.host}${request.url}`);
    response.end('trusted');
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function proxyTo(port: number, refuse?: string) {
  const proxy = await serveProxy(() => port, refuse);
  proxies.push(proxy);
  stops.push(proxy.stop);
  return proxy.url;
}

/** Node reads its CA certificates when it starts. */
async function inProcess<Name extends string>(cases: Readonly<Record<Name, Case>>, extra: Record<string, string>) {
  const source = `
    const { createHttp } = await import(${JSON.stringify(HTTP_ROOM)});
    const outcomes = {};
    for (const [name, { url, proxy, ...options }] of Object.entries(${JSON.stringify(cases)})) {
      delete process.env.HTTPS_PROXY;
      if (proxy) process.env.HTTPS_PROXY = proxy;
      outcomes[name] = await createHttp(options).request('token', url).then(
        (response) => response.text(),
        (error) => [error.code, error.stage, error.message].join(' '));
    }
    const done = performance.now();
    process.on('exit', () => console.log(JSON.stringify({ ...outcomes, lingered: performance.now() - done })));`;
  const { PATH = '', HOME = '' } = process.env;
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    env: { PATH, HOME, ...extra },
    timeout: 50_000,
  });
  return JSON.parse((await run).stdout) as Outcomes<Name>;
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'extra-ca-'));
  stops.push(() => rm(folder, { recursive: true }));
  const NODE_EXTRA_CA_CERTS = join(folder, 'cas.pem');
  const certificates = [
    selfSigned('localhost'),
    selfSigned('auth.example.net'),
    selfSigned('localhost', 2021),
  ] as const;
  await writeFile(NODE_EXTRA_CA_CERTS, certificates.map(({ cert }) => cert).join(''));
  const local = await secure(certificates[0]);
  const example = await secure(certificates[1]);
  const expired = await secure(certificates[2]);
  const plain = await serve((_, response) => response.end());
  stops.push(plain.stop);
  const here = (port: number) => ({ anchor: 'http://localhost:3000/mcp', url: `https://localhost:${port}/token` });
  const there = (port: number) => ({
    anchor: 'https://mcp.example.com/',
    url: `https://auth.example.net:${port}/token`,
  });
  [withCas, without] = await Promise.all([
    inProcess(
      {
        // First, so that what it leaves behind is over when the last one is.
        silent: { ...there(3443), proxy: await proxyTo(example, ''), timeoutMs: 300 },
        own: here(local),
        otherName: here(example),
        expired: here(expired),
        plain: here(plain.port),
        proxied: { ...there(1443), proxy: await proxyTo(example) },
        misled: { ...there(2443), proxy: await proxyTo(local) },
      },
      { NODE_EXTRA_CA_CERTS },
    ),
    inProcess({ own: here(local), inspected: { ...there(4443), proxy: await proxyTo(example) } }, {}),
  ]);
}, 60_000);

afterAll(async () => {
  for (const stop of stops) await stop();
});

describe('F41: TLS with an authority of its own', () => {
  it('NODE_EXTRA_CA_CERTS is honoured', () => {
    expect(withCas.own).toBe('trusted');
  });

  it('without it the error says that the authority is unknown, and what to set', () => {
    expect(without.own).toMatch(
      /^network_error token .*not be trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\).*NODE_EXTRA_CA_CERTS/,
    );
  });

  it('a certificate for another name is refused, and the error says so', () => {
    expect(withCas.otherName).toMatch(/^network_error .*ERR_TLS_CERT_ALTNAME_INVALID.*another host name/);
  });

  it('an expired certificate is refused, and the error says so', () => {
    expect(withCas.expired).toMatch(/^network_error .*CERT_HAS_EXPIRED.*has expired/);
  });

  it('a server that speaks plain http on the port is told apart', () => {
    expect(withCas.plain).toMatch(
      /^network_error .*It does not speak TLS; for a server on this machine write http:\/\//,
    );
  });
});

describe('TLS through a proxy', () => {
  it('is spoken with the server behind it, by its own name', () => {
    expect(withCas.proxied).toBe('trusted');
    expect(requests).toContain('auth.example.net:1443/token');
    expect(proxies[1]?.asked).toEqual([{ target: 'auth.example.net:1443', authorization: undefined }]);
  });

  it('a proxy that leads to another server gets no request out of it', () => {
    expect(withCas.misled).toMatch(/^network_error .*ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(proxies[2]?.asked).toHaveLength(1);
    expect(requests.filter((seen) => seen.includes(':2443'))).toEqual([]);
  });

  it('a proxy that looks into TLS is named as what may stand behind an unknown authority', () => {
    expect(without.inspected).toMatch(/^network_error .*a proxy that looks into TLS.*NODE_EXTRA_CA_CERTS/);
    expect(requests.filter((seen) => seen.includes(':4443'))).toEqual([]);
  });

  it('neither a tunnel that is kept nor a proxy that never answers keeps the process alive', () => {
    expect(withCas.silent).toMatch(/^(timeout|network_error) /);
    expect(withCas.lingered).toBeLessThan(3_500);
  });
});
