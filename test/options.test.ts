import { describe, expect, it } from 'vitest';
import { deviceCode } from '../src/grant.js';
import { resolveOptions } from '../src/options.js';

const serverUrl = 'https://mcp.example.com/mcp';

describe('the options', () => {
  it.each([
    ['no URL', { serverUrl: 'mcp.example.com' }, /absolute URL/],
    ['another scheme', { serverUrl: 'ftp://mcp.example.com' }, /https URL/],
    ['plain http beyond loopback', { serverUrl: 'http://mcp.example.com/mcp' }, /allowInsecureHttp/],
    ['credentials in the URL', { serverUrl: 'https://user:secret@mcp.example.com' }, /credentials/],
    ['a time limit of nothing', { serverUrl, timeouts: { signIn: 0 } }, /timeouts\.signIn/],
    ['an unknown time limit', { serverUrl, timeouts: { signin: 1 } as object }, /signIn/],
    ['an unknown way to register', { serverUrl, registration: 'dynamc' as 'dynamic' }, /registration.*dynamic/],
    ['a metadata document over http', { serverUrl, clientMetadataUrl: 'http://app.example.com/c.json' }, /https/],
    [
      'a token parameter that belongs to the grant',
      { serverUrl, tokenParameters: { code: 'x' } },
      /tokenParameters.*code/,
    ],
    ['a relative redirect', { serverUrl, redirectUrl: '/callback' }, /redirectUrl/],
    ['a redirect over plain http', { serverUrl, redirectUrl: 'http://app.example.com/callback' }, /redirectUrl/],
    ['a redirect that runs a script', { serverUrl, redirectUrl: 'javascript:alert(1)' }, /redirectUrl/],
    ['a redirect beside a loopback', { serverUrl, redirectUrl: 'com.example.app:/cb', loopback: {} }, /loopback/],
    ['a callback listener for everybody', { serverUrl, loopback: { host: '0.0.0.0' } }, /loopback/],
    ['a port that is none', { serverUrl, loopback: { port: 65_536 } }, /port/],
    ['metadata documents without one', { serverUrl, registration: 'cimd' as never }, /clientMetadataUrl/],
    ['a grant that was not called', { serverUrl, grant: deviceCode as never }, /deviceCode\(\)/],
    ['a grant by its name', { serverUrl, grant: 'deviceCode' as never }, /deviceCode\(\)/],
    ['a redirect with a fragment', { serverUrl, redirectUrl: 'https://app.example.com/#x' }, /redirectUrl/],
    ['a relative metadata URL', { serverUrl, resourceMetadataUrl: 'prm.json' }, /resourceMetadataUrl/],
    ['a resource that is no URI', { serverUrl, resource: 'api' }, /resource/],
  ])('are refused with %s, saying what to write instead', (_, options, message) => {
    expect(() => resolveOptions(options)).toThrowError(
      expect.objectContaining({
        code: 'invalid_options',
        stage: 'configuration',
        message: expect.stringMatching(message),
      }),
    );
  });

  it('never repeat the credentials of a refused URL', () => {
    expect(() => resolveOptions({ serverUrl: 'https://user:hunter2@mcp.example.com' })).toThrowError(/^(?!.*hunter2)/s);
  });

  it.each([
    'http://127.0.0.1:3000/mcp',
    'http://localhost/mcp',
    'http://[::1]:3000/mcp',
  ])('take plain http on loopback: %s', (url) => {
    expect(resolveOptions({ serverUrl: url }).server.href).toBe(url);
  });

  it('take plain http for a host that is listed', () => {
    const network = { allowInsecureHttp: ['mcp.lan'] };
    expect(resolveOptions({ serverUrl: 'http://mcp.lan/mcp', network }).server.protocol).toBe('http:');
  });
});
