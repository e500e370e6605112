import { abortError, McpOAuthError, type Stage } from '../errors.js';

/** How a waiter may end its wait. */
export interface Waiter {
  /** The caller's own signals: when one aborts, the wait ends and the waiter leaves. */
  readonly signals?: readonly (AbortSignal | undefined)[];
  /** The caller gave up without cancelling (its request timer ran out): its wait ends, the task goes on. */
  readonly abandoned?: AbortSignal | undefined;
}

/**
 * Work that several callers wait for and that ends with the last of them.
 * It starts with the first `join` and settles once, for everyone.
 */
export class SharedTask<T> {
  readonly #controller = new AbortController();
  readonly #run: (signal: AbortSignal) => Promise<T>;
  readonly #stage: Stage;
  #result: Promise<T> | undefined;
  /** Of the signals that keep the work alive; many callers share one, and it gets one listener. */
  readonly #holders = new Set<AbortSignal>();
  #waiters = 0;
  #settled = false;

  constructor(stage: Stage, run: (signal: AbortSignal) => Promise<T>) {
    this.#stage = stage;
    this.#run = run;
  }

  /** Whether joining still makes sense: begun, not settled and not cancelled. */
  get active(): boolean {
    return this.#result !== undefined && !this.#settled && !this.#controller.signal.aborted;
  }

  /** Resolves when the work is over, whichever way; at once where it has not begun. */
  async settled(): Promise<void> {
    await this.#result?.catch(() => undefined);
  }

  /** Ends the work; everyone who waits gets `reason`. */
  cancel(reason: McpOAuthError): void {
    if (!this.#settled) this.#controller.abort(reason);
  }

  /** Keeps work that has begun alive, without waiting for it, until `signal` aborts. */
  hold(signal: AbortSignal): void {
    if (!this.active || signal.aborted || this.#holders.has(signal)) return;
    this.#holders.add(signal);
    this.#waiters += 1;
    const onAbort = () => this.#leave();
    signal.addEventListener('abort', onAbort, { once: true });
    const forget = () => signal.removeEventListener('abort', onAbort);
    this.#start().then(forget, forget);
  }

  /** Waits for the result. Rejects with `aborted` when one of the caller's signals aborts first. */
  join(waiter: Waiter = {}): Promise<T> {
    const signals = (waiter.signals ?? []).filter((signal) => signal !== undefined);
    const gone = [...signals, waiter.abandoned].find((signal) => signal?.aborted);
    if (gone) return Promise.reject(abortError(gone, this.#stage));
    this.#waiters += 1;
    return new Promise<T>((resolve, reject) => {
      const cleanups: (() => void)[] = [];
      const settle = (finish: () => void) => {
        for (const cleanup of cleanups) cleanup();
        finish();
      };
      const endOn = (signal: AbortSignal, leaves: boolean) => {
        const onAbort = () => {
          settle(() => reject(abortError(signal, this.#stage)));
          if (leaves) this.#leave();
        };
        signal.addEventListener('abort', onAbort, { once: true });
        cleanups.push(() => signal.removeEventListener('abort', onAbort));
      };
      for (const signal of signals) endOn(signal, true);
      if (waiter.abandoned) endOn(waiter.abandoned, false);
      this.#start().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  #start(): Promise<T> {
    this.#result ??= this.#run(this.#controller.signal).finally(() => {
      this.#settled = true;
    });
    return this.#result;
  }

  #leave(): void {
    this.#waiters -= 1;
    if (this.#waiters === 0) {
      this.cancel(
        new McpOAuthError('aborted', 'Everyone who waited for the sign-in has left, so it was cancelled.', {
          stage: this.#stage,
        }),
      );
    }
  }
}
