import type { TokenSet } from './token-set.js';

/** The longest time before its expiry at which a token is refreshed ahead, in ms. */
const LONGEST_AHEAD_MS = 5 * 60_000;
/** The part of its lifetime at which a token is refreshed ahead, where that is shorter. */
const AHEAD_SHARE = 0.2;
/** The part of that time over which the refreshes of many sessions are spread; the rest is there for the refresh itself. */
const SPREAD_SHARE = 0.7;
/** What is left of that time in any case, in ms: enough for a refresh that is tried again after 1 s and 2 s more. */
const LEAST_REST_MS = 5_000;
/** How far in the future a token may have been issued, in ms, before this machine's clock counts as set back. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Whether the token is over by the clock. Without `expiresAt` it is valid until a 401. */
export function isExpired(tokens: TokenSet, now: number): boolean {
  return tokens.expiresAt !== undefined && now >= tokens.expiresAt;
}

/** The span of the clock in which a token can be used without a thought. */
export interface FreshSpan {
  /** Before it, the clock was set back. */
  readonly since: number;
  /** From it on, it is time to refresh ahead. */
  readonly until: number;
}

/**
 * Sessions that began together do not refresh together: the moment lies by chance in the first part of the window before expiry.
 * The access token decides it, so that everyone who shares the session comes to the same one, and comes to it again.
 */
export function freshSpan(tokens: TokenSet): FreshSpan {
  const { accessToken, issuedAt, expiresAt } = tokens;
  if (expiresAt === undefined) return { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
  const windowMs = Math.max(0, Math.min(LONGEST_AHEAD_MS, (expiresAt - issuedAt) * AHEAD_SHARE));
  const spreadMs = Math.min(windowMs * SPREAD_SHARE, Math.max(0, windowMs - LEAST_REST_MS));
  return {
    since: issuedAt - CLOCK_TOLERANCE_MS,
    until: expiresAt - windowMs + Math.floor(spreadMs * fractionOf(accessToken)),
  };
}

/** A number from 0 to below 1 that is as good as chance: FNV-1a, with the last mixing of MurmurHash3 since tokens may differ in one character. */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
