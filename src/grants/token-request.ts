import { type Clock, systemClock } from '../clock.js';
import { isProofError, proofRefused } from '../dpop/index.js';
import { isMcpOAuthError, McpOAuthError, type Stage } from '../errors.js';
import { type RequestOptions, resolveHttp, retryAfterMs, withRetry } from '../http/index.js';
import { ATTEMPTS, noteAskedWait, ownWaitMs, spreadAskedWait, spreadWait } from '../http/retry.js';
import { describeAnswer, isTemporary, type OAuthErrorAnswer } from '../oauth-error.js';
import type { ClientInformation } from '../types.js';
import { type AuthenticatedRequest, sendAuthenticated } from './authenticated-request.js';
import { type ClientContext, keyRemedy } from './client-authentication.js';
import { foreignAnswer } from './foreign-answer.js';

/** What the grants take last. */
export interface GrantOptions extends RequestOptions {
  /** Time as expiry and waits see it; default: the machine's own clock. */
  clock?: Clock;
  /** A number from 0 to below 1 that spreads the waits of a refresh; default: `Math.random`. */
  random?: () => number;
}

/** What a grant wants of {@link requestTokens}. */
export interface TokenRequestPlan extends Omit<AuthenticatedRequest, 'purpose'> {
  /** Whether the request may be presented again after this failure; `lost` counts those whose outcome is unknown. */
  readonly mayRepeat: (failure: Failure) => boolean;
  /** The longest pause between two attempts, in ms: whoever holds a lock does not wait for longer. Default: what was asked for, up to 30 s. */
  readonly longestWaitMs?: number;
  /** Spreads the pauses, where clients that fail together are not to come back together. Default: no chance in them. */
  readonly random?: () => number;
  /** What to tell the user after a temporary failure, a sentence. */
  readonly afterTemporary: string;
  /** What to tell the user after a refusal: a sentence, or a function that makes the whole error. */
  readonly afterRefusal: string | ((answer: OAuthErrorAnswer) => McpOAuthError | string);
}

/** One failed attempt. */
export interface Failure {
  /** The HTTP status; `undefined` where there was no answer. */
  readonly status: number | undefined;
  /** How many attempts so far, this one included, ended without anyone knowing whether the server acted. */
  readonly lost: number;
}

/** A successful answer, and the client as it had to be presented. */
export interface TokenAnswer {
  readonly response: Response;
  readonly client: ClientInformation;
}

/** What is asked for in `Retry-After` is passed on up to this, in ms, to whoever decides when to ask again. */
const LONGEST_ASKED_MS = 300_000;
const LONGEST_WAIT_MS = 30_000;
/** A gateway that gave up on the server behind it: that one may have acted. */
const GATEWAY_STATUS: ReadonlySet<number> = new Set([502, 504]);
/** Parameters that belong to the grant itself. */
const RESERVED: ReadonlySet<string> = new Set([
  'grant_type',
  'code',
  'code_verifier',
  'redirect_uri',
  'refresh_token',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'assertion',
  'requested_token_type',
  'subject_token',
  'subject_token_type',
  'resource',
]);

