import { answerWithin, untilAborted } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import { DEFAULT_LOCK_TIMEOUT_MS, lockTimeout } from './keyed-mutex.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

interface Watcher {
  readonly key: string;
  readonly listener: () => void;
  /** Ends the watch at the store, once there is one. */
  end: () => void;
}

/** A store that its first use opens. Calls that come meanwhile share the opening; where it fails, the next call tries again. */
export class LazyStore<S extends TokenStore> implements TokenStore {
  readonly #open: () => Promise<S>;
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();
  #opening: Promise<S> | undefined;
  #store: S | undefined;

  constructor(open: () => Promise<S>, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** The store itself; opens it where nobody has used it yet. */
  opened(): Promise<S> {
    this.#opening ??= this.#openOnce().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async get(key: string): Promise<string | undefined> {
    return (this.#store ?? (await this.opened())).get(key);
  }

  async set(key: string, value: string, options?: { ttlMs?: number; lease?: Lease }): Promise<void> {
    return (this.#store ?? (await this.opened())).set(key, value, options);
  }

  async delete(key: string, options?: { lease?: Lease }): Promise<void> {
    return (this.#store ?? (await this.opened())).delete(key, options);
  }

  async list(prefix: string): Promise<string[]> {
    return (this.#store ?? (await this.opened())).list(prefix);
  }

  /** The signal and the time limit hold for the opening too. */
  async lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options: LockOptions = {}): Promise<T> {
    return (this.#store ?? (await this.#openedWithin(options))).lock(key, fn, options);
  }

  /** Watching alone opens nothing. */
  watch(key: string, listener: () => void): () => void {
    if (this.#store !== undefined) return this.#store.watch?.(key, listener) ?? (() => {});
    const watcher: Watcher = { key, listener, end: () => {} };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
      watcher.end();
    };
  }

  async #openOnce(): Promise<S> {
    const store = await this.#open();
    this.#store = store;
    for (const watcher of this.#watchers) watcher.end = store.watch?.(watcher.key, watcher.listener) ?? watcher.end;
    this.#watchers.clear();
    return store;
  }

  #openedWithin({ signal, timeoutMs = DEFAULT_LOCK_TIMEOUT_MS }: LockOptions): Promise<S> {
    const late = () => lockTimeout(timeoutMs);
    return untilAborted(answerWithin(this.opened(), { clock: this.#clock, timeoutMs, late }), signal, 'store');
  }
}
