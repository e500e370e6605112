import type { Clock } from '../clock.js';
import { abortError, McpOAuthError, type Stage } from '../errors.js';

const MAX_BODY_BYTES = 1_048_576;

/** What limits one exchange: every wait in it ends with its signal. */
export interface Bounds {
  /** Aborts with a {@link McpOAuthError}: `timeout`, or `aborted` where a caller's signal did it. */
  readonly signal: AbortSignal;
  /** Waits for `promise`, but no longer than the bounds allow, even where what is behind it ignores the signal. */
  race<T>(promise: Promise<T>): Promise<T>;
}

/** Runs `work` within a total time and the callers' signals; its timer and listeners are gone when it is over. */
export async function withinBounds<T>(
  options: {
    timeoutMs: number;
    signals: readonly (AbortSignal | undefined)[];
    clock: Clock;
    stage: Stage;
    what: string;
  },
  work: (bounds: Bounds) => Promise<T>,
): Promise<T> {
  const { timeoutMs, clock, stage } = options;
  const signals = options.signals.filter((signal) => signal !== undefined);
  const controller = new AbortController();
  const { promise: ended, reject } = deferred();
  const end = (error: McpOAuthError) => {
    reject(error);
    controller.abort(error);
  };
  const onAbort = (event: Event) => end(abortError(event.target as AbortSignal, stage));
  const cancelTimer = clock.schedule(timeoutMs, () =>
    end(
      new McpOAuthError('timeout', `No complete answer from ${options.what} within ${timeoutMs} ms. Try again later.`, {
        stage,
      }),
    ),
  );
  try {
    for (const signal of signals) {
      if (signal.aborted) throw abortError(signal, stage);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    const race = <R>(promise: Promise<R>) => Promise.race([promise, ended]);
    return await work({ signal: controller.signal, race });
  } finally {
    cancelTimer();
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}

/** A promise that only ever rejects, and whose rejection nobody has to observe. */
function deferred(): { promise: Promise<never>; reject: (error: McpOAuthError) => void } {
  let reject: (error: McpOAuthError) => void = () => {};
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, reject };
}

/**
 * Reads a body into memory, at most 1 MiB after decompression.
 *
 * @throws {@link McpOAuthError} `response_too_large`, and what the bounds throw.
 */
export async function readBody(
  response: Response,
  bounds: Bounds,
  stage: Stage,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array();
  // Some implementations of fetch have bodies of their own kind.
  if (typeof response.body?.getReader !== 'function') {
    const bytes = new Uint8Array(await bounds.race(response.arrayBuffer()));
    if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge(stage, what);
    return bytes;
  }
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await bounds.race(reader.read());
      if (done) break;
      size += value.byteLength;
      if (size > MAX_BODY_BYTES) throw tooLarge(stage, what);
      chunks.push(value);
    }
  } catch (error) {
    // Not awaited: a stream that does not end may not end its cancellation either.
    reader.cancel().catch(() => {});
    throw error;
  }
  return concatenate(chunks, size);
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function tooLarge(stage: Stage, what: string): McpOAuthError {
  return new McpOAuthError(
    'response_too_large',
    `The answer of ${what} is larger than 1 MiB. Ask its operator about it.`,
    {
      stage,
    },
  );
}
