import type { Clock, Lease, LockOptions, TokenStore } from '../src/index.js';

/** What one session asked of the store. */
export interface StoreCounts {
  gets: number;
  sets: number;
  locks: number;
  /** Of the locks: those that somebody else held. */
  contended: number;
}

/**
 * One session's place in the store that all instances share, as Redis would be: one value, one lock in the order of the calls, no word
 * to other machines of what was written. It answers at once and counts.
 */
export class SharedStore implements TokenStore {
  readonly counts: StoreCounts = { gets: 0, sets: 0, locks: 0, contended: 0 };
  readonly #lease: Lease = { token: 'lease', signal: new AbortController().signal };
  readonly #queue: (() => void)[] = [];
  #value: string | undefined;
  #held = false;

  /** How much was asked so far: whether it grew tells whether a call went to the store. */
  get operations(): number {
    const { gets, sets, locks } = this.counts;
    return gets + sets + locks;
  }

  async get(): Promise<string | undefined> {
    this.counts.gets += 1;
    return this.#value;
  }

  async set(_: string, value: string): Promise<void> {
    this.counts.sets += 1;
    this.#value = value;
  }

  async delete(): Promise<void> {
    this.#value = undefined;
  }

  async list(): Promise<string[]> {
    return [];
  }

  /** Without a bound: here a holder always ends. */
  async lock<T>(_: string, fn: (lease: Lease) => Promise<T>, __?: LockOptions): Promise<T> {
    this.counts.locks += 1;
    if (this.#held) {
      this.counts.contended += 1;
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#held = true;
    try {
      return await fn(this.#lease);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#held = false;
      else next();
    }
  }
}

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** The time of one session, which goes from event to event. */
export class EventClock implements Clock {
  /** In ms since the epoch. */
  time: number;
  readonly #timers: Timer[] = [];

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  schedule(ms: number, fn: () => void): () => void {
    const timer = { at: this.time + ms, fn };
    this.#timers.push(timer);
    return () => this.#remove(timer);
  }

  /** When the next timer is due; infinite where there is none. */
  get nextAt(): number {
    return this.#next()?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Goes to the next timer and lets it run. */
  advance(): void {
    const timer = this.#next();
    if (timer === undefined) return;
    this.#remove(timer);
    this.time = timer.at;
    timer.fn();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }
}
