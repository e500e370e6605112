import type { Buffer } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { Cipher } from './cipher.js';
import type { DatedValue } from './dated-value.js';
import {
  LARGEST_FILE_BYTES,
  removeFile,
  replaceFile,
  secureDirectory,
  syncDirectory,
  withFile,
} from './file-access.js';
import { type Box, cipherBox, cipherMissing, keyBox } from './file-box.js';
import { entryName, readEnvelope } from './file-envelope.js';
import { fileFailure } from './file-error.js';
import { removeStaleTemporaries, setDamagedAside } from './file-housekeeping.js';
import { DirectoryKey, keyMissing } from './file-key.js';
import { FileLock } from './file-lock.js';
import type { KeyStorage } from './key-storage.js';
import type { Keytar } from './keychain-keytar.js';
import { KeyedMutex } from './keyed-mutex.js';
import { ProcessNotices } from './process-notices.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

const ENTRY_FILE = /^([0-9a-f]{64})\.json$/;
/** How many files `list` has open at a time. */
const LIST_CONCURRENCY = 16;
/** How many files a write with a lifetime looks at for others that are over. */
const SWEPT_AT_A_TIME = 32;
/** How many names of files may be read for each write with a lifetime. */
const NAMES_FOR_A_WRITE = 100;

const KEY_STORAGES: ReadonlySet<unknown> = new Set(['auto', 'keychain', 'file'] satisfies KeyStorage[]);

/** Options of {@link FileTokenStore}. */
export interface FileTokenStoreOptions {
  /** Where the files are kept. Created where it is missing. */
  readonly directory: string;
  /**
   * Encrypts in place of our own key, of which none is made then: Electron's `safeStorage`, for example. Entries that our key encrypted
   * before are still read while the key is there, and the next write of each goes through the cipher.
   */
  readonly cipher?: Cipher | undefined;
  /**
   * Where the key of a new directory goes: to the system's keychain where that works, else into a file beside the entries (`auto`, the
   * default); to the keychain or nowhere (`keychain`); into the file (`file`). A directory that has a key keeps it where it is.
   */
  readonly keyStorage?: KeyStorage | undefined;
  /** The module `keytar`, for an application that has it; the keychain is then reached through it. */
  readonly keytar?: Keytar | undefined;
  /** Time, replaceable for tests. */
  readonly clock?: Clock | undefined;
}

/**
 * Keeps each value in a file of its own, encrypted with AES-256-GCM under a key that the directory has to itself: in the system's keychain
 * where there is one when the directory is first written to, else in a key file in the same directory; or by a `cipher` of the
 * application's. Files have mode 0600 in a directory with mode 0700 and are replaced as a whole; symbolic links, other owners and looser
 * modes are refused. What is certain to be damaged is reported once and set aside under a name that contains `.corrupt-`; it is never
 * overwritten. Where a keychain or a cipher fails instead, every call throws `store_failed` and no file is touched, save by `delete`.
 *
 * The lock holds among all objects and processes that use the directory. A lock file says who holds it. A holder on this machine that died
 * is taken over at once, one that lives never, however long it stands still (where the system does not tell when a process started,
 * which all but Linux do not, it counts as dead after 10 minutes of silence). A holder on another machine or in another container is
 * taken over 10 to 13 s after its last sign of life. A lock that is lost all the same ends the lease.
 *
 * A key file protects against copies of single files, backups and other users, not against someone who can read everything that the user
 * can read. A key in the keychain, or a cipher, protects as well as that does. Removing the directory leaves its item in the keychain.
 */
