import { type Clock, systemClock } from '../clock.js';
import { KeyedMutex } from './keyed-mutex.js';
import { Notices } from './notices.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

interface Entry {
  readonly value: string;
  readonly expiresAt: number;
}

const FIRST_SWEEP_SIZE = 64;

/**
 * Keeps everything in this object's memory: for tests, for short-lived processes, and where nothing may be written.
 * It has no upper bound; entries with a `ttlMs` are dropped once they are over.
 */
export class MemoryTokenStore implements TokenStore {
  readonly #clock: Clock;
  readonly #mutex: KeyedMutex;
  readonly #entries = new Map<string, Entry>();
  readonly #notices = new Notices();
  #sweepAtSize = FIRST_SWEEP_SIZE;

  /** @param options `clock`: time, replaceable for tests */
  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#mutex = new KeyedMutex(this.#clock);
  }

  async get(key: string): Promise<string | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt > this.#clock.now()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  async set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    this.#mutex.assertLive(options.lease);
    const expiresAt = options.ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() + options.ttlMs;
    this.#entries.set(key, { value, expiresAt });
    if (this.#entries.size >= this.#sweepAtSize) this.#sweep();
    this.#notices.changed(key);
  }

  async delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    this.#mutex.assertLive(options.lease);
    if (this.#entries.delete(key)) this.#notices.changed(key);
  }

  async list(prefix: string): Promise<string[]> {
    this.#sweep();
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return this.#mutex.run(key, fn, options);
  }

  watch(key: string, listener: () => void): () => void {
    return this.#notices.watch(key, listener);
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [key, entry] of this.#entries) if (entry.expiresAt <= now) this.#entries.delete(key);
    // Doubling keeps the cost of a write constant on average, however many entries there are.
    this.#sweepAtSize = Math.max(FIRST_SWEEP_SIZE, this.#entries.size * 2);
  }
}
