import { describe, expect, it } from 'vitest';
import { decodeTokens, encodeTokens, normalizeTokens } from '../../src/tokens/token-codec.js';
import type { TokenSet } from '../../src/tokens/token-set.js';

const full: TokenSet = {
  accessToken: 'secret-access',
  tokenType: 'dpop',
  issuedAt: 1,
  expiresAt: 2,
  refreshToken: 'secret-refresh',
  scope: ['a', 'b'],
  context: { issuer: 'https://as.example', nested: { n: 1 } },
};

describe('token codec', () => {
  it('gives back what was written', () => {
    expect(decodeTokens(encodeTokens(full))).toEqual(full);
    const least = { accessToken: 'a', tokenType: 'bearer', issuedAt: 0 };
    expect(decodeTokens(encodeTokens(least))).toEqual(least);
  });

  const valid = JSON.parse(encodeTokens(full)) as { v: number; tokens: Record<string, unknown> };
  it.each([
    ['text', 'secret-access'],
    ['truncated JSON', encodeTokens(full).slice(0, -3)],
    ['an array', '[]'],
    ['no version', JSON.stringify({ tokens: full })],
    ['another version', JSON.stringify({ ...valid, v: 2 })],
    ['no tokens', JSON.stringify({ v: 1 })],
    ...[
      { accessToken: '' },
      { accessToken: null },
      { tokenType: 1 },
      { issuedAt: '1' },
      { expiresAt: null },
      { refreshToken: '' },
      { scope: 'a b' },
      { scope: [1] },
      { context: [] },
    ].map((change): [string, string] => [
      JSON.stringify(change),
      JSON.stringify({ v: 1, tokens: { ...valid.tokens, ...change } }),
    ]),
  ])('refuses %s as store_unreadable, and quotes nothing of it', (_, text) => {
    let caught: unknown;
    try {
      decodeTokens(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'store_unreadable', stage: 'store' });
    expect((caught as Error).cause).toBeUndefined();
    expect(String(caught)).not.toContain('secret');
  });

  it('completes what an application gives, and drops what is null', () => {
    const given = { accessToken: 'a', tokenType: 'Bearer', expiresAt: null, refreshToken: undefined, scope: null };
    expect(normalizeTokens(given as unknown as TokenSet, 7)).toEqual({
      accessToken: 'a',
      tokenType: 'bearer',
      issuedAt: 7,
    });
    expect(normalizeTokens({ tokenType: 'bearer' } as unknown as TokenSet, 7)).toBeUndefined();
    expect(normalizeTokens(full, 7)).toEqual(full);
  });
});
