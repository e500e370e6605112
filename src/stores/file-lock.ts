import { join } from 'node:path';
import { type Clock, delay } from '../clock.js';
import { abortError } from '../errors.js';
import { removeFile, secureDirectory } from './file-access.js';
import { entryName } from './file-envelope.js';
import { fileFailure } from './file-error.js';
import { type FoundLock, type Hold, readLock, tryHold } from './file-lock-hold.js';
import { type Holder, patienceWith, thisHolder } from './file-lock-holder.js';
import { DEFAULT_LOCK_TIMEOUT_MS, KeyedMutex, leaseLost, lockTimeout } from './keyed-mutex.js';
import type { Lease, LockOptions } from './token-store.js';

/** A lock file of another machine that nobody has kept fresh for so long was left by a process that died. In ms. */
const STALE_MS = 10_000;
/** How often a holder keeps its lock file fresh, in ms. */
const UPDATE_MS = 2_500;
/** How long a waiter must have seen a lock file unchanged before its age counts, as a multiple of the above. */
const WATCHED_BEATS = 1.2;
/** The pauses between two looks at a lock file that is held, in ms. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;

/** Options of {@link FileLock}; the times and the holder are there for tests. */
export interface FileLockOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly staleMs?: number;
  readonly updateMs?: number;
  readonly holder?: Holder;
}

/**
 * One lock for each key among all objects and processes that use the directory: a lock file `<hash>.lock` beside the entry, which
 * says who holds it. Within this object the order is that of the calls. It is not reentrant.
 *
 * A holder on this machine is judged by its process: one that is gone is taken over at once, one that lives never, however long it
 * stands still. Where that cannot be seen (another machine or container) it is judged by whether it keeps the file fresh.
 */
export class FileLock {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #staleMs: number;
  readonly #updateMs: number;
  readonly #holder: Holder;
  /** Those who share this object wait here, without looking at the disk. */
  readonly #order: KeyedMutex;
  readonly #holds = new Map<string, Hold>();

  constructor(options: FileLockOptions) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#staleMs = options.staleMs ?? STALE_MS;
    this.#updateMs = options.updateMs ?? UPDATE_MS;
    this.#holder = options.holder ?? thisHolder();
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
    const watch = new Watch();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const hold = await tryHold(path, this.#holder, this.#updateMs);
      if (hold !== undefined) {
        if (!wait.aborted) return hold;
        await hold.release();
        throw wait.reason;
      }
      if (!(await this.#takeAway(path, watch))) await watch.pause(this.#clock, pauseMs, wait);
    }
  }

  /**
   * Removes the lock file of a holder that is dead. Whoever does so holds a guard, which is a lock like any other: so the file that was
   * judged is still the one that is removed, and a taker that dies at it is taken over in the same way.
   * @returns whether it was removed
   */
  async #takeAway(path: string, watch: Watch): Promise<boolean> {
    const found = await readLock(path);
    if (found === undefined || !(await this.#isDead(found, watch.silenceOf(path, found.state)))) return false;
    const guardPath = `${path}.takeover`;
    const guard = await tryHold(guardPath, this.#holder, this.#updateMs);
    if (guard === undefined) {
      await this.#takeAway(guardPath, watch);
      return false;
    }
    try {
      const unchanged = (await readLock(path))?.state === found.state;
      return unchanged && (await guard.check()) && (await removeFile(path));
    } finally {
      await guard.release();
    }
  }

  /** File times are the machine's, whatever clock the store has. One in the future is no sign of life: a clock was set back. */
  async #isDead({ holder, isForeign, freshAt }: FoundLock, silentMs: number): Promise<boolean> {
    if (isForeign) return true;
    const patienceMs = await patienceWith(holder, this.#holder, this.#staleMs);
    if (patienceMs === 0) return true;
    return silentMs >= this.#updateMs * WATCHED_BEATS && Math.abs(Date.now() - freshAt) >= patienceMs;
  }
}

/**
 * How long one waiter saw lock files unchanged. Its pauses are added up: what a machine slept through does not count, and after it a live
 * holder gets the time to show that it lives.
 */
class Watch {
  #watchedMs = 0;
  readonly #seen = new Map<string, { state: string; since: number }>();

  silenceOf(path: string, state: string): number {
    const seen = this.#seen.get(path);
    if (seen?.state === state) return this.#watchedMs - seen.since;
    this.#seen.set(path, { state, since: this.#watchedMs });
    return 0;
  }

  /** By chance, so that those who wait do not all look at the same moment. */
  async pause(clock: Clock, aboutMs: number, wait: AbortSignal): Promise<void> {
    const ms = aboutMs * (0.5 + Math.random());
    await delay(clock, ms, wait);
    this.#watchedMs += ms;
  }
}
