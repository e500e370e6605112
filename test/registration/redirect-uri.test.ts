import { describe, expect, it } from 'vitest';
import { applicationType, classifyRedirectUri, matchesRedirectUri } from '../../src/registration/redirect-uri.js';

describe('redirect URIs (RFC 8252 §7)', () => {
  it.each([
    ['http://127.0.0.1:4711/callback', 'loopback'],
    ['http://[::1]:4711/callback', 'loopback'],
    ['http://localhost/callback', 'loopback'],
    ['https://localhost:8443/callback', 'loopback'],
    ['https://app.example.com/callback', 'https'],
    ['com.example.app:/callback', 'private-use'],
    ['vscode://publisher.extension/callback', 'private-use'],
    ['http://app.example.com/callback', undefined],
    ['http://localhost.example.com/callback', undefined],
    ['http://127.0.0.1.example.com/callback', undefined],
    ['http://user@127.0.0.1/callback', undefined],
    ['https://app.example.com/callback#fragment', undefined],
    ['data:text/html,x', undefined],
    ['callback', undefined],
  ])('%s is %s', (uri, kind) => {
    expect(classifyRedirectUri(uri)).toBe(kind);
  });

  it('F47: is native unless one leads to a web page', () => {
    expect(applicationType(['http://127.0.0.1/cb', 'com.example.app:/cb'])).toBe('native');
    expect(applicationType(['https://app.example.com/cb'])).toBe('web');
    expect(applicationType(['http://127.0.0.1/cb', 'https://app.example.com/cb'])).toBe('web');
  });

  it('compares loopback redirects without their port, and nothing else (§7.3)', () => {
    expect(matchesRedirectUri('http://127.0.0.1/cb', 'http://127.0.0.1:4711/cb')).toBe(true);
    expect(matchesRedirectUri('http://127.0.0.1:1/cb', 'http://127.0.0.1:2/cb')).toBe(true);
    expect(matchesRedirectUri('http://127.0.0.1:1/cb', 'http://127.0.0.1:1/other')).toBe(false);
    expect(matchesRedirectUri('http://localhost:1/cb', 'http://127.0.0.1:1/cb')).toBe(false);
    expect(matchesRedirectUri('https://a.example.com:1/cb', 'https://a.example.com:2/cb')).toBe(false);
    expect(matchesRedirectUri('https://a.example.com', 'https://a.example.com/')).toBe(true);
    expect(matchesRedirectUri('garbage', 'http://127.0.0.1/cb')).toBe(false);
  });
});
