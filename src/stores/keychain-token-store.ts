import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { dataDirectory } from './data-directory.js';
import { type DatedValue, isOver } from './dated-value.js';
import { entryName } from './file-envelope.js';
import { fileFailure } from './file-error.js';
import { FileLock } from './file-lock.js';
import type { Keychain } from './keychain.js';
import { openKeychain } from './keychain-backend.js';
import { type Check, KeychainEntries } from './keychain-entries.js';
import type { Head } from './keychain-format.js';
import type { Keytar } from './keychain-keytar.js';
import { surveyKeychain } from './keychain-survey.js';
import { KeyedMutex } from './keyed-mutex.js';
import { ProcessNotices } from './process-notices.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

const DEFAULT_SERVICE = 'mcp-oauth-client';
/** What an entry may hold on Windows, in bytes of UTF-16; the others have no such bound. */
const WINDOWS_ENTRY_BYTES = 2_560;
/** The head of a value in parts has to fit. */
const SMALLEST_ENTRY_BYTES = 512;
/** How often a write with a lifetime also looks for others that are over, in ms. */
const SWEEP_INTERVAL_MS = 10 * 60_000;
/** How long housekeeping waits for one who writes, in ms. */
const SWEEP_PATIENCE_MS = 500;

/** Options of {@link KeychainTokenStore}. */
export interface KeychainTokenStoreOptions {
  /** The name under which the keychain shows the items. Default `mcp-oauth-client`; an application has its own. */
  readonly service?: string;
  /**
   * The module `keytar`, where the application carries it. Else `@napi-rs/keyring` is loaded with the first call, or an installed
   * `keytar` where that is missing. The two do not see each other's items.
   */
  readonly keytar?: Keytar;
  /** What one item may hold, in bytes of UTF-16; larger values are kept in parts. Default 2,560 on Windows and no bound elsewhere. */
  readonly maxEntryBytes?: number;
  /** How long one call of the keychain may take, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** Where the lock files are; nothing secret is in them. All who share the service must name the same. Default: in the user's data directory. */
  readonly lockDirectory?: string;
  /** Time, replaceable for tests. */
  readonly clock?: Clock;
}

/**
 * Keeps each value in the system's keychain: Credential Manager on Windows, Keychain on macOS, the Secret Service on Linux.
 *
 * Items are updated in place. A value that is larger than an item may be is kept in parts; a crash between any two of its writes leaves
 * the former value or the new one. Every call of the keychain is bounded in time. One that hangs is not waited for again, and one that
 * refused (locked, denied, cancelled) is not asked again for 5 s, by no store of the process: all fail with `store_failed`. On Linux a keyring that was never created or, with keytar, is locked looks as if it were empty; only
 * a write tells.
 *
 * Writers and locks exclude each other by lock files among all processes that use the same `lockDirectory`.
 */
export class KeychainTokenStore implements TokenStore {
  readonly #service: string;
  readonly #clock: Clock;
  readonly #keychain: Keychain;
  readonly #entries: KeychainEntries;
  readonly #locks: FileLock;
  readonly #notices: ProcessNotices;
  /** Keeps the operations on one entry in the order of the calls. */
  readonly #order: KeyedMutex;
  #sweptAt: number | undefined;

  /**
   * A store over the keychain. Nothing is loaded or asked yet.
   *
   * @param options - All have a default.
   * @throws {@link McpOAuthError} `invalid_options` for a malformed option
   */
  constructor(options: KeychainTokenStoreOptions = {}) {
    const { service = DEFAULT_SERVICE, keytar, timeoutMs, clock = systemClock } = options;
    const { maxEntryBytes = process.platform === 'win32' ? WINDOWS_ENTRY_BYTES : Number.POSITIVE_INFINITY } = options;
    if (typeof maxEntryBytes !== 'number' || !(maxEntryBytes >= SMALLEST_ENTRY_BYTES)) {
      throw invalid(`\`maxEntryBytes\` must be at least ${SMALLEST_ENTRY_BYTES}.`);
    }
    const keychain = openKeychain({ service, keytar, timeoutMs, clock });
    this.#service = service;
    this.#clock = clock;
    this.#entries = new KeychainEntries(keychain, maxEntryBytes);
    this.#keychain = keychain;
    this.#locks = new FileLock({ directory: lockDirectoryOf(options.lockDirectory, service), clock });
    this.#notices = new ProcessNotices(`keychain:${service}`);
    this.#order = new KeyedMutex(clock);
  }

