/**
 * Proof that its holder has the lock of a key.
 * Its signal aborts when the lock is lost; a write with a stale lease is refused with `lease_lost`.
 */
export interface Lease {
  /** Aborts with `lease_lost` when the lock is lost; never where that cannot happen. */
  readonly signal: AbortSignal;
  /** Names this one hold of the lock: no other hold has the same. Opaque, and no secret. */
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
  /**
   * The value, or `undefined` where there is none, or where it is over. It never pretends that nothing is there.
   *
   * @param key - The key, any well-formed text.
   * @returns The value, as it was written.
   * @throws {@link McpOAuthError} `store_unreadable` where it is damaged, or cannot be decrypted; `store_failed` where it cannot
   * be asked for
   */
  get(key: string): Promise<string | undefined>;
  /**
   * Writes the whole value or none of it.
   *
   * @param key - The key, any well-formed text.
   * @param value - The whole value. A secret.
   * @param options - `ttlMs`: after how many ms it may be forgotten, default never. `lease`: of a lock that has to be held still.
   * @throws {@link McpOAuthError} `lease_lost` with a stale lease; `store_failed`, `store_unreadable`
   */
  set(key: string, value: string, options?: { ttlMs?: number; lease?: Lease }): Promise<void>;
  /**
   * Removes the value; no error where there is none.
   *
   * @param key - The key, any well-formed text.
   * @param options - `lease`: of a lock that has to be held still.
   * @throws {@link McpOAuthError} `lease_lost` with a stale lease; `store_failed`
   */
  delete(key: string, options?: { lease?: Lease }): Promise<void>;
  /**
   * The keys that begin with `prefix`, in no particular order.
   *
   * @param prefix - What they begin with; empty for all.
   * @returns The keys as they were written, each once.
   * @throws {@link McpOAuthError} `store_failed`, `store_unreadable`
   */
  list(prefix: string): Promise<string[]>;
  /**
   * Runs `fn` while nobody else holds the lock of `key`.
   *
   * @param key - The key, any well-formed text. A lock need not have a value.
   * @param fn - What is done under the lock; its lease goes with every write.
   * @param options - How long to wait, in ms, and what ends the wait.
   * @returns What `fn` resolves to.
   * @throws {@link McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed`; all only before
   * `fn` was called. Then what `fn` throws
   */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T>;
  /**
   * Calls `listener` soon after the value of `key` was written or removed, by this process at least, and returns a function that ends
   * it. It is a hint and may be missing: what relies on it also reads the store when it matters.
   *
   * @param key - The key, any well-formed text.
   * @param listener - Called without arguments, soon after.
   * @returns Ends it.
   */
  watch?(key: string, listener: () => void): () => void;
}
