/**
 * Proof that its holder has the lock of a key.
 * Its signal aborts when the lock is lost; a write with a stale lease is refused with `lease_lost`.
 */
export interface Lease {
  readonly signal: AbortSignal;
  readonly token: string;
}

/** Options of {@link TokenStore.lock}. */
export interface LockOptions {
  /** Ends the wait for the lock. */
  signal?: AbortSignal | undefined;
  /** How long to wait for the lock, in ms. */
  timeoutMs?: number | undefined;
}

/**
 * What a storage backend implements: a string for a key, and a lock for a key.
 * Keys and values are opaque to it; values hold secrets.
 */
export interface TokenStore {
  /** The value, or `undefined` where there is none. Throws `store_unreadable` rather than pretending that nothing is there. */
  get(key: string): Promise<string | undefined>;
  /** Writes the whole value or none of it. `ttlMs` (ms) lets the backend forget it later. */
  set(key: string, value: string, options?: { ttlMs?: number; lease?: Lease }): Promise<void>;
  /** Removes the value; no error where there is none. */
  delete(key: string, options?: { lease?: Lease }): Promise<void>;
  /** The keys that begin with `prefix`, in no particular order. */
  list(prefix: string): Promise<string[]>;
  /** Runs `fn` while nobody else holds the lock of `key`. Throws `lock_timeout` after `timeoutMs`, `aborted` with the signal. */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T>;
  /**
   * Calls `listener` soon after the value of `key` was written or removed, by this process at least, and returns a function that ends
   * it. It is a hint and may be missing: what relies on it also reads the store when it matters.
   */
  watch?(key: string, listener: () => void): () => void;
}
