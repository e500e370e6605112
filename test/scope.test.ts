import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coversScope, formatScope, parseScope, selectScope, unionScopes, withOfflineAccess } from '../src/scope.js';

describe('parseScope (RFC 6749 section 3.3)', () => {
  it('splits at spaces, keeps the order and each scope once', () => {
    expect(parseScope(' files:read  https://example.com/x files:read openid ')).toEqual([
      'files:read',
      'https://example.com/x',
      'openid',
    ]);
  });

  it('leaves out what the grammar forbids', () => {
    expect(parseScope('a b"c d\\e f\tg ü \u0000 z')).toEqual(['a', 'z']);
  });

  it('is empty without a value', () => {
    expect(parseScope(undefined)).toEqual([]);
    expect(parseScope('')).toEqual([]);
  });

  it('is bounded in number and size, and cuts no scope in two', () => {
    const many = Array.from({ length: 1000 }, (_, n) => `s${n}`).join(' ');
    expect(parseScope(many)).toHaveLength(256);
    expect(parseScope(`${'a'.repeat(513)} b`)).toEqual(['b']);
    const long = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(400, 'x'));
    const read = parseScope(long.join(' '));
    expect(read.length).toBeGreaterThan(30);
    expect(long).toEqual(expect.arrayContaining(read));
  });

  it('never throws, and what it gives is read the same again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const scopes = parseScope(String.fromCharCode(...bytes));
        expect(scopes.length).toBeLessThanOrEqual(256);
        expect(parseScope(formatScope(scopes))).toEqual(scopes);
      }),
      { numRuns: 200 },
    );
  });
});

describe('sets of scopes', () => {
  it('unites in order of first appearance', () => {
    expect(unionScopes(['a', 'b'], undefined, ['b', 'c'])).toEqual(['a', 'b', 'c']);
  });

  it('reads no more of a list than scopes, whatever a server put there', () => {
    expect(unionScopes(['a', 7, null, 'b c', ''] as string[], 'abc' as unknown as string[])).toEqual(['a']);
  });

  it('covers what was granted, and nothing where that is unknown', () => {
    expect(coversScope(['a', 'b'], ['b'])).toBe(true);
    expect(coversScope(['a'], ['a', 'b'])).toBe(false);
    expect(coversScope(undefined, ['a'])).toBe(false);
    expect(coversScope(undefined, [])).toBe(true);
  });
});

describe('selectScope (MCP authorization, scope selection strategy)', () => {
  const all = { challengeScope: 'challenged', scopesSupported: ['supported'], scope: 'optional' };

  it('prefers the challenge, then scopes_supported, then the option, else asks for none', () => {
    expect(selectScope(all)).toEqual(['challenged']);
    expect(selectScope({ ...all, challengeScope: undefined })).toEqual(['supported']);
    expect(selectScope({ scope: all.scope })).toEqual(['optional']);
    expect(selectScope({})).toEqual([]);
  });

  it('F45: an override replaces all three, also by nothing', () => {
    expect(selectScope({ ...all, scope: { override: 'mine only' } })).toEqual(['mine', 'only']);
    expect(selectScope({ ...all, scope: { override: '' } })).toEqual([]);
  });

  it('passes over a challenge and a list that name no scope', () => {
    expect(selectScope({ challengeScope: ' ', scopesSupported: [], scope: 'optional' })).toEqual(['optional']);
  });
});

describe('F7: withOfflineAccess (OpenID Connect Core section 11)', () => {
  const offering = { issuer: 'https://as.example', scopes_supported: ['openid', 'offline_access'] };

  it('adds offline_access where the authorization server offers it, with prompt=consent', () => {
    expect(withOfflineAccess(['a'], offering)).toEqual({ scope: ['a', 'offline_access'], prompt: 'consent' });
  });

  it('adds it once', () => {
    expect(withOfflineAccess(['offline_access', 'a'], offering)).toEqual({
      scope: ['offline_access', 'a'],
      prompt: 'consent',
    });
  });

  it('leaves an empty set empty: scopes grow only on purpose', () => {
    expect(withOfflineAccess([], offering)).toEqual({ scope: [], prompt: undefined });
  });

  it('adds nothing where it is not offered', () => {
    expect(withOfflineAccess(['a'], { issuer: 'https://as.example' })).toEqual({ scope: ['a'], prompt: undefined });
    const odd = { issuer: 'https://as.example', scopes_supported: 'offline_access' as unknown as string[] };
    expect(withOfflineAccess(['a'], odd)).toEqual({ scope: ['a'], prompt: undefined });
  });
});
