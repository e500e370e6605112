import { join } from 'node:path';
import { type Clock, delay } from '../clock.js';
import { abortError } from '../errors.js';
import { removeFile, secureDirectory } from './file-access.js';
import { entryName } from './file-envelope.js';
import { fileFailure } from './file-error.js';
import { type Hold, modifiedAt, tryHold } from './file-lock-hold.js';
import { DEFAULT_LOCK_TIMEOUT_MS, KeyedMutex, leaseLost, lockTimeout } from './keyed-mutex.js';
import type { Lease, LockOptions } from './token-store.js';

/** A lock file that nobody has kept fresh for so long was left by a process that died. In ms. */
const STALE_MS = 10_000;
/** How often a holder keeps its lock file fresh, in ms. */
const UPDATE_MS = 2_500;
/** How long a waiter watches a stale lock file: after the machine slept, a live holder gets to keep it fresh again. In ms. */
const WATCH_MS = 1_000;
/** The pauses between two looks at a lock file that is held, in ms. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;

/** Options of {@link FileLock}; the times are there for tests. */
export interface FileLockOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly staleMs?: number;
  readonly updateMs?: number;
}

/**
 * One lock for each key among all objects and processes that use the directory: a lock file `<hash>.lock` beside the entry.
 * Within this object the order is that of the calls. It is not reentrant.
 */
export class FileLock {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #staleMs: number;
  readonly #updateMs: number;
  /** Those who share this object wait here, without looking at the disk. */
  readonly #order: KeyedMutex;
  readonly #holds = new Map<string, Hold>();

  constructor(options: FileLockOptions) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#staleMs = options.staleMs ?? STALE_MS;
    this.#updateMs = options.updateMs ?? UPDATE_MS;
    this.#order = new KeyedMutex(options.clock);
  }

  /**
   * Runs `fn` while nobody else holds the lock of `key`. The lease's signal aborts when the lock is lost.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed` where the lock file cannot
   * be written; all only before `fn` was called
   */
  run<T>(key: string, fn: (lease: Lease) => Promise<T>, options: LockOptions = {}): Promise<T> {
    const { signal, timeoutMs = DEFAULT_LOCK_TIMEOUT_MS } = options;
    const began = this.#clock.now();
    return this.#order.run(
      key,
      async ({ token }) => {
        const leftMs = Math.max(0, timeoutMs - Math.max(0, this.#clock.now() - began));
        const hold = await this.#acquire(join(this.#directory, `${entryName(key)}.lock`), signal, timeoutMs, leftMs);
        this.#holds.set(token, hold);
        try {
          return await fn({ token, signal: hold.signal });
        } finally {
          this.#holds.delete(token);
          await hold.release();
        }
      },
      options,
    );
  }

  /** Refuses a lease whose lock is no longer held, with `lease_lost`. Without a lease there is nothing to refuse. */
  async assertLive(lease: Lease | undefined): Promise<void> {
    if (lease === undefined) return;
    const hold = this.#holds.get(lease.token);
    // The second look: the lock may have been released while the disk was asked.
    if (hold === undefined || !(await hold.check()) || !this.#holds.has(lease.token)) throw leaseLost();
  }

  async #acquire(path: string, signal: AbortSignal | undefined, timeoutMs: number, leftMs: number): Promise<Hold> {
    const wait = new AbortController();
    const onAbort = () => signal && wait.abort(abortError(signal, 'store'));
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const cancel = this.#clock.schedule(leftMs, () => wait.abort(lockTimeout(timeoutMs)), { keepAlive: true });
    try {
      await secureDirectory(this.#directory, true);
      return await this.#poll(path, wait.signal);
    } catch (error) {
      throw fileFailure(error, `lock the token store in ${this.#directory}`);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #poll(path: string, wait: AbortSignal): Promise<Hold> {
    let watchedMs = 0;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const hold = await tryHold(path, this.#updateMs);
      if (hold !== undefined) {
        if (!wait.aborted) return hold;
        await hold.release();
        throw wait.reason;
      }
      const stale = await this.#isStale(path);
      if (stale && watchedMs >= WATCH_MS && (await this.#removeStale(path))) continue;
      // By chance, so that those who wait do not all look at the same moment.
      const ownPauseMs = pauseMs * (0.5 + Math.random());
      await delay(this.#clock, ownPauseMs, wait);
      // What was slept through does not count: the pauses are added up, not the time.
      watchedMs = stale ? watchedMs + ownPauseMs : 0;
    }
  }

  /** File times are the machine's, whatever clock the store has. */
  async #isStale(path: string): Promise<boolean> {
    const modified = await modifiedAt(path);
    return modified !== undefined && modified < Date.now() - this.#staleMs;
  }

  /** Removes the lock file of a holder that died. One at a time, so that nobody removes the one that took its place. */
  async #removeStale(path: string): Promise<boolean> {
    const guardPath = `${path}.takeover`;
    const guard = await tryHold(guardPath, this.#updateMs);
    if (guard === undefined) {
      // Whoever was at it died as well.
      if (await this.#isStale(guardPath)) await removeFile(guardPath);
      return false;
    }
    try {
      if (!(await this.#isStale(path))) return false;
      await removeFile(path);
      return true;
    } finally {
      await guard.release();
    }
  }
}
