import { type Clock, systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { encodeDatedValue, isOver } from './dated-value.js';
import { FileLock } from './file-lock.js';
import { ProcessNotices } from './process-notices.js';
import { BoundedSecrets, type SecretStorageLike } from './secret-storage.js';
import { SECRET_PREFIX, SecretKeys, setAside } from './secret-storage-keys.js';
import { damagedSecret, isOfNewerVersion, newerSecret, readSecret } from './secret-storage-value.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

/** The lock of everything that writes. No key of a session contains a NUL. */
const WRITING = '\0writing';
/** How many others a write with a lifetime looks at, for those that are over. */
const SWEPT_AT_A_TIME = 8;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Options of {@link SecretStorageTokenStore}. */
export interface SecretStorageTokenStoreOptions {
  /** `context.secrets` of the extension. */
  readonly secrets: SecretStorageLike;
  /** A directory of the extension for lock files, on this machine: `context.globalStorageUri.fsPath`. Nothing secret is written there. */
  readonly directory: string;
  /** The bound of each call of `secrets`, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/**
 * Keeps each value in a secret of a VS Code extension, which VS Code encrypts with a key from the system's keychain:
 * `new SecretStorageTokenStore({ secrets: context.secrets, directory: context.globalStorageUri.fsPath })`.
 *
 * Several windows are several processes over the same secrets: locks are lock files in `directory`, as in {@link FileTokenStore},
 * and writes come one at a time. `watch` hears of other windows by `onDidChange`. A damaged secret is reported once and set aside under
 * another name, one of a newer version is reported and left alone; neither is ever overwritten.
 */
export class SecretStorageTokenStore implements TokenStore {
  readonly #secrets: BoundedSecrets;
  readonly #keys: SecretKeys;
  readonly #onDidChange: SecretStorageLike['onDidChange'];
  readonly #clock: Clock;
  readonly #locks: FileLock;
  readonly #notices: ProcessNotices;

  /**
   * A store over the secrets of an extension. Nothing is read or written yet.
   *
   * @param options - At least `secrets` and `directory`.
   * @throws {McpOAuthError} `invalid_options` without `secrets` or `directory`, or with a `timeoutMs` that is no number above 0
   */
  constructor(options: SecretStorageTokenStoreOptions) {
    const { secrets, directory, timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock } = options ?? {};
    if (typeof secrets?.get !== 'function' || typeof secrets.store !== 'function')
      throw invalid('`secrets`, e.g. `context.secrets`');
    if (typeof directory !== 'string' || directory === '') {
      throw invalid('a `directory`, e.g. `context.globalStorageUri.fsPath`');
    }
    if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) throw invalid('a `timeoutMs` above 0');
    this.#secrets = new BoundedSecrets(secrets, clock, timeoutMs);
    this.#keys = new SecretKeys(this.#secrets);
    this.#onDidChange = secrets.onDidChange?.bind(secrets);
    this.#clock = clock;
    // A folder below: the extension keeps the modes of its own directory.
    this.#locks = new FileLock({ directory: `${directory}/mcp-oauth-client`, clock });
    this.#notices = new ProcessNotices(`secrets:${directory}`);
  }

  /**
   * The value, or `undefined` where there is none.
   *
   * @param key - The key, any well-formed text.
   * @returns The value.
   * @throws {McpOAuthError} `store_unreadable` where the secret is damaged (it is set aside, so the next call gives `undefined`) or was
   * written by a newer version (nothing is touched); `store_failed` where `secrets` fails or does not answer in time
   */
  async get(key: string): Promise<string | undefined> {
    const text = await this.#secrets.get(SECRET_PREFIX + key);
    if (text === undefined) return undefined;
    const entry = readSecret(text, key);
    if (entry === undefined) {
      await this.#exclusively(() => this.#assertReadable(key));
      // Another window replaced it meanwhile.
      return this.get(key);
    }
    return isOver(entry, this.#clock.now()) ? undefined : entry.value;
  }

  /**
   * Writes the whole value or none of it.
   *
   * @param key - The key, any well-formed text.
   * @param value - The whole value. A secret.
   * @param options - `ttlMs`: after how many ms it may be forgotten, default never. `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} `store_failed`; `store_unreadable` where a secret that cannot be read is in its place (a damaged one is set
   * aside, so the next call works); `lease_lost` with a stale lease; `lock_timeout` where another window does not come to the end of its write
   */
  async set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    const { ttlMs, lease } = options;
    await this.#exclusively(async (writing) => {
      await this.#locks.assertLive(lease);
      await this.#assertReadable(key);
      await this.#keys.add(key);
      const expiresAt = ttlMs === undefined ? undefined : this.#clock.now() + ttlMs;
      const text = encodeDatedValue({ key, value, ...(expiresAt !== undefined && { expiresAt }) });
      await this.#locks.assertLive(writing);
      await this.#locks.assertLive(lease);
      await this.#secrets.store(SECRET_PREFIX + key, text);
      // Whoever writes what passes away also clears away what has passed.
      if (ttlMs !== undefined) await this.#sweep();
    });
    this.#notices.changed(key);
  }

  /**
   * Removes the value; no error where there is none.
   *
   * @param key - The key, any well-formed text.
   * @param options - `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} `store_failed`; `lease_lost` with a stale lease; `lock_timeout` as with {@link set}
   */
  async delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    await this.#exclusively(async (writing) => {
      await this.#locks.assertLive(writing);
      await this.#locks.assertLive(options.lease);
      await this.#remove(key);
    });
    this.#notices.changed(key);
  }

  /**
   * The keys that begin with `prefix`. One whose secret cannot be read is among them: {@link get} reports it.
   *
   * @param prefix - What they begin with; empty for all.
   * @returns The keys, in no particular order.
   * @throws {McpOAuthError} `store_failed`
   */
  async list(prefix: string): Promise<string[]> {
    const keys = (await this.#keys.all()).filter((key) => key.startsWith(prefix));
    const present = await Promise.all(
      keys.map(async (key) => {
        const text = await this.#secrets.get(SECRET_PREFIX + key);
        const entry = text === undefined ? undefined : readSecret(text, key);
        return text !== undefined && !(entry && isOver(entry, this.#clock.now()));
      }),
    );
    return keys.filter((_, index) => present[index]);
  }

  /**
   * Runs `fn` while nobody else who uses the directory holds the lock of `key`, in this window or another. It is not reentrant.
   *
   * @param key - The key, any well-formed text.
   * @param fn - What is done under the lock; its lease goes with every write.
   * @param options - How long to wait, in ms (default 30,000), and what ends the wait.
   * @returns What `fn` resolves to.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed` where the directory cannot be
   * written to; all only before `fn` was called
   */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return this.#locks.run(key, fn, options);
  }

  /**
   * Calls `listener` soon after the value changed, in this window or (by `onDidChange`) in another; perhaps twice.
   *
   * @param key - The key, any well-formed text.
   * @param listener - Called without arguments, soon after.
   * @returns Ends it.
   */
  watch(key: string, listener: () => void): () => void {
    const forget = this.#notices.watch(key, listener);
    const subscription = this.#onDidChange?.((event) => {
      if (event.key === SECRET_PREFIX + key) listener();
    });
    return () => {
      forget();
      subscription?.dispose();
    };
  }

  /** One writer at a time among all windows: a secret has no compare-and-set, and the index is read, changed and written. */
  #exclusively<T>(work: (writing: Lease) => Promise<T>): Promise<T> {
    return this.#locks.run(WRITING, work);
  }

  /** Reports a secret that cannot be read, a damaged one once. Only under the lock of writes. */
  async #assertReadable(key: string): Promise<void> {
    const text = await this.#secrets.get(SECRET_PREFIX + key);
    if (text === undefined || readSecret(text, key) !== undefined) return;
    if (isOfNewerVersion(text)) throw newerSecret();
    await setAside(this.#secrets, SECRET_PREFIX + key, key, text);
    throw damagedSecret();
  }

  async #remove(key: string): Promise<void> {
    await this.#secrets.delete(SECRET_PREFIX + key);
    await this.#keys.remove(key);
  }

  /** Removes what is over or gone, among a few that are picked by chance. Only under the lock of writes. */
  async #sweep(): Promise<void> {
    try {
      const keys = await this.#keys.all();
      const start = Math.floor(Math.random() * keys.length);
      for (const key of [...keys.slice(start), ...keys.slice(0, start)].slice(0, SWEPT_AT_A_TIME)) {
        const text = await this.#secrets.get(SECRET_PREFIX + key);
        const entry = text === undefined ? undefined : readSecret(text, key);
        const over = entry !== undefined && isOver(entry, this.#clock.now());
        if (text === undefined || over) await this.#remove(key);
      }
    } catch {
      // It is housekeeping: the value is written, and the next write tries again.
    }
  }
}

function invalid(what: string): McpOAuthError {
  return new McpOAuthError('invalid_options', `SecretStorageTokenStore needs ${what}.`, { stage: 'configuration' });
}
