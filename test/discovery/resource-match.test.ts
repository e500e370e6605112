import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isResourceOf } from '../../src/discovery/resource-match.js';

describe('resource of a server (RFC 9728 section 3.3, F9)', () => {
  it.each([
    ['https://h.example/mcp', 'https://h.example/mcp'],
    ['https://h.example/mcp/', 'https://h.example/mcp'],
    ['https://h.example/mcp', 'https://h.example/mcp/'],
    ['https://h.example', 'https://h.example/mcp'],
    ['https://h.example/', 'https://h.example/mcp'],
    ['https://h.example', 'https://h.example'],
    ['https://h.example/', 'https://h.example'],
    ['https://h.example/a', 'https://h.example/a/b/c'],
    ['https://h.example/a/b/', 'https://h.example/a/b/c'],
    ['HTTPS://H.Example/mcp', 'https://h.example/mcp'],
    ['https://h.example:443/mcp', 'https://h.example/mcp'],
    ['https://h.example/mcp', 'https://h.example/mcp?tenant=a'],
    ['https://h.example/mcp?tenant=a', 'https://h.example/mcp?tenant=a'],
    ['http://127.0.0.1:3000/mcp', 'http://127.0.0.1:3000/mcp'],
    ['http://[::1]:3000', 'http://[::1]:3000/mcp'],
  ])('%s is accepted for %s', (resource, server) => {
    expect(isResourceOf(resource, new URL(server))).toBe(true);
  });

  it.each([
    ['another path with the same beginning', 'https://h.example/mcp', 'https://h.example/mcp-evil'],
    ['a part of a segment', 'https://h.example/mc', 'https://h.example/mcp'],
    ['a longer path', 'https://h.example/mcp/admin', 'https://h.example/mcp'],
    ['a sibling', 'https://h.example/other', 'https://h.example/mcp'],
    ['another case of the path', 'https://h.example/MCP', 'https://h.example/mcp'],
    ['another host', 'https://evil.example/mcp', 'https://h.example/mcp'],
    ['a host that begins alike', 'https://h.example.evil.example/mcp', 'https://h.example/mcp'],
    ['a subdomain', 'https://x.h.example/mcp', 'https://h.example/mcp'],
    ['a dot after the host', 'https://h.example./mcp', 'https://h.example/mcp'],
    ['the host as user information', 'https://h.example@evil.example/mcp', 'https://h.example/mcp'],
    ['user information', 'https://user@h.example/mcp', 'https://h.example/mcp'],
    ['a password', 'https://:pw@h.example/mcp', 'https://h.example/mcp'],
    ['another port', 'https://h.example:8443/mcp', 'https://h.example/mcp'],
    ['http for https', 'http://h.example/mcp', 'https://h.example/mcp'],
    ['another loopback name', 'http://localhost:3000/mcp', 'http://127.0.0.1:3000/mcp'],
    ['another scheme', 'ftp://h.example/mcp', 'https://h.example/mcp'],
    ['javascript', 'javascript://h.example/mcp', 'https://h.example/mcp'],
    ['a fragment (RFC 8707 section 2)', 'https://h.example/mcp#x', 'https://h.example/mcp'],
    ['an empty fragment', 'https://h.example/mcp#', 'https://h.example/mcp'],
    ['a query that the server has not', 'https://h.example/mcp?a=1', 'https://h.example/mcp'],
    ['another query', 'https://h.example/mcp?a=1', 'https://h.example/mcp?a=12'],
    ['dot segments that lead elsewhere', 'https://h.example/mcp/../admin', 'https://h.example/mcp'],
    ['escaped dot segments that lead elsewhere', 'https://h.example/mcp/%2e%2e/admin', 'https://h.example/mcp'],
    ['an escaped slash as a boundary', 'https://h.example/a', 'https://h.example/a%2Fmcp'],
    ['an escaped slash instead of a slash', 'https://h.example/a%2Fmcp', 'https://h.example/a/mcp'],
    ['an escaped letter', 'https://h.example/%6Dcp', 'https://h.example/mcp'],
    ['a doubled slash', 'https://h.example/mcp//', 'https://h.example/mcp'],
    ['backslashes', 'https:\\\\h.example\\mcp', 'https://h.example/mcp'],
    ['a backslash in the path', 'https://h.example\\mcp', 'https://h.example/mcp'],
    ['white space around', ' https://h.example/mcp', 'https://h.example/mcp'],
    ['a line break within', 'https://h.example/m\ncp', 'https://h.example/mcp'],
    ['a zero-width character', 'https://h.exam\u200bple/mcp', 'https://h.example/mcp'],
    ['missing slashes', 'https:h.example/mcp', 'https://h.example/mcp'],
    ['too many slashes', 'https:///h.example/mcp', 'https://h.example/mcp'],
    ['no scheme', 'h.example/mcp', 'https://h.example/mcp'],
    ['a relative reference', '/mcp', 'https://h.example/mcp'],
    ['nothing', '', 'https://h.example/mcp'],
  ])('%s is refused: %s for %s', (_what, resource, server) => {
    expect(isResourceOf(resource, new URL(server))).toBe(false);
  });

  it('accepts a prefix only where it ends between two segments', () => {
    const segment = fc.stringMatching(/^[a-z]{1,4}$/);
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 4 }), fc.array(segment, { maxLength: 4 }), (a, b) => {
        const expected = a.every((part, index) => part === b[index]);
        const path = (parts: string[]) => parts.map((part) => `/${part}`).join('');
        return isResourceOf(`https://h.example${path(a)}`, new URL(`https://h.example${path(b)}`)) === expected;
      }),
    );
  });
});
