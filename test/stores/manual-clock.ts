import type { Clock } from '../../src/clock.js';

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Map<object, { at: number; fn: () => void }>();

  constructor(now = 1_700_000_000_000) {
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
