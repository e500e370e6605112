import { untilAborted } from './bounded-wait.js';
import { McpOAuthError } from './errors.js';
import type { ReplayableRequest, RpcInfo } from './replayable-request.js';

/** One request on its way. */
export interface Passage {
  /** Waits for `wait`, but no longer than until the request is given up; the signal that it gets aborts then. */
  park<T>(wait: (abandoned: AbortSignal) => Promise<T>): Promise<T>;
  /** The request has its answer, or failed. */
  end(): void;
}

interface Entry {
  readonly request: ReplayableRequest;
  parked: boolean;
  /** Aborts when the request is given up. Made when it is needed, since nearly every request goes through. */
  abandoned: AbortController | undefined;
}

/**
 * The requests of one fetch that have no answer yet. The SDKs' clients give a request up after a while and say so by
 * `notifications/cancelled`; one that waits for a person must not reach the server later, when nobody expects it any more.
 */
export class ParkedRequests {
  readonly #entries = new Set<Entry>();

  /** Whether none is on its way; the check that every request makes. */
  get empty(): boolean {
    return this.#entries.size === 0;
  }

  enter(request: ReplayableRequest): Passage {
    const entry: Entry = { request, parked: false, abandoned: undefined };
    this.#entries.add(entry);
    return {
      async park(wait) {
        entry.abandoned ??= new AbortController();
        const { signal } = entry.abandoned;
        signal.throwIfAborted();
        entry.parked = true;
        try {
          return await untilAborted(wait(signal), signal, 'authorization');
        } finally {
          entry.parked = false;
        }
      },
      end: () => void this.#entries.delete(entry),
    };
  }

  /**
   * Gives up what a `notifications/cancelled` names.
   *
   * @returns `true` where it waits here and the server need not hear of it. What the server has is not sent again.
   */
  abandon({ cancels }: RpcInfo): boolean {
    if (cancels === undefined) return false;
    let waited = false;
    for (const entry of this.#entries) {
      if (!entry.request.rpc().ids.includes(cancels)) continue;
      waited ||= entry.parked;
      entry.abandoned ??= new AbortController();
      entry.abandoned.abort(givenUp());
    }
    return waited;
  }
}

function givenUp(): McpOAuthError {
  return new McpOAuthError('aborted', 'The request was given up by its caller before it could be sent.', {
    stage: 'authorization',
  });
}
