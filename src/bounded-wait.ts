import type { Clock } from './clock.js';
import { abortError, type Stage } from './errors.js';

/** The bound of {@link answerWithin}. */
export interface AnswerBound {
  readonly clock: Clock;
  /** In ms. */
  readonly timeoutMs: number;
  /** The error of an answer that did not come in time. */
  readonly late: () => Error;
}

/**
 * Waits for code that may never answer, but not longer than the bound. What was asked goes on unobserved then.
 * The timer keeps the process alive: whoever waits is told how it ended.
 */
export function answerWithin<T>(answer: PromiseLike<T>, { clock, timeoutMs, late }: AnswerBound): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.schedule(timeoutMs, () => reject(late()), { keepAlive: true });
    answer.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

/**
 * Waits for `answer`, but not longer than until the signal aborts. What was asked goes on unobserved then.
 *
 * @throws McpOAuthError of the signal, at `stage`
 */
export async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined, stage: Stage): Promise<T> {
  if (signal === undefined) return answer;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal, stage));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([aborted, answer]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Waits for `answer`, but not longer than until `graceMs` (ms) after the signal aborted: what is only slow comes to its end.
 *
 * @throws McpOAuthError of the signal, at `stage`
 */
export async function untilOverdue<T>(
  answer: Promise<T>,
  signal: AbortSignal,
  stage: Stage,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<T> {
  const overdue = new AbortController();
  let cancel = () => {};
  const onAbort = () => {
    cancel = clock.schedule(graceMs, () => overdue.abort(signal.reason), { keepAlive: true });
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await untilAborted(answer, overdue.signal, stage);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Waits for `work`, but not longer than `timeoutMs`. Its outcome does not matter, and what was waited for goes on. The timer does not
 * keep the process alive by itself unless `keepAlive`.
 */
export function atMost(
  clock: Clock,
  timeoutMs: number,
  work: Promise<unknown>,
  options?: { keepAlive?: boolean },
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(timeoutMs, resolve, options);
    const settled = () => {
      cancel();
      resolve();
    };
    work.then(settled, settled);
  });
}
