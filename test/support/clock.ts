import type { Clock } from '../../src/clock.js';

/** What the clocks of this file show at first; in ms since the epoch. */
export const START = 1_800_000_000_000;

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Map<object, { at: number; fn: () => void }>();

  constructor(now = START) {
    this.#now = now;
  }

  /** How many timers are pending. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  schedule(ms: number, fn: () => void): () => void {
    const handle = {};
    this.#timers.set(handle, { at: this.#now + ms, fn });
    return () => this.#timers.delete(handle);
  }

  /** Moves the clock (back, where negative) and runs what is due. */
  advance(ms: number): void {
    this.#now += ms;
    for (const [handle, timer] of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(handle);
      timer.fn();
    }
  }
}

/**
 * A clock that stands still until something waits, and then is where the wait ends. Only what keeps the process alive is
 * waited for; the others are time limits that never come.
 */
export class InstantClock implements Clock {
  /** How long each wait was meant to be, in ms. */
  readonly waits: number[] = [];
  #now = START;

  now(): number {
    return this.#now;
  }

  schedule(ms: number, fn: () => void, options?: { keepAlive?: boolean }): () => void {
    let cancelled = options?.keepAlive !== true;
    if (!cancelled) this.waits.push(ms);
    queueMicrotask(() => {
      if (cancelled) return;
      this.#now += Number.isFinite(ms) ? Math.max(0, ms) : 0;
      fn();
    });
    return () => {
      cancelled = true;
    };
  }
}
