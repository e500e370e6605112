import type { Clock } from '../index.js';

/** Waits between attempts are this long at most, in ms. A test has no reason to sit through them. */
const LONGEST_PAUSE_MS = 2_000;
/** Shorter ones are real, so that what polls lets others have their turn. */
const SHORTEST_PAUSE_MS = 200;

/**
 * The machine's time, moved on when told to: for the option `clock` of a provider, a store and a test server.
 *
 * Bounds and timers (a token's end, the time limit of a sign-in, a long `Retry-After`) end when {@link TestClock.advance} reaches them.
 * The short waits between two attempts, up to 2 s, are over at once.
 */
export class TestClock implements Clock {
  #offset = 0;
  readonly #timers = new Map<object, { at: number; fn: () => void }>();

  /**
   * Milliseconds since the epoch: the machine's, plus all advances.
   *
   * @returns ms since the epoch.
   */
  now(): number {
    return Date.now() + this.#offset;
  }

  /**
   * Calls `fn` once when `ms` milliseconds are over, by an advance; a short wait between attempts at once. The result cancels it.
   *
   * @param ms - How long from now, in ms.
   * @param fn - Called once.
   * @param options - `keepAlive`: such a wait of up to 2,000 ms is over by itself, in less than 200 ms.
   * @returns Cancels it.
   */
  schedule(ms: number, fn: () => void, options?: { keepAlive?: boolean }): () => void {
    if (options?.keepAlive === true && ms <= LONGEST_PAUSE_MS) {
      const timer = setTimeout(fn, ms >= SHORTEST_PAUSE_MS ? 1 : ms);
      return () => clearTimeout(timer);
    }
    const handle = {};
    this.#timers.set(handle, { at: this.now() + ms, fn });
    return () => this.#timers.delete(handle);
  }

  /**
   * Moves on by `ms` milliseconds and runs what is due by then.
   *
   * @param ms - How far, in ms.
   */
  advance(ms: number): void {
    this.#offset += ms;
    for (const [handle, { at, fn }] of this.#timers) {
      if (at > this.now()) continue;
      this.#timers.delete(handle);
      fn();
    }
  }
}

/**
 * A new {@link TestClock}, which shows the machine's time until it is advanced.
 *
 * @returns The clock, for `clock` of the provider and the server.
 */
export function testClock(): TestClock {
  return new TestClock();
}