  /**
   * The value, or `undefined` where there is none.
   *
   * @param key - The key, any well-formed text.
   * @returns The value.
   * @throws {McpOAuthError} `store_unreadable` where the item is damaged (it is set aside, so the next call gives `undefined`) or was
   * written by a newer version (nothing is touched); `store_failed` where the keychain is absent, locked, hanging, or refuses
   */
  async get(key: string): Promise<string | undefined> {
    const name = entryName(key);
    return (await this.#order.run(name, () => this.#read(name)))?.value;
  }

  /**
   * Writes the whole value or none of it.
   *
   * @param key - The key, any well-formed text.
   * @param value - The whole value. A secret.
   * @param options - `ttlMs`: after how many ms it may be forgotten, default never. `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} `store_failed`; `store_unreadable` where an item that cannot be read is in its place (a damaged one is set
   * aside, so the next call works); `lease_lost` with a stale lease; `lock_timeout` where another process does not end its write
   */
  async set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    const { ttlMs, lease } = options;
    const name = entryName(key);
    await this.#order.run(name, () =>
      this.#writing(name, lease, async (check) => {
        await check();
        const { head } = await this.#readable(name, check);
        const expiresAt = ttlMs === undefined ? undefined : this.#clock.now() + ttlMs;
        await this.#entries.write(name, { key, value, ...(expiresAt !== undefined && { expiresAt }) }, head, check);
      }),
    );
    this.#notices.changed(key);
    // Whoever writes what passes away also clears away what has passed.
    if (ttlMs !== undefined) await this.#sweepSometimes();
  }

  /**
   * Removes the value and all its parts; no error where there is none.
   *
   * @param key - The key, any well-formed text.
   * @param options - `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} `store_failed`; `lease_lost` with a stale lease; `lock_timeout` as with {@link set}
   */
  async delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    const name = entryName(key);
    await this.#order.run(name, () =>
      this.#writing(name, options.lease, async (check) => {
        await check();
        await this.#entries.remove(name, check);
      }),
    );
    this.#notices.changed(key);
  }

  /**
   * The keys that begin with `prefix`. Every item of the service is read for it: its cost grows with their number.
   *
   * @param prefix - What they begin with; empty for all.
   * @returns The keys, in no particular order.
   * @throws {McpOAuthError} as {@link get}; damaged items are all set aside first
   */
  async list(prefix: string): Promise<string[]> {
    const { entries, unsettled, strays } = await surveyKeychain(this.#keychain);
    const found: (DatedValue | undefined)[] = [];
    let damage: unknown;
    for (const [name, entry] of entries) {
      found.push(isOver(entry, this.#clock.now()) ? await this.#order.run(name, () => this.#read(name)) : entry);
    }
    for (const name of unsettled) {
      try {
        found.push(await this.#order.run(name, () => this.#read(name)));
      } catch (error) {
        damage ??= error;
      }
    }
    await this.#tidy(strays);
    if (damage !== undefined) throw damage;
    return found.flatMap((entry) => (entry?.key.startsWith(prefix) ? [entry.key] : []));
  }

  /**
   * Runs `fn` while nobody else who uses the lock directory holds the lock of `key`, in this process or another. It is not reentrant.
   * The lease's signal aborts with `lease_lost` when the lock is lost.
   *
   * @param key - The key, any well-formed text.
   * @param fn - What is done under the lock; its lease goes with every write.
   * @param options - How long to wait, in ms (default 30,000), and what ends the wait.
   * @returns What `fn` resolves to.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed` where the lock directory cannot
   * be written to; all only before `fn` was called
   */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return this.#locks.run(key, fn, options);
  }

  /**
   * Calls `listener` soon after this process wrote or removed the value, through whichever object, until the returned function is called.
   *
   * @param key - The key, any well-formed text.
   * @param listener - Called without arguments, soon after.
   * @returns Ends it.
   */
  watch(key: string, listener: () => void): () => void {
    return this.#notices.watch(key, listener);
  }

  /** One writer of an entry at a time, among all processes: two would mix their parts. */
  #writing<T>(
    name: string,
    lease: Lease | undefined,
    work: (check: Check) => Promise<T>,
    timeoutMs?: number,
  ): Promise<T> {
    return this.#locks.run(
      `\0write:${this.#service}:${name}`,
      (own) =>
        work(async () => {
          await this.#locks.assertLive(lease);
          await this.#locks.assertLive(own);
        }),
      { timeoutMs },
    );
  }

  /** The entry, unless it is over. A damaged one is set aside and reported. */
  async #read(name: string): Promise<DatedValue | undefined> {
    const { found } = await this.#entries.read(name);
    if (found === 'nothing') return undefined;
    if (typeof found === 'object' && !isOver(found, this.#clock.now())) return found;
    // Over, or unreadable, or in the middle of another's write: the lock tells.
    return this.#writing(name, undefined, async (check) => {
      const { entry } = await this.#readable(name, check);
      if (entry === undefined || !isOver(entry, this.#clock.now())) return entry;
      // It is over whether it can be removed or not.
      await this.#entries.remove(name, check).catch(() => undefined);
      return undefined;
    });
  }

  /** What is stored, read by the one who may write. A damaged entry is set aside and reported. */
  async #readable(name: string, check: Check): Promise<{ head: Head | undefined; entry: DatedValue | undefined }> {
    const { head, found } = await this.#entries.read(name);
    if (typeof found === 'object') return { head, entry: found };
    if (found === 'nothing') return { head, entry: undefined };
    const where = `The item ${name} of the keychain's service ${this.#service}`;
    if (found === 'newer') {
      throw unreadable(
        `${where} was written by a newer version of this library, and was left as it is. Use that version, or sign out or remove the item and sign in again.`,
      );
    }
    let aside: string;
    try {
      aside = await this.#entries.setAside(name, check);
    } catch (cause) {
      throw unreadable(`${where} is damaged and could not be set aside. Remove it, then sign in again.`, cause);
    }
    throw unreadable(`${where} is damaged. It was set aside as ${aside}; sign in again to replace it.`);
  }

  async #sweepSometimes(): Promise<void> {
    const now = this.#clock.now();
    if (this.#sweptAt !== undefined && Math.abs(now - this.#sweptAt) < SWEEP_INTERVAL_MS) return;
    this.#sweptAt = now;
    try {
      const { entries, strays } = await surveyKeychain(this.#keychain);
      for (const [name, entry] of entries) {
        if (isOver(entry, now)) await this.#order.run(name, () => this.#read(name));
      }
      await this.#tidy(strays);
    } catch {
      // It is housekeeping: the value is written, and a later write tries again.
    }
  }

  /** Removes what processes that died left behind. */
  async #tidy(strays: ReadonlyMap<string, readonly string[]>): Promise<void> {
    for (const [name, accounts] of strays) {
      const work = (check: Check) => this.#entries.tidy(name, accounts, check);
      await this.#order.run(name, () => this.#writing(name, undefined, work, SWEEP_PATIENCE_MS)).catch(() => undefined);
    }
  }
}

function lockDirectoryOf(given: string | undefined, service: string): string {
  if (given === '') throw invalid('`lockDirectory` must name a directory.');
  if (given !== undefined) return given;
  try {
    const data = dataDirectory(process.platform, process.env);
    return join(data, 'mcp-oauth-client', 'locks', entryName(service).slice(0, 32));
  } catch (error) {
    throw fileFailure(error, "find the user's home directory");
  }
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'configuration' });
}

function unreadable(message: string, cause?: unknown): McpOAuthError {
  return new McpOAuthError('store_unreadable', message, { stage: 'store', cause });
}
