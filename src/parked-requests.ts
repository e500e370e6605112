import { McpOAuthError } from './errors.js';
import type { RpcInfo } from './replayable-request.js';

/**
 * Requests that wait for a person. The SDKs' clients give a request up after a while and say so by `notifications/cancelled`;
 * such a request must not reach the server later, when nobody expects it any more.
 */
export class ParkedRequests {
  readonly #parked = new Map<string, Set<AbortController>>();

  /** Whether any request waits; the check that every other request makes. */
  get empty(): boolean {
    return this.#parked.size === 0;
  }

  /** Runs `wait` with a signal that aborts when the request is given up. */
  async park<T>(rpc: RpcInfo, wait: (abandoned: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    for (const id of rpc.ids) {
      const waiting = this.#parked.get(id) ?? new Set();
      this.#parked.set(id, waiting.add(controller));
    }
    try {
      return await wait(controller.signal);
    } finally {
      for (const id of rpc.ids) {
        const waiting = this.#parked.get(id);
        waiting?.delete(controller);
        if (waiting?.size === 0) this.#parked.delete(id);
      }
    }
  }

  /** Gives up what a `notifications/cancelled` names; `true` where something waited, and the server need not hear of it. */
  abandon(rpc: RpcInfo): boolean {
    const waiting = rpc.cancels === undefined ? undefined : this.#parked.get(rpc.cancels);
    if (waiting === undefined) return false;
    const reason = new McpOAuthError(
      'aborted',
      'The request was given up by its caller while it waited for a sign-in.',
      {
        stage: 'authorization',
      },
    );
    for (const controller of waiting) controller.abort(reason);
    return true;
  }
}
