import { readRefusal } from './authorization/read-refusal.js';
import type { AuthSession } from './authorization/session.js';
import type { Refusal } from './authorization/sign-in-parts.js';
import { type Challenge, findAuthChallenge, parseChallenges } from './challenge.js';
import { isMcpOAuthError, McpOAuthError } from './errors.js';
import { safeCause, withinBounds } from './http/index.js';
import { tlsFailure } from './http/tls-failure.js';
import type { FetchLike } from './types.js';

/** How the probe travels: the way the MCP traffic will. */
export interface ProbeOptions {
  readonly underlying?: FetchLike | undefined;
  readonly headers?: RequestInit['headers'] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is given what the server says where that is neither a 401 nor a success. Its body is read beside what comes next. */
  readonly onRefusal?: ((refusal: Promise<Refusal>) => void) | undefined;
}

/** Harmless wherever it is answered: it opens no session and calls nothing. */
export const PING = JSON.stringify({ jsonrpc: '2.0', id: 'authorization-probe', method: 'ping' });

/** The headers of a POST as a transport sends it. */
export const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

/**
 * Asks the MCP server, without a token, whether it wants one.
 *
 * @returns The challenge of its 401 (empty where the 401 has none), or `undefined` where it wants no token for this.
 * @throws McpOAuthError `network_error` where the server cannot be reached, `timeout` or `aborted`.
 */
export async function drawChallenge(
  session: AuthSession,
  { underlying, headers, signal, onRefusal }: ProbeOptions = {},
): Promise<Challenge | undefined> {
  const { clock, requestTimeoutMs: timeoutMs, server } = session.options;
  const send = underlying ?? session.trafficFetch;
  const what = `the MCP server at ${server.origin}`;
  const signals = [signal, session.closed];
  return withinBounds({ timeoutMs, signals, clock, stage: 'resource', what }, async (bounds) => {
    const init = { method: 'POST', headers: probeHeaders(headers), body: PING, redirect: 'manual' } as const;
    try {
      const response = await bounds.race((async () => send(server, { ...init, signal: bounds.signal }))());
      const { status } = response;
      if (status >= 300 && status !== 401 && onRefusal !== undefined) {
        onRefusal(readRefusal(session, response));
        return undefined;
      }
      // Not awaited: an answer that does not end may not end its cancellation either.
      response.body?.cancel().catch(() => undefined);
      if (status !== 401) return undefined;
      return findAuthChallenge(parseChallenges(response)) ?? { scheme: 'bearer', parameters: {} };
    } catch (error) {
      if (bounds.signal.aborted) throw bounds.signal.reason;
      throw isMcpOAuthError(error) ? error : unreachable(server, error);
    }
  });
}

function unreachable({ origin }: URL, error: unknown): McpOAuthError {
  return (
    tlsFailure(error, 'resource', `The MCP server at ${origin}`) ??
    new McpOAuthError(
      'network_error',
      `The MCP server at ${origin} could not be reached. Check the address and the network, then try again.`,
      { stage: 'resource', cause: safeCause(error), url: origin },
    )
  );
}

function probeHeaders(given: HeadersInit | undefined): Headers {
  const headers = new Headers(given);
  for (const [name, value] of Object.entries(JSON_HEADERS)) headers.set(name, value);
  return headers;
}
