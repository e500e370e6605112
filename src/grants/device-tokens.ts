import * as oauth from 'oauth4webapi';
import { type Clock, delay, systemClock } from '../clock.js';
import { abortError, isMcpOAuthError, McpOAuthError } from '../errors.js';
import { resolveHttp, retryAfterMs } from '../http/index.js';
import { describeAnswer, isTemporary, type OAuthErrorAnswer } from '../oauth-error.js';
import { type AuthenticatedRequest, type Exchange, sendAuthenticated } from './authenticated-request.js';
import type { ClientContext } from './client-authentication.js';
import type { DeviceAuthorization } from './device-authorization.js';
import { foreignAnswer } from './foreign-answer.js';
import { additionalParameters, type GrantOptions, requestRefused } from './token-request.js';
import { readTokenResponse, type TokenResult } from './token-response.js';

/** What {@link pollDeviceTokens} is given. */
export interface PollDeviceTokensParameters extends ClientContext {
  /** What `requestDeviceAuthorization` returned. */
  deviceAuthorization: Pick<DeviceAuthorization, 'deviceCode' | 'expiresAt' | 'intervalMs'>;
  /** The resource indicator of the device authorization request, sent verbatim. */
  resource?: string | undefined;
  /** The scopes that were asked for; they hold where the server does not say what it granted. */
  scope?: readonly string[];
  /** Further parameters of the token request. */
  tokenParameters?: Readonly<Record<string, string>>;
}

/** Whatever it is given, this does not hammer a server. */
const SHORTEST_INTERVAL_MS = 1_000;
/** RFC 8628 section 3.5. */
const SLOW_DOWN_MS = 5_000;
/** The longest pause after failures, in ms. The server may pace slower. */
const LONGEST_PAUSE_MS = 60_000;
/** How long before the end of the code the last request is sent, in ms, where failures would have made the pause longer. */
const LAST_CHANCE_MS = 1_000;

/**
 * Asks for the tokens until the person has entered the code: waits the interval before each request, 5 s longer from each
 * `slow_down` on, and twice as long after each failure in a row (network, 429, 5xx), which ends nothing. No request is sent once the
 * code has run out.
 *
 * @param p - What was asked for, and the codes that came.
 * @param options - How to make requests, and by which clock.
 * @returns The tokens.
 * @throws {@link McpOAuthError} `access_denied` where the person refused; `sign_in_timeout` where the code ran out;
 * `token_request_failed` with the server's error; `invalid_client`; `invalid_response`; `dpop_failed`; `aborted`, at once;
 * `invalid_options`; `address_refused`, `redirect_refused`, `response_too_large`
 * @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-3.5 | RFC 8628 section 3.5},
 * {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2.2 | RFC 8707 section 2.2}
 */
export async function pollDeviceTokens(p: PollDeviceTokensParameters, options?: GrantOptions): Promise<TokenResult> {
  const { clock = systemClock, signal } = options ?? {};
  const { expiresAt } = p.deviceAuthorization;
  const http = resolveHttp(p.authorizationServer.issuer, options);
  const request = requestOf(p);
  const intervalMs = Math.max(p.deviceAuthorization.intervalMs, SHORTEST_INTERVAL_MS);
  let pace: Pace = { intervalMs, failures: 0, atLeastMs: 0 };
  for (;;) {
    await waitFor(pauseOf(pace, expiresAt - clock.now()), expiresAt, clock, signal);
    const exchange = await sendAuthenticated(http, p, request, signal).catch(temporary);
    const isForeign = exchange !== undefined && (await isFromElsewhere(exchange));
    if (exchange !== undefined && !isForeign && exchange.refusal === undefined) return read(exchange, p, clock);
    pace = nextPace(pace, isForeign ? undefined : exchange, clock.now());
  }
}

