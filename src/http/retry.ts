import { type Clock, delay } from '../clock.js';
import { abortError, isMcpOAuthError, type McpOAuthError } from '../errors.js';

const MAX_RETRY_AFTER_MS = 30_000;

/** How {@link withRetry} goes on after a failure. */
export interface RetryOptions {
  /** How often `fn` is called at most, the first time included. */
  attempts: number;
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** Whether and after how long (ms) to try again; `attempt` counts from 1 and is the one that failed. */
  retryAfter: (error: McpOAuthError, attempt: number) => number | undefined;
}

/**
 * Calls `fn` until it succeeds, its error is not to be retried, or the attempts are used up; then throws the last error.
 *
 * @throws {@link McpOAuthError} `aborted` when the signal ends a wait.
 */
export async function withRetry<T>(fn: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts, clock, signal, retryAfter } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt);
    } catch (error) {
      if (!isMcpOAuthError(error) || attempt >= attempts) throw error;
      const ms = retryAfter(error, attempt);
      if (ms === undefined) throw error;
      await delay(clock, ms, signal).catch((reason: unknown) => {
        throw signal?.aborted ? abortError(signal, error.stage) : reason;
      });
    }
  }
}

/**
 * How long a response asks to wait, in ms, at most 30 s; `undefined` where it does not say.
 *
 * @param now The present time in ms since the epoch, for the form that names a date.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3 | RFC 9110 section 10.2.3}
 */
export function retryAfterMs(response: Response, now: number): number | undefined {
  const value = response.headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  // Only what looks like a date: Date.parse takes nearly anything for one.
  const date = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now), MAX_RETRY_AFTER_MS);
}
