import type { Clock } from '../clock.js';
import { abortError, McpOAuthError, type Stage } from '../errors.js';
import { withinBounds } from '../http/index.js';

type Listener = (signal: AbortSignal) => void;

/**
 * Waits that signals can end. However many calls share a signal, it carries one listener of ours, and none once they are over:
 * signals live longer than calls, `AbortSignal.any` piles up on them, and Node warns of more than ten listeners.
 */
export class Waits {
  readonly #waiting = new Map<AbortSignal, Set<Listener>>();

  /** Waits for `promise`, but not longer than until one of the signals aborts. What was waited for goes on. */
  until<T>(promise: Promise<T>, stage: Stage, ...signals: (AbortSignal | undefined)[]): Promise<T> {
    const over = signals.find((signal) => signal?.aborted === true);
    if (over !== undefined) {
      // What was waited for goes on unobserved: its failure is no longer anyone's.
      promise.catch(() => {});
      return Promise.reject(abortError(over, stage));
    }
    return new Promise((resolve, reject) => {
      const listener: Listener = (signal) => {
        leave();
        reject(abortError(signal, stage));
      };
      const leave = () => {
        for (const signal of signals) this.#leave(signal, listener);
      };
      for (const signal of signals) this.#enter(signal, listener);
      promise.then(resolve, reject).finally(leave);
    });
  }

  #enter(signal: AbortSignal | undefined, listener: Listener): void {
    if (signal === undefined) return;
    const listeners = this.#waiting.get(signal);
    if (listeners !== undefined) {
      listeners.add(listener);
      return;
    }
    this.#waiting.set(signal, new Set([listener]));
    signal.addEventListener('abort', this.#onAbort);
  }

  #leave(signal: AbortSignal | undefined, listener: Listener): void {
    const listeners = signal && this.#waiting.get(signal);
    if (signal === undefined || listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#waiting.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (event: Event): void => {
    const signal = event.target as AbortSignal;
    for (const listener of [...(this.#waiting.get(signal) ?? [])]) listener(signal);
  };
}

/**
 * Runs `fn` with a signal that aborts with the first of `signals` or after `timeoutMs`, and stops waiting for it then,
 * whether `fn` obeys the signal or not.
 */
export function bounded<T>(
  fn: (signal: AbortSignal) => Promise<T>,
  options: { clock: Clock; timeoutMs: number; stage: Stage; signals: readonly (AbortSignal | undefined)[] },
): Promise<T> {
  const late = () => timedOut(options.timeoutMs, options.stage);
  return withinBounds({ ...options, late, keepAlive: true }, ({ signal, race }) => race(fn(signal)));
}

function timedOut(timeoutMs: number, stage: Stage): McpOAuthError {
  return new McpOAuthError(
    'timeout',
    `The authorization server did not answer a refresh within ${timeoutMs} ms. Nothing was lost; try again.`,
    { stage },
  );
}