/** Whether a proxy or the network answered in the server's place: the person's code is as good as before. */
async function isFromElsewhere(exchange: Exchange): Promise<boolean> {
  const { refusal } = exchange;
  return !(refusal !== undefined && isTemporary(refusal)) && (await foreignAnswer(exchange, '')) !== undefined;
}

/** How the requests follow each other. */
interface Pace {
  readonly intervalMs: number;
  /** How many requests in a row failed for a while. */
  readonly failures: number;
  /** What the last answer asked for in `Retry-After`. */
  readonly atLeastMs: number;
}

function pauseOf({ intervalMs, failures, atLeastMs }: Pace, remainingMs: number): number {
  // After failures not so long that the code would run out unasked.
  const longest = Math.min(LONGEST_PAUSE_MS, remainingMs - LAST_CHANCE_MS);
  return Math.max(intervalMs, atLeastMs, Math.min(intervalMs * 2 ** failures, longest));
}

/** The pace after an answer without tokens, or after none at all. Throws where the answer is definitive. */
function nextPace({ intervalMs, failures }: Pace, exchange: Exchange | undefined, now: number): Pace {
  const failed = { intervalMs, failures: failures + 1, atLeastMs: 0 };
  if (exchange?.refusal === undefined) return failed;
  const { refusal, response } = exchange;
  const atLeastMs = retryAfterMs(response, now) ?? 0;
  if (refusal.error === 'authorization_pending') return { intervalMs, failures: 0, atLeastMs };
  if (refusal.error === 'slow_down') return { intervalMs: intervalMs + SLOW_DOWN_MS, failures: 0, atLeastMs };
  if (isTemporary(refusal)) return { ...failed, atLeastMs };
  throw refused(refusal);
}

function temporary(error: unknown): undefined {
  if (isMcpOAuthError(error) && error.retryable) return undefined;
  throw error;
}

/** Waits before the next request; throws where the code has run out by then. */
async function waitFor(ms: number, expiresAt: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  const remaining = expiresAt - clock.now();
  await delay(clock, Math.max(0, Math.min(ms, remaining)), signal).catch((reason: unknown) => {
    throw signal?.aborted ? abortError(signal, 'authorization') : reason;
  });
  // By the clock again: a machine that slept wakes up late.
  if (ms >= remaining || clock.now() >= expiresAt) throw ranOut();
}

function requestOf(p: PollDeviceTokensParameters): AuthenticatedRequest {
  const { deviceCode } = p.deviceAuthorization;
  return {
    purpose: 'token',
    parameters: additionalParameters(p.tokenParameters, { resource: p.resource }),
    secrets: [deviceCode],
    send: (server, client, authentication, options) =>
      oauth.deviceCodeGrantRequest(server, client, authentication, deviceCode, options),
  };
}

async function read({ response, client }: Exchange, p: PollDeviceTokensParameters, clock: Clock): Promise<TokenResult> {
  const result = await readTokenResponse(response, {
    authorizationServer: p.authorizationServer,
    client,
    clock,
    dpop: p.dpop,
    requestedScope: p.scope,
    process: oauth.processDeviceCodeResponse,
  });
  return client === p.client ? result : { ...result, client };
}

function refused(answer: OAuthErrorAnswer): McpOAuthError {
  const { status, error: oauthError } = answer;
  if (oauthError === 'expired_token') return ranOut({ status, oauthError });
  if (oauthError === 'access_denied') {
    const message = `Access was denied (${describeAnswer(answer)}). Sign in again to be asked once more.`;
    return new McpOAuthError('access_denied', message, { stage: 'authorization', status, oauthError });
  }
  return requestRefused(answer, 'Start the sign-in again.');
}

function ranOut(init: { status?: number; oauthError?: string | undefined } = {}): McpOAuthError {
  return new McpOAuthError(
    'sign_in_timeout',
    'The code ran out before anyone entered it. Start the sign-in again to get another one.',
    { stage: 'authorization', ...init },
  );
}
