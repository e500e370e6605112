import type { Buffer } from 'node:buffer';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import {
  LARGEST_FILE_BYTES,
  removeFile,
  replaceFile,
  secureDirectory,
  setAside,
  syncDirectory,
  TEMPORARY_SUFFIX,
  withFile,
} from './file-access.js';
import { type Damage, type Entry, entryName, openEntry, sealEntry } from './file-envelope.js';
import { fileFailure } from './file-error.js';
import { createKey, keyMissing, readKey } from './file-key.js';
import { FileLock } from './file-lock.js';
import { KeyedMutex } from './keyed-mutex.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

const ENTRY_FILE = /^([0-9a-f]{64})\.json$/;
/** A temporary file of this age was left by a process that died. In ms. */
const STALE_TEMPORARY_MS = 10 * 60_000;
/** How many files `list` has open at a time. */
const LIST_CONCURRENCY = 16;
/** How many files a write with a lifetime looks at for others that are over. */
const SWEPT_AT_A_TIME = 32;

/**
 * Keeps each value in a file of its own, encrypted with AES-256-GCM under a key file in the same directory.
 * Files have mode 0600 in a directory with mode 0700 and are replaced as a whole; symbolic links, other owners and looser modes are refused.
 * What cannot be decrypted is reported once and set aside under a name that contains `.corrupt-`; it is never overwritten.
 *
 * The lock holds among all objects and processes that use the directory. A holder that died is taken over after about 11 s, one that
 * lives never; a lock that is lost all the same (the machine slept, the lock file was removed) ends the lease. It needs a file system
 * that keeps time with this machine.
 *
 * The key file protects against copies of single files, backups and other users, not against
 * someone who can read everything that the user can read.
 */
