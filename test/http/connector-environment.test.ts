import { describe, expect, it } from 'vitest';
import { type Environment, proxySelector } from '../../src/http/proxy-environment.js';
import { failure } from '../support/failure.js';

const P = 'http://proxy.example:3128';
const Q = 'http://other.example:8080';

function chosen(environment: Environment, url: string): string | undefined {
  const proxy = proxySelector(environment)(new URL(url));
  return proxy && `${proxy.url.origin} ${proxy.variable}`;
}

describe('which proxy', () => {
  it.each<[Environment, string, string | undefined]>([
    [{}, 'https://a.example/', undefined],
    [{ HTTPS_PROXY: P }, 'https://a.example/', `${P} HTTPS_PROXY`],
    [{ HTTPS_PROXY: P }, 'http://a.example/', undefined],
    [{ HTTP_PROXY: P }, 'http://a.example/', `${P} HTTP_PROXY`],
    [{ HTTP_PROXY: P }, 'https://a.example/', `${P} HTTP_PROXY`],
    [{ HTTPS_PROXY: P, HTTP_PROXY: Q }, 'https://a.example/', `${P} HTTPS_PROXY`],
    [{ https_proxy: P, HTTPS_PROXY: Q }, 'https://a.example/', `${P} https_proxy`],
    [{ https_proxy: '', HTTPS_PROXY: Q }, 'https://a.example/', undefined],
    [{ HTTPS_PROXY: ' ' }, 'https://a.example/', undefined],
    [{ HTTPS_PROXY: 'proxy.example:3128' }, 'https://a.example/', `${P} HTTPS_PROXY`],
    [{ HTTPS_PROXY: 'https://proxy.example' }, 'https://a.example/', 'https://proxy.example HTTPS_PROXY'],
    [{ HTTPS_PROXY: 'http://10.0.0.9:3128/pac?x' }, 'https://a.example/', 'http://10.0.0.9:3128 HTTPS_PROXY'],
    [{ HTTPS_PROXY: 'http://127.0.0.1:8888' }, 'https://a.example/', 'http://127.0.0.1:8888 HTTPS_PROXY'],
  ])('%j, %s: %s', (environment, url, expected) => {
    expect(chosen(environment, url)).toBe(expected);
  });

  it.each([
    'https://localhost/',
    'https://a.b.localhost:8443/',
    'http://127.0.0.1:3000/',
    'http://127.200.0.1/',
    'http://2130706433/',
    'http://[::1]:3000/',
    'http://[::ffff:127.0.0.1]/',
  ])('never one for loopback: %s', (url) => {
    expect(chosen({ HTTP_PROXY: P, HTTPS_PROXY: P, NO_PROXY: '' }, url)).toBeUndefined();
  });

  it('httpoxy: HTTP_PROXY is not taken from a request to a CGI program', () => {
    const environment = { REQUEST_METHOD: 'GET', HTTP_PROXY: P };
    expect(chosen(environment, 'http://a.example/')).toBeUndefined();
    expect(chosen(environment, 'https://a.example/')).toBeUndefined();
    expect(chosen({ ...environment, http_proxy: Q }, 'http://a.example/')).toBe(`${Q} http_proxy`);
  });

  it('its credentials are kept apart from its URL, which errors repeat', () => {
    const proxy = proxySelector({ HTTPS_PROXY: 'http://us%40er:p%C3%A4ss@proxy.example:3128' })(
      new URL('https://a.example/'),
    );
    expect(proxy?.url.href).toBe('http://proxy.example:3128/');
    const decoded = atob(proxy?.authorization?.replace('Basic ', '') ?? '');
    expect(new TextDecoder().decode(Uint8Array.from(decoded, (char) => char.charCodeAt(0)))).toBe('us@er:päss');
    expect(proxySelector({ HTTPS_PROXY: 'http://name@p' })(new URL('https://a.example/'))?.authorization).toBe(
      `Basic ${btoa('name:')}`,
    );
  });

  it('the variables are read once', () => {
    const environment: Record<string, string> = { HTTPS_PROXY: P, NO_PROXY: 'b.example' };
    const select = proxySelector(environment);
    environment['HTTPS_PROXY'] = Q;
    environment['NO_PROXY'] = '*';
    expect(select(new URL('https://a.example/'))?.url.origin).toBe(P);
  });
});

describe('NO_PROXY', () => {
  it.each<[string, string, boolean]>([
    ['*', 'https://a.example/', true],
    ['b.example *', 'https://a.example/', true],
    ['a.example', 'https://a.example/', true],
    ['A.Example', 'https://a.example./', true],
    ['a.example', 'https://sub.a.example/', true],
    ['.a.example', 'https://sub.a.example/', true],
    ['*.a.example', 'https://sub.a.example/', true],
    ['a.example', 'https://nota.example/', false],
    ['a.example', 'https://a.example.evil.example/', false],
    ['x.example, a.example', 'https://a.example/', true],
    ['a.example:443', 'https://a.example/', true],
    ['a.example:8443', 'https://a.example/', false],
    ['a.example:80', 'http://a.example/', true],
    ['10.0.0.7', 'https://10.0.0.7/', true],
    ['10.0.0.7', 'https://0xa.0.0.7/', true],
    ['0.0.7', 'https://10.0.0.7/', false],
    ['10.0.0.0/8', 'https://10.9.8.7/', true],
    ['10.0.0.0/8:443', 'https://10.9.8.7/', true],
    ['10.0.0.0/8:8443', 'https://10.9.8.7/', false],
    ['10.0.0.0/8', 'https://11.9.8.7/', false],
    ['10.0.0.0/8', 'https://a.example/', false],
    ['10.0.0.0/8', 'https://[fd00::1]/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['fd00::1', 'https://[fd00::1]/', true],
    ['[fd00::1]:443', 'https://[fd00::1]/', true],
    ['10.0.0.0/99', 'https://10.0.0.1/', false],
    ['.', 'https://a.example/', false],
    ['', 'https://a.example/', false],
    ['://', 'https://a.example/', false],
  ])('%j exempts %s: %s', (list, url, exempt) => {
    const at = (environment: Environment) => chosen({ HTTP_PROXY: P, ...environment }, url);
    expect(at({ NO_PROXY: list }) === undefined).toBe(exempt);
    expect(at({ no_proxy: list, NO_PROXY: 'else.example' }) === undefined).toBe(exempt);
  });

  it('a proxy that is none is an error only for what would go through it', async () => {
    const select = proxySelector({ HTTPS_PROXY: 'http://[', NO_PROXY: 'corp.example' });
    expect(select(new URL('https://mcp.corp.example/'))).toBeUndefined();
    expect(select(new URL('http://localhost/'))).toBeUndefined();
    expect(await failure(() => select(new URL('https://a.example/')))).toMatchObject({ code: 'invalid_options' });
  });
});
