import type { Clock } from '../clock.js';

/** Counts attempts by key in a sliding window, so that no sequence of answers can make a client act for ever. */
export interface AttemptLimiter {
  /** Counts an attempt and tells whether it is allowed. A refused attempt does not count. */
  take(key: string): boolean;
  /** Whether {@link take} would allow an attempt now. Counts nothing. */
  allows(key: string): boolean;
  /** Forgets what was counted. */
  reset(): void;
}

const MOST_KEYS = 1_000;

/** At most `limit` attempts for a key in `windowMs` milliseconds. */
export function attemptLimiter(clock: Clock, limit: number, windowMs: number): AttemptLimiter {
  const attempts = new Map<string, number[]>();
  const recentOf = (key: string, now: number) =>
    (attempts.get(key) ?? []).filter((time) => now - time < windowMs && time <= now);
  return {
    allows: (key) => recentOf(key, clock.now()).length < limit,
    take(key) {
      const now = clock.now();
      const recent = recentOf(key, now);
      if (recent.length >= limit) {
        attempts.set(key, recent);
        return false;
      }
      // Re-inserted, so that the map's order is the order of use and the oldest key can go.
      attempts.delete(key);
      attempts.set(key, [...recent, now]);
      const oldest = attempts.size > MOST_KEYS ? attempts.keys().next().value : undefined;
      if (oldest !== undefined) attempts.delete(oldest);
      return true;
    },
    reset: () => attempts.clear(),
  };
}
