import { abortError, McpOAuthError } from '../errors.js';
import { type LoopbackListener, startLoopbackListener } from '../loopback/index.js';
import type { ResolvedOptions } from '../options.js';

/** What the person's browser is shown at the end. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly title: string; readonly detail?: string };

/** A callback that arrived, whichever way. */
export interface Arrival {
  readonly url: URL;
  /** Tells the browser how it ended, where a browser waits for it. */
  respond(outcome: Outcome): Promise<void>;
}

/** Where the authorization server sends the browser back to. */
export interface RedirectTarget {
  readonly redirectUri: string;
  /** Resolves with the one callback that carries `state`. */
  waitForCallback(options: { state: string; signal: AbortSignal }): Promise<Arrival>;
  close(): Promise<void>;
}

/** Callbacks that the application brings (`finishAuthorization`) to a sign-in that waits in this process. */
export class PendingCallbacks {
  readonly #waiting = new Map<string, (arrival: Arrival) => void>();
  /** States of sign-ins that have their callback and are at work with it. */
  readonly #arrived = new Set<string>();

  /** Hands the callback over; `false` where no sign-in of this process waits for that state. One that comes again is ignored. */
  deliver(state: string, arrival: Arrival): boolean {
    if (this.#arrived.has(state)) return true;
    const receive = this.#waiting.get(state);
    if (receive === undefined) return false;
    this.arrived(state);
    receive(arrival);
    return true;
  }

  /** The callback is there, whichever way it came. */
  arrived(state: string): void {
    this.#waiting.delete(state);
    this.#arrived.add(state);
  }

  /** The sign-in is over. */
  forget(state: string): void {
    this.#arrived.delete(state);
  }

  wait(state: string, signal: AbortSignal): Promise<Arrival> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(abortError(signal, 'callback'));
      const onAbort = () => {
        this.#waiting.delete(state);
        reject(abortError(signal, 'callback'));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(state, (arrival) => {
        signal.removeEventListener('abort', onAbort);
        resolve(arrival);
      });
    });
  }
}

/** A redirect URI of the application's own: a hosted page or a custom scheme. */
export function externalRedirect(redirectUri: string, pending: PendingCallbacks): RedirectTarget {
  return {
    redirectUri,
    waitForCallback: ({ state, signal }) => pending.wait(state, signal),
    close: async () => undefined,
  };
}

/**
 * The loopback listener, bound before anything is registered, since its port is part of the redirect URI.
 * The port of a stored registration is tried first; where it is taken, another one is bound and the client registers anew.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-7.3 | RFC 8252 section 7.3}
 */
export async function loopbackRedirect(
  options: ResolvedOptions,
  rememberedRedirectUri: string | undefined,
  pending: PendingCallbacks,
  signal: AbortSignal,
): Promise<RedirectTarget> {
  const listener = await bind(options, rememberedRedirectUri, signal);
  return {
    redirectUri: listener.redirectUri,
    async waitForCallback({ state, signal: wait }) {
      // The same sign-in can also end by a pasted URL, where the browser runs on another machine.
      const either = new AbortController();
      const both = AbortSignal.any([wait, either.signal]);
      try {
        return await Promise.race([listener.waitForCallback({ state, signal: both }), pending.wait(state, both)]);
      } finally {
        either.abort(new McpOAuthError('aborted', 'The callback has arrived.', { stage: 'callback' }));
      }
    },
    close: () => listener.close(),
  };
}

async function bind(
  options: ResolvedOptions,
  remembered: string | undefined,
  signal: AbortSignal,
): Promise<LoopbackListener> {
  const { host, path, port } = options.loopback ?? {};
  const start = (candidate: number) =>
    startLoopbackListener({
      port: candidate,
      signal,
      clock: options.clock,
      ...(host === undefined ? {} : { host }),
      ...(path === undefined ? {} : { path }),
      clientName: options.clientMetadata.client_name,
    });
  if (port !== undefined) return start(port);
  const rememberedPort = remembered === undefined ? 0 : Number(new URL(remembered).port);
  if (rememberedPort === 0) return start(0);
  try {
    return await start(rememberedPort);
  } catch (error) {
    if (signal.aborted) throw error;
    return start(0);
  }
}
