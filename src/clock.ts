/** Time as the library sees it, so that tests can replace it. */
export interface Clock {
  /**
   * Milliseconds since the epoch.
   *
   * @returns A number that a person may set back.
   */
  now(): number;
  /**
   * Calls `fn` once after `ms` milliseconds and returns a function that cancels it. It never keeps the process alive by itself unless `keepAlive`.
   *
   * @param ms - How long from now, in ms.
   * @param fn - Called once, later and never at once.
   * @param options - `keepAlive`: whether the process is kept alive for it.
   * @returns Cancels it; harmless when it is over.
   */
  schedule(ms: number, fn: () => void, options?: { keepAlive?: boolean }): () => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(ms, fn, options) {
    const timer: unknown = setTimeout(fn, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
    // In a browser the handle is a number and there is nothing to unref.
    if (options?.keepAlive !== true && hasUnref(timer)) timer.unref();
    return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
  },
};

function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer;
}

/** Waits `ms` milliseconds on `clock`; rejects with the signal's reason when it aborts first. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(
      ms,
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      { keepAlive: true },
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
