import type { Clock } from '../clock.js';
import { abortError, McpOAuthError, type Stage } from '../errors.js';

/** How a waiter may end its wait. */
export interface Waiter {
  /** The caller's own signals: when one aborts, the wait ends and the waiter leaves. */
  readonly signals?: readonly (AbortSignal | undefined)[];
  /** The caller gave up without cancelling (its request timer ran out): its wait ends, the task goes on. */
  readonly abandoned?: AbortSignal | undefined;
}

/** How long cancelled work may take to end by itself, in ms; then those who wait are let go all the same. */
const GRACE_MS = 1_000;

/**
 * Work that several callers wait for and that ends with the last of them.
 * It starts with the first `join` and settles once, for everyone.
 */
export class SharedTask<T> {
  readonly #controller = new AbortController();
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #run: (signal: AbortSignal) => Promise<T>;
  /** What to do when a signal aborts. Many callers share one signal, and it gets one listener. */
  readonly #onAbort = new Map<AbortSignal, Set<() => void>>();
  readonly #holders = new Set<AbortSignal>();
  #result: Promise<T> | undefined;
  #waiters = 0;
  #settled = false;

  constructor(stage: Stage, clock: Clock, run: (signal: AbortSignal) => Promise<T>) {
    this.#stage = stage;
    this.#clock = clock;
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
    this.#listen(signal, () => this.#leave());
  }

  /** Waits for the result. Rejects with `aborted` when one of the caller's signals aborts first. */
  join(waiter: Waiter = {}): Promise<T> {
    const { abandoned } = waiter;
    const signals = (waiter.signals ?? []).filter((signal) => signal !== undefined);
    const gone = [...signals, abandoned].find((signal) => signal?.aborted);
    if (gone) return Promise.reject(abortError(gone, this.#stage));
    this.#waiters += 1;
    return new Promise<T>((resolve, reject) => {
      let left = false;
      for (const signal of signals) {
        this.#listen(signal, () => {
          if (left) return;
          left = true;
          reject(abortError(signal, this.#stage));
          this.#leave();
        });
      }
      // Its own signals are listened to all the same: who gave up may still cancel.
      if (abandoned) this.#listen(abandoned, () => reject(abortError(abandoned, this.#stage)));
      this.#start().then(resolve, reject);
    });
  }

  #start(): Promise<T> {
    this.#result ??= this.#runBounded();
    return this.#result;
  }

  async #runBounded(): Promise<T> {
    const { signal } = this.#controller;
    let stopGrace: (() => void) | undefined;
    // Work may wait for something that never answers, a store or a function of the application.
    const deaf = new Promise<never>((_, reject) => {
      this.#listen(signal, () => {
        stopGrace = this.#clock.schedule(GRACE_MS, () => reject(abortError(signal, this.#stage)), { keepAlive: true });
      });
    });
    try {
      return await Promise.race([this.#run(signal), deaf]);
    } finally {
      this.#settled = true;
      stopGrace?.();
      for (const each of this.#onAbort.keys()) each.removeEventListener('abort', this.#dispatch);
      this.#onAbort.clear();
    }
  }

  #listen(signal: AbortSignal, fn: () => void): void {
    const listeners = this.#onAbort.get(signal);
    if (listeners !== undefined) {
      listeners.add(fn);
      return;
    }
    this.#onAbort.set(signal, new Set([fn]));
    signal.addEventListener('abort', this.#dispatch, { once: true });
  }

  readonly #dispatch = (event: Event): void => {
    for (const fn of this.#onAbort.get(event.target as AbortSignal) ?? []) fn();
  };

  #leave(): void {
    this.#waiters -= 1;
    if (this.#waiters > 0) return;
    const message = 'Everyone who waited for the sign-in has left, so it was cancelled.';
    this.cancel(new McpOAuthError('aborted', message, { stage: this.#stage }));
  }
}
