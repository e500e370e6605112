import { describe, expect, it } from 'vitest';
import { freshSpan } from '../../src/tokens/expiry.js';
import { HOUR, MINUTE } from './support.js';

const issuedAt = 1_700_000_000_000;
const tokensOf = (accessToken: string, lifetimeMs: number) => ({
  accessToken,
  tokenType: 'bearer',
  issuedAt,
  expiresAt: issuedAt + lifetimeMs,
});
/** How long before its expiry the token is refreshed, in ms. */
const aheadOf = (accessToken: string, lifetimeMs: number) =>
  issuedAt + lifetimeMs - freshSpan(tokensOf(accessToken, lifetimeMs)).until;

describe('the moment at which a token is refreshed ahead', () => {
  it('is the same whenever it is computed, and does not depend on when the token was issued', () => {
    expect(aheadOf('a-token', HOUR)).toBe(aheadOf('a-token', HOUR));
    const later = { ...tokensOf('a-token', HOUR), issuedAt: issuedAt + 7, expiresAt: issuedAt + HOUR + 7 };
    expect(freshSpan(later).until).toBe(freshSpan(tokensOf('a-token', HOUR)).until + 7);
  });

  it.each([
    ['opaque tokens that differ in one character', (session: number) => `access-token-${session}`],
    [
      'JWTs that differ in their claims only',
      (session: number) => `eyJhbGciOiJub25lIn0.${btoa(`{"jti":${session}}`)}.`,
    ],
    ['tokens that differ at their beginning', (session: number) => `${session}-${'x'.repeat(500)}`],
  ])('is spread evenly over the first part of the window: %s', (_, nameOf) => {
    const sessions = 5_000;
    const tenths = Array<number>(10).fill(0);
    for (let session = 0; session < sessions; session++) {
      const into = 5 * MINUTE - aheadOf(nameOf(session), HOUR);
      expect(into).toBeGreaterThanOrEqual(0);
      expect(into).toBeLessThan(210_000);
      tenths[Math.floor(into / 21_000)]! += 1;
    }
    // Five standard deviations of a tenth of them.
    for (const count of tenths) expect(Math.abs(count - sessions / 10)).toBeLessThan(106);
  });

  it.each([
    [HOUR, 90_000],
    [10 * MINUTE, 36_000],
    [MINUTE, 5_000],
    [30_000, 5_000],
  ])('of a token that lives %d ms leaves at least %d ms for a refresh and its retries', (lifetime, least) => {
    for (let session = 0; session < 1_000; session++) {
      expect(aheadOf(`token-${session}`, lifetime)).toBeGreaterThanOrEqual(least);
    }
  });

  it('is the beginning of the window where that is short, and never outside of the lifetime', () => {
    for (const lifetime of [20_000, 5_000, 2_000]) expect(aheadOf('t', lifetime)).toBe(lifetime * 0.2);
    for (const lifetime of [0, -HOUR]) expect(aheadOf('t', lifetime)).toBe(0);
  });

  it('never comes for a token without an expiry', () => {
    const { accessToken, tokenType } = tokensOf('t', 0);
    expect(freshSpan({ accessToken, tokenType, issuedAt }).until).toBe(Number.POSITIVE_INFINITY);
  });
});