export class FileTokenStore implements TokenStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #locks: FileLock;
  /** Keeps the operations on one file in the order of the calls. */
  readonly #order: KeyedMutex;
  #swept = false;

  /**
   * @param options `directory`: where the files are kept, created where it is missing; `clock`: time, replaceable for tests
   * @throws {McpOAuthError} `invalid_options` without a directory
   */
  constructor(options: { directory: string; clock?: Clock }) {
    if (typeof options?.directory !== 'string' || options.directory === '') {
      throw new McpOAuthError('invalid_options', 'FileTokenStore needs a `directory`.', { stage: 'configuration' });
    }
    this.#directory = resolve(options.directory);
    this.#clock = options.clock ?? systemClock;
    this.#locks = new FileLock({ directory: this.#directory, clock: this.#clock });
    this.#order = new KeyedMutex(this.#clock);
  }

  /**
   * The value, or `undefined` where there is none.
   * @throws {McpOAuthError} `store_unreadable` where the file is damaged (it is set aside, so the next call gives `undefined`) or
   * the key file is missing (nothing is touched); `store_failed` where the file cannot or must not be read
   */
  get(key: string): Promise<string | undefined> {
    return this.#attempt('read the token store', entryName(key), async (name) => {
      const cipherKey = await this.#key();
      return cipherKey && (await this.#read(name, cipherKey))?.value;
    });
  }

  /**
   * Writes the whole value or none of it.
   * @throws {McpOAuthError} `store_failed` where it cannot be written; `store_unreadable` where a damaged file was in its place
   * (it is set aside, so the next call works) or the key file is missing; `lease_lost` with a stale lease
   */
  set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    const { ttlMs, lease } = options;
    return this.#attempt('write the token store', entryName(key), async (name) => {
      await this.#locks.assertLive(lease);
      await secureDirectory(this.#directory, true);
      const cipherKey = (await this.#key()) ?? (await createKey(this.#directory));
      await this.#read(name, cipherKey);
      const expiresAt = ttlMs === undefined ? undefined : this.#clock.now() + ttlMs;
      const content = sealEntry({ key, value, ...(expiresAt !== undefined && { expiresAt }) }, cipherKey);
      if (content.length > LARGEST_FILE_BYTES) {
        throw new McpOAuthError(
          'store_failed',
          `A value is larger than ${LARGEST_FILE_BYTES} bytes. Store less in it.`,
          { stage: 'store' },
        );
      }
      await replaceFile(this.#path(name), content, () => this.#locks.assertLive(lease));
      await this.#sweepTemporaries();
      // Whoever writes what passes away also clears away what has passed.
      if (ttlMs !== undefined) await this.#sweepExpired(name, cipherKey);
    });
  }

  /**
   * Removes the value; no error where there is none.
   * @throws {McpOAuthError} `store_failed` where it cannot be removed; `lease_lost` with a stale lease
   */
  delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    return this.#attempt('delete from the token store', entryName(key), async (name) => {
      const isThere = await secureDirectory(this.#directory, false);
      await this.#locks.assertLive(options.lease);
      if (!isThere) return;
      if (await removeFile(this.#path(name))) await syncDirectory(this.#directory);
    });
  }

  /**
   * The keys that begin with `prefix`. Every file is decrypted for it: its cost grows with their number.
   * @throws {McpOAuthError} as {@link get}; damaged files are all set aside first
   */
  async list(prefix: string): Promise<string[]> {
    const cipherKey = await this.#attempt('list the token store', undefined, () => this.#key());
    if (cipherKey === undefined) return [];
    const names = await this.#attempt('list the token store', undefined, () => this.#entryNames());
    const keys: string[] = [];
    let damage: unknown;
    const worker = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        try {
          const entry = await this.#attempt('list the token store', name, (own) => this.#read(own, cipherKey));
          if (entry?.key.startsWith(prefix)) keys.push(entry.key);
        } catch (error) {
          damage ??= error;
        }
      }
    };
    await Promise.all(Array.from({ length: LIST_CONCURRENCY }, worker));
    if (damage !== undefined) throw damage;
    return keys;
  }

  /**
   * Runs `fn` while nobody else who uses the directory holds the lock of `key`, in this process or another. It is not reentrant.
   * The lease's signal aborts with `lease_lost` when the lock is lost.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed` where the directory cannot be
   * written to; all only before `fn` was called
   */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return this.#locks.run(key, fn, options);
  }

  async #attempt<T>(action: string, name: string | undefined, fn: (name: string) => Promise<T>): Promise<T> {
    try {
      return await (name === undefined ? fn('') : this.#order.run(name, () => fn(name)));
    } catch (error) {
      throw fileFailure(error, `${action} in ${this.#directory}`);
    }
  }

  #path(name: string): string {
    return join(this.#directory, `${name}.json`);
  }

  /** The key, or `undefined` where nothing was ever stored. It is read each time: another process may be the one that creates it. */
  async #key(): Promise<Buffer | undefined> {
    if (!(await secureDirectory(this.#directory, false))) return undefined;
    const key = await readKey(this.#directory);
    if (key !== undefined || (await this.#entryNames()).length === 0) return key;
    // Another process may have created key and entry between the two looks.
    const second = await readKey(this.#directory);
    if (second === undefined) throw keyMissing(this.#directory);
    return second;
  }

  async #entryNames(): Promise<string[]> {
    const files = await readdir(this.#directory);
    return files.flatMap((file) => ENTRY_FILE.exec(file)?.[1] ?? []);
  }

  /** The entry, unless it is over. A damaged file is set aside and reported. */
  #read(name: string, cipherKey: Buffer): Promise<Entry | undefined> {
    const path = this.#path(name);
    return withFile(path, async ({ content, inode }) => {
      const entry = openEntry(content, name, cipherKey);
      if (typeof entry === 'string') {
        throw await this.#damaged(path, entry, inode);
      }
      if (entry.expiresAt === undefined || entry.expiresAt > this.#clock.now()) return entry;
      // It is over whether it can be removed or not.
      await removeFile(path).catch(() => {});
      return undefined;
    });
  }

  async #damaged(path: string, damage: Damage, inode: bigint): Promise<McpOAuthError> {
    const error = (outcome: string, cause?: unknown) =>
      new McpOAuthError('store_unreadable', `The file ${path} ${damage}. ${outcome}`, { stage: 'store', cause });
    try {
      const aside = await setAside(path, inode);
      if (aside === undefined) return error('It was replaced meanwhile; try again.');
      return error(`It was set aside as ${aside}; sign in again to replace it.`);
    } catch (cause) {
      return error('It could not be set aside: move it away, then sign in again.', cause);
    }
  }

  /** Removes entries that are over, among a few that are picked by chance: bounded work, and none lies about for ever. */
  async #sweepExpired(own: string, cipherKey: Buffer): Promise<void> {
    try {
      const names = (await this.#entryNames()).filter((name) => name !== own);
      const start = Math.floor(Math.random() * names.length);
      for (const name of [...names.slice(start), ...names.slice(0, start)].slice(0, SWEPT_AT_A_TIME)) {
        const path = this.#path(name);
        // Damage is reported to whoever asks for that entry, not here.
        const entry = await withFile(path, async ({ content }) => openEntry(content, name, cipherKey));
        if (typeof entry !== 'object' || entry.expiresAt === undefined || entry.expiresAt > this.#clock.now()) continue;
        await this.#order.run(name, async () => void (await this.#read(name, cipherKey)));
      }
    } catch {
      // It is housekeeping: the value is written, and the next write tries again.
    }
  }

  /** Once for each object: removes what processes that died while writing left behind. */
  async #sweepTemporaries(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    try {
      const staleBefore = this.#clock.now() - STALE_TEMPORARY_MS;
      for (const file of await readdir(this.#directory)) {
        if (!file.endsWith(TEMPORARY_SUFFIX)) continue;
        const path = join(this.#directory, file);
        if ((await stat(path)).mtimeMs < staleBefore) await removeFile(path);
      }
    } catch {
      // It is housekeeping: the value is written, and the next process tries again.
    }
  }
}
