import type { TokenSet } from './token-set.js';

/** The longest time before its expiry at which a token is refreshed ahead, in ms. */
const LONGEST_AHEAD_MS = 5 * 60_000;
/** The part of its lifetime at which a token is refreshed ahead, where that is shorter. */
const AHEAD_SHARE = 0.2;
/** How far in the future a token may have been issued, in ms, before this machine's clock counts as set back. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Whether the token is over by the clock. Without `expiresAt` it is valid until a 401. */
export function isExpired(tokens: TokenSet, now: number): boolean {
  return tokens.expiresAt !== undefined && now >= tokens.expiresAt;
}

/** The span of the clock in which a token can be used without a thought: before it, the clock was set back; after it, it is time to refresh ahead. */
export function freshSpan(tokens: TokenSet): { readonly since: number; readonly until: number } {
  const { issuedAt, expiresAt } = tokens;
  const since = issuedAt - CLOCK_TOLERANCE_MS;
  if (expiresAt === undefined) return { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
  return { since, until: expiresAt - Math.max(0, Math.min(LONGEST_AHEAD_MS, (expiresAt - issuedAt) * AHEAD_SHARE)) };
}