/** The server's own parameters, after the check that they replace nothing of the grant. */
export function additionalParameters(
  tokenParameters: Readonly<Record<string, string>> | undefined,
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const taken = Object.keys(tokenParameters ?? {}).find((name) => RESERVED.has(name));
  if (taken !== undefined) {
    throw new McpOAuthError('invalid_options', `\`tokenParameters\` must not contain \`${taken}\`.`, {
      stage: 'configuration',
    });
  }
  const given = Object.entries({ ...tokenParameters, ...own }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(given);
}

/** Sends a token request, repeats it within the plan's bounds, and answers with a success or throws. */
export async function requestTokens(
  context: ClientContext,
  plan: TokenRequestPlan,
  options: GrantOptions | undefined,
): Promise<TokenAnswer> {
  const { clock = systemClock, signal } = options ?? {};
  const http = resolveHttp(context.authorizationServer.issuer, options);
  let lost = 0;
  // What is thrown at once: another attempt would wait as long, or meet the same page.
  let last: unknown;
  let askedMs: number | undefined;
  const attempt = async (): Promise<TokenAnswer> => {
    askedMs = undefined;
    const exchange = await sendAuthenticated(http, context, { ...plan, purpose: 'token' }, signal, {
      clock,
      timeoutMs: options?.timeoutMs,
      // Nothing was sent, and whoever hangs once would hold the next attempt up as long.
      onTimeout: (late) => {
        last = late;
      },
    }).catch((error: unknown) => {
      throw error === last ? error : advised(error, plan);
    });
    const { refusal, response, client } = exchange;
    if (refusal !== undefined && isTemporary(refusal)) {
      askedMs = retryAfterMs(response, clock.now(), LONGEST_ASKED_MS);
      throw noteAskedWait(unavailable(refusal, plan, askedMs), askedMs);
    }
    // What can be presented once only is lost with such an answer: then it is no better than a refusal.
    if (plan.mayRepeat({ status: response.status, lost })) {
      last = await foreignAnswer(exchange, plan.afterTemporary);
      if (last !== undefined) throw last;
    }
    if (refusal !== undefined) throw refused(refusal, plan, context);
    return { response, client };
  };
  return withRetry(attempt, {
    attempts: ATTEMPTS,
    clock,
    signal,
    retryAfter: (error, number) => {
      if (!error.retryable || error === last) return undefined;
      if (error.status === undefined || GATEWAY_STATUS.has(error.status)) lost++;
      return plan.mayRepeat({ status: error.status, lost }) ? pauseMs(plan, number, askedMs) : undefined;
    },
  });
}

/** The pause after an attempt, in ms; `undefined` where it would be too long. Attempts count from 1. */
function pauseMs(
  { random = () => 0, longestWaitMs = LONGEST_WAIT_MS }: TokenRequestPlan,
  attempt: number,
  askedMs: number | undefined,
): number | undefined {
  const ownMs = ownWaitMs(attempt);
  if (askedMs === undefined) return ownMs === undefined ? undefined : spreadWait(ownMs, random);
  return askedMs > longestWaitMs ? undefined : spreadAskedWait(askedMs, random);
}

function unavailable(
  refusal: OAuthErrorAnswer,
  { afterTemporary, longestWaitMs = LONGEST_WAIT_MS }: TokenRequestPlan,
  askedMs = 0,
): McpOAuthError {
  const asked = askedMs > longestWaitMs ? ` It wants no request for ${Math.ceil(askedMs / 1_000)} s.` : '';
  return new McpOAuthError(
    'server_unavailable',
    `The authorization server is not available: ${describeAnswer(refusal)}.${asked} ${afterTemporary}`,
    { stage: 'token', status: refusal.status, oauthError: refusal.error },
  );
}

/** A failure to reach the server, with what it means for the user. */
function advised(error: unknown, plan: TokenRequestPlan): unknown {
  if (!isMcpOAuthError(error) || !(error.retryable || error.code === 'redirect_refused')) return error;
  const { code, message, cause, status, url } = error;
  return new McpOAuthError(code, `${message} ${plan.afterTemporary}`, { stage: 'token', cause, status, url });
}

function refused(answer: OAuthErrorAnswer, { afterRefusal }: TokenRequestPlan, context: ClientContext): McpOAuthError {
  const advice = typeof afterRefusal === 'function' ? afterRefusal(answer) : afterRefusal;
  if (typeof advice !== 'string') return advice;
  if (answer.error === 'invalid_client') return clientRefused(answer, 'token', keyRemedy(context));
  return requestRefused(answer, advice);
}

/** A definitive answer to a token request; `afterRefusal` tells the user what to do, a sentence. */
export function requestRefused(answer: OAuthErrorAnswer, afterRefusal: string): McpOAuthError {
  const { status, error: oauthError } = answer;
  if (oauthError === 'invalid_client') return clientRefused(answer, 'token');
  if (isProofError(oauthError)) return proofRefused('authorization', 'token', answer);
  return new McpOAuthError(
    'token_request_failed',
    `The authorization server refused the token request: ${describeAnswer(answer)}. ${afterRefusal}`,
    { stage: 'token', status, oauthError },
  );
}

const CLIENT_REMEDY =
  'Check `clientInformation` (id, secret, authentication method); a client that was registered dynamically is ' +
  'registered anew at the next sign-in.';

/** The server answered `invalid_client`. */
export function clientRefused(answer: OAuthErrorAnswer, stage: Stage, remedy: string = CLIENT_REMEDY): McpOAuthError {
  return new McpOAuthError(
    'invalid_client',
    `The authorization server does not accept this client: ${describeAnswer(answer)}. ${remedy}`,
    { stage, status: answer.status, oauthError: answer.error },
  );
}
