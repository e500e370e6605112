import type { Clock } from '../clock.js';

/** Options of `startLoopbackListener`. */
export interface LoopbackListenerOptions {
  /** `127.0.0.1` (default), `::1`, another address in 127.0.0.0/8, or `localhost`, which binds both loopbacks. */
  host?: string;
  /** The port, or 0 (default) for any free one. */
  port?: number;
  /** The path of the redirect URI; default `/callback`. */
  path?: string;
  /** The client's name on the page that the user sees. */
  clientName?: string;
  /** Closes the listener, at any time, and ends a wait with it. */
  signal?: AbortSignal;
  /** Replaces the machine's clock. */
  clock?: Clock;
  /** How long the browser is kept waiting for `respond`, in milliseconds; default 10 000. A neutral page follows. */
  respondTimeoutMs?: number;
}

/** What the browser is to be shown. `title` and `detail` may come from a server: they are cleaned, bounded and escaped. */
export type LoopbackOutcome =
  | {
      /** The sign-in succeeded: the page says so and can be closed. */
      ok: true;
    }
  | {
      /** The sign-in failed: the page says why. */
      ok: false;
      /** What happened, as the heading of the page. */
      title: string;
      /** What to do about it, as the text below; absent: nothing is said. */
      detail?: string;
    };

/** The one callback of a wait. The browser waits for its answer. */
export interface LoopbackCallback {
  /** The redirect URI with the query that arrived. Nothing of it but the `state` has been checked. */
  readonly url: URL;
  /**
   * Shows the page. Resolves when the browser has it, or is gone, or does not take it within a few seconds. It never
   * rejects, and only the first call counts. Await it before `close()`.
   *
   * @param outcome - What the page says.
   */
  respond(outcome: LoopbackOutcome): Promise<void>;
}

/** Options of {@link LoopbackListener.waitForCallback}. */
export interface WaitOptions {
  /** The `state` of the authorization request. */
  state: string;
  /** Ends this wait; the listener stays open. */
  signal?: AbortSignal;
}

/** A bound callback listener. Binding, waiting and closing are separate steps. */
export interface LoopbackListener {
  /** The redirect URI to register and to send: what is bound, with the real port. */
  readonly redirectUri: string;
  /** The port that is bound. */
  readonly port: number;
  /**
   * Waits for the callback with this `state`. Call it before the browser is opened: what arrives earlier is turned away.
   * One wait at a time; the next one is possible when the first has ended.
   *
   * @param options - The `state` to wait for.
   * @returns The callback, which has to be answered by its `respond`.
   * @throws McpOAuthError `aborted` when a signal aborts, `closed` when the listener is closed, `invalid_options` for an
   * empty `state` or while another wait is pending
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2 | RFC 6749 section 4.1.2}
   */
  waitForCallback(options: WaitOptions): Promise<LoopbackCallback>;
  /** Ends the listener within about 100 ms: a page on its way is finished, everything else is cut. Idempotent. */
  close(): Promise<void>;
}
