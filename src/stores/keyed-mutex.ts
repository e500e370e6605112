import type { Clock } from '../clock.js';
import { abortError, McpOAuthError } from '../errors.js';
import type { Lease, LockOptions } from './token-store.js';

/** How long {@link KeyedMutex.run} waits for a lock where no `timeoutMs` is given, in ms. */
export const DEFAULT_LOCK_TIMEOUT_MS = 30_000;

/**
 * One lock for each key, within one process, in the order of the calls.
 * It is not reentrant: asking for a key inside its own lock ends in `lock_timeout`.
 */
export class KeyedMutex {
  readonly #clock: Clock;
  /** A key is present while its lock is held; the array holds those who wait for it. */
  readonly #queues = new Map<string, (() => void)[]>();
  readonly #live = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `fn` while nobody else holds the lock of `key`.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal; both only before `fn` was called
   */
  async run<T>(key: string, fn: (lease: Lease) => Promise<T>, options: LockOptions = {}): Promise<T> {
    await this.#acquire(key, options);
    const token = crypto.randomUUID();
    this.#live.add(token);
    try {
      return await fn({ token, signal: new AbortController().signal });
    } finally {
      this.#live.delete(token);
      this.#release(key);
    }
  }

  /** Refuses a lease whose lock is no longer held, with `lease_lost`. Without a lease there is nothing to refuse. */
  assertLive(lease: Lease | undefined): void {
    if (lease === undefined || (!lease.signal.aborted && this.#live.has(lease.token))) return;
    throw leaseLost();
  }

  #acquire(key: string, { signal, timeoutMs = DEFAULT_LOCK_TIMEOUT_MS }: LockOptions): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortError(signal, 'store'));
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, []);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const enter = () => {
        settle();
        resolve();
      };
      const leave = (error: McpOAuthError) => {
        settle();
        const index = queue.indexOf(enter);
        if (index >= 0) queue.splice(index, 1);
        reject(error);
      };
      const onAbort = () => signal && leave(abortError(signal, 'store'));
      const cancel = this.#clock.schedule(timeoutMs, () => leave(lockTimeout(timeoutMs)), { keepAlive: true });
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.push(enter);
    });
  }

  #release(key: string): void {
    const next = this.#queues.get(key)?.shift();
    if (next === undefined) this.#queues.delete(key);
    else next();
  }
}

/** The lock of a lease is not held, or no longer. */
export function leaseLost(): McpOAuthError {
  return new McpOAuthError(
    'lease_lost',
    'The lock that guarded this write is no longer held, so nothing was written. Take the lock again and read the value anew.',
    { stage: 'store' },
  );
}

/** The wait for a lock took longer than its bound. */
export function lockTimeout(timeoutMs: number): McpOAuthError {
  return new McpOAuthError(
    'lock_timeout',
    `Another holder kept the lock for longer than ${timeoutMs} ms. Try again; raise the lock timeout if the work it guards takes that long.`,
    { stage: 'store' },
  );
}
