import type { AuthSession } from './authorization/session.js';
import { type Challenge, findAuthChallenge, parseChallenges } from './challenge.js';
import { abortError, McpOAuthError } from './errors.js';
import type { FetchLike } from './types.js';

/** How the probe travels: the way the MCP traffic will. */
export interface ProbeOptions {
  readonly underlying?: FetchLike | undefined;
  readonly headers?: HeadersInit | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Harmless wherever it is answered: it opens no session and calls nothing. */
const PING = JSON.stringify({ jsonrpc: '2.0', id: 'authorization-probe', method: 'ping' });

/**
 * Asks the MCP server, without a token, whether it wants one.
 *
 * @returns The challenge of its 401 (empty where the 401 has none), or `undefined` where it wants no token for this.
 * @throws McpOAuthError `network_error` where the server cannot be reached, `timeout` or `aborted`.
 */
export async function drawChallenge(
  session: AuthSession,
  { underlying, headers, signal }: ProbeOptions = {},
): Promise<Challenge | undefined> {
  const { options } = session;
  const send: FetchLike = underlying ?? options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const timer = new AbortController();
  const stop = options.clock.schedule(options.requestTimeoutMs, () => timer.abort(timedOut(options.requestTimeoutMs)));
  const all = AbortSignal.any([timer.signal, session.closed, ...(signal === undefined ? [] : [signal])]);
  try {
    const response = await send(options.server, {
      method: 'POST',
      headers: probeHeaders(headers),
      body: PING,
      redirect: 'manual',
      signal: all,
    });
    await response.body?.cancel();
    if (response.status !== 401) return undefined;
    return findAuthChallenge(parseChallenges(response)) ?? { scheme: 'bearer', parameters: {} };
  } catch (error) {
    if (all.aborted) throw abortError(all, 'resource');
    throw new McpOAuthError(
      'network_error',
      `The MCP server at ${options.server.origin} could not be reached. Check the address and the network, then try again.`,
      { stage: 'resource', cause: error, url: options.server.origin },
    );
  } finally {
    stop();
  }
}

function probeHeaders(given: HeadersInit | undefined): Headers {
  const headers = new Headers(given);
  headers.set('content-type', 'application/json');
  headers.set('accept', 'application/json, text/event-stream');
  return headers;
}

function timedOut(ms: number): McpOAuthError {
  return new McpOAuthError('timeout', `The MCP server did not answer within ${ms} ms (timeouts.request). Try again.`, {
    stage: 'resource',
  });
}
