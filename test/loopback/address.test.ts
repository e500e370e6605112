import { describe, expect, it } from 'vitest';
import { loopbackAddress, loopbackPath, loopbackPort } from '../../src/loopback/address.js';

const invalid = expect.objectContaining({ code: 'invalid_options', stage: 'configuration' });

describe('the loopback host (RFC 8252 section 8.3)', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', ['127.0.0.1']],
    ['127.3.2.1', '127.3.2.1', ['127.3.2.1']],
    ['::1', '[::1]', ['::1']],
    ['[::1]', '[::1]', ['::1']],
    ['0:0:0:0:0:0:0:1', '[::1]', ['::1']],
    ['localhost', 'localhost', ['127.0.0.1', '::1']],
    ['LOCALHOST', 'localhost', ['127.0.0.1', '::1']],
  ])('F16: %s is advertised as %s', (given, host, addresses) => {
    expect(loopbackAddress(given)).toEqual({ host, addresses });
  });

  it.each([
    '',
    '0.0.0.0',
    '::',
    '127.1',
    '0177.0.0.1',
    '2130706433',
    '127.0.0.1.example.com',
    '127.0.0.1:80',
    '::ffff:127.0.0.1',
    'fe80::1%lo',
    '::1%lo',
    '192.168.0.1',
    'example.com',
    'localhost.',
    'localhost.example.com',
  ])('refuses %j, which is not loopback or not plainly so', (host) => {
    expect(() => loopbackAddress(host)).toThrow(invalid);
  });
});

describe('the loopback port and path', () => {
  it('takes ports from 0 to 65535', () => {
    expect([0, 1, 65_535].map(loopbackPort)).toEqual([0, 1, 65_535]);
    for (const port of [-1, 65_536, 1.5, Number.NaN]) expect(() => loopbackPort(port)).toThrow(invalid);
  });

  it.each(['/', '/callback', '/oauth/callback', '/a%20b'])('takes the path %s', (path) => {
    expect(loopbackPath(path)).toBe(path);
  });

  it.each([
    '',
    'callback',
    '//evil.example/x',
    '/a?b',
    '/a#b',
    '/a b',
    '/a/../b',
    '/ü',
    '/\\x',
    `/${'a'.repeat(512)}`,
  ])('refuses the path %j', (path) => {
    expect(() => loopbackPath(path)).toThrow(invalid);
  });
});
