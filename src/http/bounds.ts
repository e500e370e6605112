import type { Clock } from '../clock.js';
import { abortError, McpOAuthError, type Stage } from '../errors.js';

const MAX_BODY_BYTES = 1_048_576;
/** As large as most answers are. */
const SMALL_BODY_BYTES = 4_096;

/** What limits one exchange: every wait in it ends with its signal. */
export interface Bounds {
  /** Aborts with a {@link McpOAuthError}: `timeout`, or `aborted` where a caller's signal did it. */
  readonly signal: AbortSignal;
  /** Waits for `promise`, but no longer than the bounds allow, even where what is behind it ignores the signal. */
  race<T>(promise: Promise<T>): Promise<T>;
}

/** Who is waited for, or the error of a time that is over in words of one's own. */
type Late = { readonly what: string } | { readonly late: () => McpOAuthError };

/** Runs `work` within a total time and the callers' signals; its timer and listeners are gone when it is over. */
export async function withinBounds<T>(
  options: {
    timeoutMs: number;
    signals: readonly (AbortSignal | undefined)[];
    clock: Clock;
    stage: Stage;
    /** Whether the process stays alive for the end of the time. */
    keepAlive?: boolean;
  } & Late,
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
  const late = 'late' in options ? options.late : () => noAnswer(options.what, timeoutMs, stage);
  const cancelTimer = clock.schedule(timeoutMs, () => end(late()), { keepAlive: options.keepAlive === true });
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

function noAnswer(what: string, timeoutMs: number, stage: Stage): McpOAuthError {
  return new McpOAuthError('timeout', `No complete answer from ${what} within ${timeoutMs} ms. Try again later.`, {
    stage,
  });
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
 * Reads a body into memory, at most 1 MiB after decompression, and no further than that.
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
  const source = sourceOf(response.body);
  if (source === undefined) {
    const bytes = new Uint8Array(await bounds.race(response.arrayBuffer()));
    if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge(stage, what);
    return bytes;
  }
  const collected = new Collected();
  try {
    for (;;) {
      const piece = await bounds.race(source.next());
      if (piece.done === true) return collected.bytes();
      const chunk = typeof piece.value === 'string' ? new TextEncoder().encode(piece.value) : piece.value;
      if (collected.size + chunk.byteLength > MAX_BODY_BYTES) throw tooLarge(stage, what);
      collected.add(chunk);
    }
  } catch (error) {
    // Not awaited: a stream that does not end may not end its cancellation either.
    source.cancel().catch(() => {});
    throw error;
  }
}

/** A body as what is read piece by piece. */
interface Source {
  next(): Promise<Piece>;
  cancel(): Promise<unknown>;
}

type Piece = { readonly done: true } | { readonly done?: false | undefined; readonly value: Uint8Array | string };

/** Some implementations of fetch have bodies of their own kind: a Node stream, or nothing that can be read piece by piece. */
function sourceOf(body: NonNullable<Response['body']>): Source | undefined {
  if (typeof body.getReader === 'function') {
    const reader = body.getReader();
    return { next: () => reader.read(), cancel: () => reader.cancel() };
  }
  const iterable: Partial<AsyncIterable<Uint8Array | string>> = body;
  const iterator = iterable[Symbol.asyncIterator]?.();
  if (iterator === undefined) return undefined;
  return { next: () => iterator.next(), cancel: async () => iterator.return?.() };
}

/** Bytes in one buffer that grows: a server may send each of them on its own, and a million small objects are no small thing. */
class Collected {
  #buffer = new Uint8Array(SMALL_BODY_BYTES);
  size = 0;

  add(chunk: Uint8Array): void {
    const needed = this.size + chunk.byteLength;
    if (needed > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.byteLength * 2));
      larger.set(this.bytes());
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.size);
    this.size = needed;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.size);
  }
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
