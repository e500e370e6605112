import { type Clock, delay } from '../clock.js';
import { abortError, isMcpOAuthError, type McpOAuthError } from '../errors.js';

const MAX_RETRY_AFTER_MS = 30_000;
const LEAST_SPREAD_MS = 250;
/** Between the attempts at an endpoint of an authorization server that asks for no other pause. */
const WAITS_MS = [500, 2000];

/** How often an endpoint of an authorization server is asked at most. */
export const ATTEMPTS = WAITS_MS.length + 1;

/** The pause after an attempt at such an endpoint, in ms; attempts count from 1, and after the last there is none. */
export function ownWaitMs(attempt: number): number | undefined {
  return WAITS_MS[attempt - 1];
}

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
 * How long a response asks to wait, in ms, at most `longestMs` (default 30 s); `undefined` where it does not say.
 *
 * @param now The present time in ms since the epoch, for the form that names a date where the response has no `Date` of its own.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3 | RFC 9110 section 10.2.3}
 */
export function retryAfterMs(
  response: Response,
  now: number,
  longestMs: number = MAX_RETRY_AFTER_MS,
): number | undefined {
  const value = response.headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, longestMs);
  const date = dateIn(value);
  if (date === undefined) return undefined;
  // By the clock that named the date: this machine's may be minutes off.
  const sentAt = dateIn(response.headers.get('date')?.trim() ?? '') ?? now;
  return Math.min(Math.max(0, date - sentAt), longestMs);
}

/** Only what looks like a date: `Date.parse` takes nearly anything for one. */
function dateIn(value: string): number | undefined {
  const date = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}

/**
 * A wait of our own choosing, between half of `ms` and the whole: clients that failed together do not come back together.
 *
 * @param random A number from 0 to below 1.
 */
export function spreadWait(ms: number, random: () => number): number {
  return ms - Math.floor((ms / 2) * random());
}

/** A wait that a server asked for, at most a quarter (but at least 250 ms) longer and never shorter. */
export function spreadAskedWait(ms: number, random: () => number): number {
  return ms + Math.floor(Math.max(ms / 4, LEAST_SPREAD_MS) * random());
}

const askedWaits = new WeakMap<Error, number>();

/** Notes how long the answer behind an error asked to wait, in ms, for whoever meets the error later. */
export function noteAskedWait<E extends Error>(error: E, ms: number | undefined): E {
  if (ms !== undefined) askedWaits.set(error, ms);
  return error;
}

/** What {@link noteAskedWait} noted, in ms; `undefined` where nothing was asked for. */
export function askedWaitMs(error: Error): number | undefined {
  return askedWaits.get(error);
}