export class FileTokenStore implements TokenStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #cipher: Cipher | undefined;
  readonly #keys: DirectoryKey;
  readonly #locks: FileLock;
  readonly #notices: ProcessNotices;
  /** Keeps the operations on one file in the order of the calls. */
  readonly #order: KeyedMutex;
  #swept = false;
  /** How many writes with a lifetime until the next looks for others that are over. */
  #sweepIn = 0;

  /**
   * A store over a directory. Nothing is read or written yet.
   *
   * @param options - At least `directory`.
   * @throws {McpOAuthError} `invalid_options` without a directory, or with another malformed option
   */
  constructor(options: FileTokenStoreOptions) {
    const { directory, cipher, keyStorage = 'auto', keytar, clock = systemClock } = options ?? {};
    if (typeof directory !== 'string' || directory === '') throw invalid('needs a `directory`');
    if (!KEY_STORAGES.has(keyStorage)) throw invalid("takes 'auto', 'keychain' or 'file' as `keyStorage`");
    if (cipher !== undefined && !(typeof cipher?.encrypt === 'function' && typeof cipher.decrypt === 'function')) {
      throw invalid('needs both `encrypt` and `decrypt` in `cipher`');
    }
    this.#directory = resolve(directory);
    this.#clock = clock;
    this.#cipher = cipher;
    this.#keys = new DirectoryKey({ directory: this.#directory, storage: keyStorage, keytar, clock });
    this.#locks = new FileLock({ directory: this.#directory, clock });
    this.#notices = new ProcessNotices(`file:${this.#directory}`);
    this.#order = new KeyedMutex(clock);
  }

  /**
   * The value, or `undefined` where there is none.
   *
   * @param key - The key, any well-formed text.
   * @returns The value.
   * @throws {McpOAuthError} `store_unreadable` where the file is damaged (it is set aside, so the next call gives `undefined`) or
   * the key is lost (nothing is touched); `store_failed` where the file cannot or must not be read, or the keychain or the cipher fails
   */
  get(key: string): Promise<string | undefined> {
    return this.#attempt('read the token store', entryName(key), async (name) => {
      const box = await this.#box();
      return box && (await this.#read(name, box))?.value;
    });
  }

  /**
   * Writes the whole value or none of it.
   *
   * @param key - The key, any well-formed text.
   * @param value - The whole value. A secret.
   * @param options - `ttlMs`: after how many ms it may be forgotten, default never. `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} `store_failed` where it cannot be written, or the keychain or the cipher fails; `store_unreadable` where a
   * damaged file was in its place (it is set aside, so the next call works) or the key is lost; `lease_lost` with a stale lease
   */
  set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    const { ttlMs, lease } = options;
    return this.#attempt('write the token store', entryName(key), async (name) => {
      await this.#locks.assertLive(lease);
      await secureDirectory(this.#directory, true);
      const box = (await this.#box()) ?? keyBox(await this.#keys.create(), this.#directory);
      await this.#read(name, box);
      const expiresAt = ttlMs === undefined ? undefined : this.#clock.now() + ttlMs;
      const content = await box.seal({ key, value, ...(expiresAt !== undefined && { expiresAt }) });
      if (content.length > LARGEST_FILE_BYTES) {
        throw new McpOAuthError(
          'store_failed',
          `A value is larger than ${LARGEST_FILE_BYTES} bytes. Store less in it.`,
          { stage: 'store' },
        );
      }
      await replaceFile(this.#path(name), content, () => this.#locks.assertLive(lease));
      this.#notices.changed(key);
      await this.#sweepTemporaries();
      // Whoever writes what passes away also clears away what has passed.
      if (ttlMs !== undefined) await this.#sweepExpired(name, box);
    });
  }

  /**
   * Removes the value; no error where there is none.
   *
   * @param key - The key, any well-formed text.
   * @param options - `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} `store_failed` where it cannot be removed; `lease_lost` with a stale lease
   */
  delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    return this.#attempt('delete from the token store', entryName(key), async (name) => {
      const isThere = await secureDirectory(this.#directory, false);
      await this.#locks.assertLive(options.lease);
      if (!isThere) return;
      if (!(await removeFile(this.#path(name)))) return;
      this.#notices.changed(key);
      await syncDirectory(this.#directory);
    });
  }

  /**
   * The keys that begin with `prefix`. Every file is decrypted for it: its cost grows with their number.
   *
   * @param prefix - What they begin with; empty for all.
   * @returns The keys, in no particular order.
   * @throws {McpOAuthError} as {@link get}; where files are damaged, all of them are set aside first
   */
  async list(prefix: string): Promise<string[]> {
    const box = await this.#attempt('list the token store', undefined, () => this.#box());
    if (box === undefined) return [];
    const names = await this.#attempt('list the token store', undefined, () => this.#entryNames());
    const keys: string[] = [];
    let failure: McpOAuthError | undefined;
    const worker = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        try {
          const entry = await this.#attempt('list the token store', name, (own) => this.#read(own, box));
          if (entry?.key.startsWith(prefix)) keys.push(entry.key);
        } catch (caught) {
          const error = caught as McpOAuthError;
          failure ??= error;
          // A keychain or a cipher that fails for one entry is not asked for all the others.
          if (error.code !== 'store_unreadable') names.length = 0;
        }
      }
    };
    await Promise.all(Array.from({ length: LIST_CONCURRENCY }, worker));
    if (failure !== undefined) throw failure;
    return keys;
  }

  /**
   * Runs `fn` while nobody else who uses the directory holds the lock of `key`, in this process or another. It is not reentrant.
   * The lease's signal aborts with `lease_lost` when the lock is lost.
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
   * Calls `listener` with each change of `key` by any FileTokenStore over this directory in this process. Returns what ends it.
   *
   * @param key - The key, any well-formed text.
   * @param listener - Called without arguments, soon after.
   * @returns Ends it.
   */
  watch(key: string, listener: () => void): () => void {
    return this.#notices.watch(key, listener);
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

  /** What to open files with, or `undefined` where nothing was ever stored. It is made each time: another process may be the first. */
  async #box(): Promise<Box | undefined> {
    if (!(await secureDirectory(this.#directory, false))) return undefined;
    if (this.#cipher !== undefined) {
      let key: Promise<Buffer | undefined> | undefined;
      const ownKey = () => {
        key ??= this.#keys.read();
        return key;
      };
      return cipherBox(this.#cipher, ownKey, this.#directory, this.#clock);
    }
    const key = (await this.#keys.read()) ?? (await this.#keyUnlessLost());
    return key && keyBox(key, this.#directory);
  }

  /** Without a key there are no entries, unless another process created both between the two looks. */
  async #keyUnlessLost(): Promise<Buffer | undefined> {
    const [name] = await this.#entryNames();
    if (name === undefined) return undefined;
    const key = await this.#keys.read();
    if (key !== undefined) return key;
    const entry = await withFile(this.#path(name), async ({ content }) => readEnvelope(content));
    throw typeof entry === 'object' && entry.alg === 'custom'
      ? cipherMissing(this.#directory)
      : keyMissing(this.#directory);
  }

  async #entryNames(): Promise<string[]> {
    const files = await readdir(this.#directory);
    return files.flatMap((file) => ENTRY_FILE.exec(file)?.[1] ?? []);
  }

  /** The entry, unless it is over. A damaged file is set aside and reported. */
  #read(name: string, box: Box): Promise<DatedValue | undefined> {
    const path = this.#path(name);
    return withFile(path, async ({ content, inode }) => {
      const entry = await box.open(content, name);
      if (typeof entry === 'string') {
        throw await setDamagedAside(path, entry, inode);
      }
      if (entry.expiresAt === undefined || entry.expiresAt > this.#clock.now()) return entry;
      // It is over whether it can be removed or not.
      await removeFile(path).catch(() => {});
      return undefined;
    });
  }

  /** Removes entries that are over, among a few that are picked by chance: bounded work, and none lies about for ever. */
  async #sweepExpired(own: string, box: Box): Promise<void> {
    this.#sweepIn -= 1;
    if (this.#sweepIn > 0) return;
    try {
      const names = (await this.#entryNames()).filter((name) => name !== own);
      // To look at a large directory costs something, so it is done more rarely.
      this.#sweepIn = names.length / NAMES_FOR_A_WRITE;
      const start = Math.floor(Math.random() * names.length);
      for (const name of [...names.slice(start), ...names.slice(0, start)].slice(0, SWEPT_AT_A_TIME)) {
        const path = this.#path(name);
        // Damage is reported to whoever asks for that entry, not here.
        const entry = await withFile(path, ({ content }) => box.open(content, name)).catch(() => undefined);
        if (typeof entry !== 'object' || entry.expiresAt === undefined || entry.expiresAt > this.#clock.now()) continue;
        await this.#order.run(name, async () => void (await this.#read(name, box)));
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
      await removeStaleTemporaries(this.#directory, this.#clock.now());
    } catch {
      // It is housekeeping: the value is written, and the next process tries again.
    }
  }
}

function invalid(what: string): McpOAuthError {
  return new McpOAuthError('invalid_options', `FileTokenStore ${what}.`, { stage: 'configuration' });
}
