import { type Clock, systemClock } from '../clock.js';
import { isProofError, proofRefused } from '../dpop/index.js';
import { isMcpOAuthError, McpOAuthError, type Stage } from '../errors.js';
import { type RequestOptions, resolveHttp, retryAfterMs, withRetry } from '../http/index.js';
import { describeAnswer, isTemporary, type OAuthErrorAnswer } from '../oauth-error.js';
import type { ClientInformation } from '../types.js';
import { type AuthenticatedRequest, type Exchange, sendAuthenticated } from './authenticated-request.js';
import { type ClientContext, keyRemedy } from './client-authentication.js';

/** What the grants take last. */
export interface GrantOptions extends RequestOptions {
  /** Time as expiry and waits see it; default: the machine's own clock. */
  clock?: Clock;
}

/** What a grant wants of {@link requestTokens}. */
export interface TokenRequestPlan extends Omit<AuthenticatedRequest, 'purpose'> {
  /** Whether the request may be presented again after this failure; `lost` counts those whose outcome is unknown. */
  readonly mayRepeat: (failure: Failure) => boolean;
  /** What to tell the user after a temporary failure, a sentence. */
  readonly afterTemporary: string;
  /** What to tell the user after a refusal: a sentence, or a function that makes the whole error. */
  readonly afterRefusal: string | ((answer: OAuthErrorAnswer) => McpOAuthError);
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

const ATTEMPTS = 3;
const WAITS_MS = [500, 2000];
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
  // Nothing was sent, and whoever hangs once would hold the next attempt up as long.
  let unsupplied: McpOAuthError | undefined;
  let waitMs: number | undefined;
  const attempt = async (): Promise<TokenAnswer> => {
    waitMs = undefined;
    let exchange: Exchange;
    try {
      exchange = await sendAuthenticated(http, context, { ...plan, purpose: 'token' }, signal, {
        clock,
        timeoutMs: options?.timeoutMs,
        onTimeout: (late) => {
          unsupplied = late;
        },
      });
    } catch (error) {
      throw error === unsupplied ? error : advised(error, plan);
    }
    const { refusal, response, client } = exchange;
    if (refusal === undefined) return { response, client };
    if (!isTemporary(refusal)) throw refused(refusal, plan, context);
    waitMs = retryAfterMs(response, clock.now());
    throw new McpOAuthError(
      'server_unavailable',
      `The authorization server is not available: ${describeAnswer(refusal)}. ${plan.afterTemporary}`,
      { stage: 'token', status: refusal.status, oauthError: refusal.error },
    );
  };
  return withRetry(attempt, {
    attempts: ATTEMPTS,
    clock,
    signal,
    retryAfter: (error, number) => {
      if (!error.retryable || error === unsupplied) return undefined;
      if (error.status === undefined || GATEWAY_STATUS.has(error.status)) lost++;
      return plan.mayRepeat({ status: error.status, lost }) ? (waitMs ?? WAITS_MS[number - 1]) : undefined;
    },
  });
}

/** A failure to reach the server, with what it means for the user. */
function advised(error: unknown, plan: TokenRequestPlan): unknown {
  if (!isMcpOAuthError(error) || !error.retryable) return error;
  const { code, message, cause, status, url } = error;
  return new McpOAuthError(code, `${message} ${plan.afterTemporary}`, { stage: 'token', cause, status, url });
}

function refused(answer: OAuthErrorAnswer, { afterRefusal }: TokenRequestPlan, context: ClientContext): McpOAuthError {
  if (typeof afterRefusal === 'function') return afterRefusal(answer);
  if (answer.error === 'invalid_client') return clientRefused(answer, 'token', keyRemedy(context));
  return requestRefused(answer, afterRefusal);
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
