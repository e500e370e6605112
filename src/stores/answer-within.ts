import type { Clock } from '../clock.js';
import { abortError } from '../errors.js';

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

/** Waits for `answer`, but not longer than until the signal aborts. */
export async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal, 'store'));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
