import type { Clock } from '../clock.js';
import { abortError, McpOAuthError, type Stage } from '../errors.js';

/**
 * Waits for `promise`, but not longer than until one of the signals aborts. What was waited for goes on.
 * The listeners are removed in every case: signals live longer than calls, and `AbortSignal.any` would pile up on them.
 */
export function waitFor<T>(promise: Promise<T>, stage: Stage, ...signals: (AbortSignal | undefined)[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const unlisten = onAbort(signals, (signal) => reject(abortError(signal, stage)));
    promise.then(resolve, reject).finally(unlisten);
  });
}

/**
 * Runs `fn` with a signal that aborts with the first of `signals` or after `timeoutMs`, and stops waiting for it then,
 * whether `fn` obeys the signal or not.
 */
export async function bounded<T>(
  fn: (signal: AbortSignal) => Promise<T>,
  options: { clock: Clock; timeoutMs: number; stage: Stage; signals: readonly (AbortSignal | undefined)[] },
): Promise<T> {
  const { clock, timeoutMs, stage, signals } = options;
  const controller = new AbortController();
  const unlisten = onAbort(signals, (signal) => controller.abort(abortError(signal, stage)));
  const cancel = clock.schedule(timeoutMs, () => controller.abort(timedOut(timeoutMs, stage)), { keepAlive: true });
  try {
    controller.signal.throwIfAborted();
    return await waitFor(fn(controller.signal), stage, controller.signal);
  } finally {
    cancel();
    unlisten();
  }
}

function onAbort(signals: readonly (AbortSignal | undefined)[], fn: (signal: AbortSignal) => void): () => void {
  const removers: (() => void)[] = [];
  for (const signal of signals) {
    if (signal === undefined) continue;
    if (signal.aborted) {
      fn(signal);
      break;
    }
    const listener = () => fn(signal);
    signal.addEventListener('abort', listener, { once: true });
    removers.push(() => signal.removeEventListener('abort', listener));
  }
  return () => {
    for (const remove of removers) remove();
  };
}

function timedOut(timeoutMs: number, stage: Stage): McpOAuthError {
  return new McpOAuthError(
    'timeout',
    `The authorization server did not answer a refresh within ${timeoutMs} ms. Nothing was lost; try again.`,
    { stage },
  );
}
