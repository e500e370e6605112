import { type Clock, delay } from '../clock.js';
import { abortError } from '../errors.js';
import { DEFAULT_LOCK_TIMEOUT_MS, KeyedMutex, leaseLost, lockTimeout } from './keyed-mutex.js';
import type { RedisConnection } from './redis-client.js';
import { redisSilence } from './redis-error.js';
import { type RedisNames, redisNames } from './redis-key.js';
import { FENCE_LIFETIMES, type Hold, LOCKING, tryHold } from './redis-lock-hold.js';
import { HOLDS, WRITE, WRITE_FENCED, WRITE_LOCKED } from './redis-scripts.js';
import type { Lease, LockOptions } from './token-store.js';

/** The pauses between two looks at a lock that is held, in ms. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
const PAUSE_GROWTH = 1.5;

/** Options of {@link RedisLock}. */
export interface RedisLockOptions {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly clock: Clock;
  /** How long a lock outlives a holder that died, in ms. */
  readonly ttlMs: number;
}

/** What is written at a name; the empty text removes it. `ttlMs`: its lifetime in whole ms, 0 for none. */
export interface RedisWrite {
  readonly action: string;
  readonly names: RedisNames;
  readonly text: string;
  readonly ttlMs: number;
}

/** One lock for each key among all that use the prefix of a Redis, and the writes that it guards. Within this object the order is that of the calls. */
export class RedisLock {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** Those who share this object wait here, without asking Redis. */
  readonly #order: KeyedMutex;
  readonly #holds = new Map<string, Hold>();

  constructor(options: RedisLockOptions) {
    this.#connection = options.connection;
    this.#prefix = options.prefix;
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
    this.#order = new KeyedMutex(options.clock);
  }

  /**
   * Runs `fn` while nobody else holds the lock of `key`. The lease's signal aborts when the lock is lost.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed` where Redis cannot be asked;
   * all only before `fn` was called
   */
  run<T>(key: string, fn: (lease: Lease) => Promise<T>, options: LockOptions = {}): Promise<T> {
    const { signal, timeoutMs = DEFAULT_LOCK_TIMEOUT_MS } = options;
    const began = this.#clock.now();
    const calledAt = performance.now();
    return this.#order.run(
      key,
      async ({ token }) => {
        // Whoever waited while Redis was asked in vain need not ask again: many that wait would add up their bounds.
        if (this.#connection.isSilentSince(calledAt)) throw redisSilence(LOCKING, this.#connection.timeoutMs);
        const leftMs = Math.max(0, timeoutMs - Math.max(0, this.#clock.now() - began));
        const hold = await this.#acquire(redisNames(this.#prefix, key), token, { signal, timeoutMs, leftMs });
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

  /**
   * Writes. With a lease of the value's own lock, lock and value are looked at and changed in one step: a holder that stood still
   * until another one took over writes nothing. With a lease of another key's lock that is asked first, and the write is refused
   * where a later holder of that lock has written the value: the two may lie on different machines.
   * @throws {McpOAuthError} `lease_lost`, `store_failed`
   */
  async write(write: RedisWrite, lease: Lease | undefined): Promise<void> {
    const { action, names, text } = write;
    const content = [text, String(write.ttlMs)];
    if (lease === undefined) {
      await this.#connection.eval(action, WRITE, [names.value], content);
      return;
    }
    const hold = this.#live(lease);
    if (hold.names.value === names.value) {
      const done = await this.#connection.eval(
        action,
        WRITE_LOCKED,
        [names.value, names.lock],
        [...content, hold.token],
      );
      return this.#assertDone(hold, done);
    }
    this.#assertDone(hold, await this.#connection.eval(action, HOLDS, [hold.names.lock], [hold.token]));
    this.#live(lease);
    const fencing = [hold.names.lock, hold.fence, String(this.#ttlMs * FENCE_LIFETIMES)];
    const done = await this.#connection.eval(action, WRITE_FENCED, [names.value, names.mark], [...content, ...fencing]);
    this.#assertDone(hold, done);
  }

  #live(lease: Lease): Hold {
    const hold = this.#holds.get(lease.token);
    if (hold === undefined || !hold.isConfirmed()) throw leaseLost();
    return hold;
  }

  #assertDone(hold: Hold, reply: unknown): void {
    if (Number(reply) === 1) return;
    hold.lose();
    throw leaseLost();
  }

  async #acquire(
    names: RedisNames,
    token: string,
    { signal, timeoutMs, leftMs }: { signal: AbortSignal | undefined; timeoutMs: number; leftMs: number },
  ): Promise<Hold> {
    const wait = new AbortController();
    const onAbort = () => signal && wait.abort(abortError(signal, 'store'));
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const cancel = this.#clock.schedule(leftMs, () => wait.abort(lockTimeout(timeoutMs)), { keepAlive: true });
    try {
      return await this.#poll(names, token, wait.signal);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #poll(names: RedisNames, token: string, wait: AbortSignal): Promise<Hold> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * PAUSE_GROWTH, LONGEST_PAUSE_MS)) {
      const hold = await tryHold(this.#connection, names, { token, ttlMs: this.#ttlMs, signal: wait });
      if (hold?.isConfirmed()) return hold;
      await hold?.release();
      // By chance, so that those who wait do not all ask at the same moment.
      await delay(this.#clock, pauseMs * (0.5 + Math.random()), wait);
    }
  }
}
