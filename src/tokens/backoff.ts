import { spreadAskedWait, spreadWait } from '../http/retry.js';

/** How a {@link Backoff} differs from the usual one. */
interface BackoffOptions {
  /** How many failures in a row cost no wait. Default 0. */
  readonly free?: number;
  /** A number from 0 to below 1, by which a wait is up to half shorter. Default: always 0, and so no chance in it. */
  readonly random?: (() => number) | undefined;
}

/** What is known of a failure. */
interface BackoffFailure {
  /** What was asked for by who failed, in ms: no wait is shorter. */
  readonly askedMs?: number | undefined;
  /** The longest wait, in ms, unless a longer one was asked for. Default 60,000. */
  readonly longestMs?: number;
}

/** When something that failed may be tried again: after 1 s, then twice as long each time, up to 60 s. It holds no timer. */
export class Backoff {
  static readonly #FIRST_MS = 1_000;
  static readonly #LONGEST_MS = 60_000;
  readonly #free: number;
  readonly #random: () => number;
  #failures = 0;
  #since = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor({ free = 0, random = () => 0 }: BackoffOptions = {}) {
    this.#free = free;
    this.#random = random;
  }

  /** Whether it may be tried at `now` (ms since the epoch). A clock that was set back does not prolong the wait. */
  ready(now: number): boolean {
    return now >= this.#until || now < this.#since;
  }

  /** How long it is at `now` until it may be tried, in ms. */
  remainingMs(now: number): number {
    return this.ready(now) ? 0 : this.#until - now;
  }

  /** It failed at `now`: the next wait is twice the last. */
  failed(now: number, { askedMs, longestMs = Backoff.#LONGEST_MS }: BackoffFailure = {}): void {
    const doublings = this.#failures - this.#free;
    const waitMs = doublings < 0 ? 0 : Math.min(Backoff.#FIRST_MS * 2 ** doublings, longestMs);
    this.#failures = Math.min(this.#failures + 1, 16 + this.#free);
    this.#since = now;
    this.#until = now + spreadWait(waitMs, this.#random);
    // Who asks for no wait wants none.
    if (askedMs !== undefined && askedMs > 0) this.hold(now, askedMs);
  }

  /** It was asked for at `now` not to be tried for so many ms. This is no failure that counts. */
  hold(now: number, askedMs: number): void {
    const until = this.ready(now) ? now : this.#until;
    this.#since = now;
    this.#until = Math.max(until, now + spreadAskedWait(askedMs, this.#random));
  }

  /** It worked: there is nothing to wait for. */
  succeeded(): void {
    this.#failures = 0;
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
