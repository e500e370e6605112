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

  /**
   * An empty store, of which this object is all there is. It throws nothing.
   * @param options `clock`: time, replaceable for tests
   */
  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#mutex = new KeyedMutex(this.#clock);
  }

  /**
   * The value, or `undefined` where there is none, or where it is over. It throws nothing.
   *
   * @param key - The key, any well-formed text.
   * @returns The value.
   */
  async get(key: string): Promise<string | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt > this.#clock.now()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /**
   * Writes the value.
   *
   * @param key - The key, any well-formed text.
   * @param value - The whole value. A secret.
   * @param options - `ttlMs`: after how many ms it may be forgotten, default never. `lease`: of a lock that has to be held still.
   * @throws {@link McpOAuthError} `lease_lost` with a stale lease
   */
  async set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    this.#mutex.assertLive(options.lease);
    const expiresAt = options.ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() + options.ttlMs;
    this.#entries.set(key, { value, expiresAt });
    if (this.#entries.size >= this.#sweepAtSize) this.#sweep();
    this.#notices.changed(key);
  }

  /**
   * Removes the value; no error where there is none.
   *
   * @param key - The key, any well-formed text.
   * @param options - `lease`: of a lock that has to be held still.
   * @throws {@link McpOAuthError} `lease_lost` with a stale lease
   */
  async delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    this.#mutex.assertLive(options.lease);
    if (this.#entries.delete(key)) this.#notices.changed(key);
  }

  /**
   * The keys that begin with `prefix`. It throws nothing.
   *
   * @param prefix - What they begin with; empty for all.
   * @returns The keys, in no particular order.
   */
  async list(prefix: string): Promise<string[]> {
    this.#sweep();
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  /**
   * Runs `fn` while nobody else holds the lock of `key` in this object. It is not reentrant.
   *
   * @param key - The key, any well-formed text.
   * @param fn - What is done under the lock; its lease goes with every write.
   * @param options - How long to wait, in ms (default 30,000), and what ends the wait.
   * @returns What `fn` resolves to.
   * @throws {@link McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal; both only before `fn` was called.
   * Then what `fn` throws
   */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return this.#mutex.run(key, fn, options);
  }

  /**
   * Calls `listener` soon after the value was written or removed through this object.
   *
   * @param key - The key, any well-formed text.
   * @param listener - Called without arguments, soon after.
   * @returns Ends it.
   */
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
