import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import { isMcpOAuthError } from '../errors.js';
import { isTemporary, numberedRemedy } from '../oauth-error.js';
import { formatScope } from '../scope.js';
import type { ClientContext } from './client-authentication.js';
import { additionalParameters, type GrantOptions, requestTokens } from './token-request.js';
import { readTokenResponse, type TokenResult } from './token-response.js';

/** What {@link refreshTokens} is given. */
export interface RefreshTokensParameters extends ClientContext {
  /** What this server issued and no other is shown. A secret; a server that rotates it takes it once. RFC 6749 section 6. */
  refreshToken: string;
  /** The resource indicator of the authorization request, sent verbatim. */
  resource?: string | undefined;
  /** Scopes to ask for; only granted ones. Default: none is sent, which keeps what was granted. */
  scope?: readonly string[];
  /** The granted scopes; they hold where the server does not name any. */
  previousScope?: readonly string[];
  /** Further parameters of the token request. */
  tokenParameters?: Readonly<Record<string, string>>;
}

/** A response that was lost may have rotated the token: it is presented once more, since nobody can know. */
const LOST_LIMIT = 1;
/** A refresh is made under the session's lock, which others wait for: no pause in it is longer, in ms. */
const LONGEST_PAUSE_MS = 5_000;
/** About the path, the method or the size of the request: where no OAuth error comes with it, no token was looked at. */
const ABOUT_REQUEST: ReadonlySet<number> = new Set([404, 405, 406, 411, 413, 414, 415, 421, 431, 451]);
const CLIENT_ERRORS: ReadonlySet<string | undefined> = new Set(['invalid_client', 'unauthorized_client']);

/**
 * Refreshes an access token. What is temporary (407, 408, 425, 429, 5xx) is tried up to three times, with `Retry-After`
 * honoured up to 5 s: after a longer one it fails at once. After a lost response (no answer, a timeout, 502, 504) the token is
 * presented once more at most. An answer that is a web page, or a success that is no JSON, is temporary but not tried again.
 *
 * @param p - The refresh token, its client, and what is asked for.
 * @param options - How to make requests, and by which clock.
 * @returns The new tokens; with the old refresh token where the server returned none.
 * @throws {@link McpOAuthError} `token_request_failed` with the server's error; `invalid_client`; `server_unavailable`,
 * `network_error` or `timeout`, after which nothing is lost and the same call may succeed later; `invalid_response`;
 * `invalid_options`; `dpop_failed`; what {@link Http.request} throws. {@link classifyRefreshFailure} tells what each means for the
 * refresh token
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-6 | RFC 6749 section 6},
 * {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2.2 | RFC 8707 section 2.2}
 */
export async function refreshTokens(p: RefreshTokensParameters, options?: GrantOptions): Promise<TokenResult> {
  const { refreshToken, authorizationServer } = p;
  const scope = formatScope(p.scope ?? []);
  const { response, client } = await requestTokens(
    p,
    {
      parameters: additionalParameters(p.tokenParameters, {
        resource: p.resource,
        ...(scope === '' ? {} : { scope }),
      }),
      secrets: [refreshToken],
      send: (server, protocolClient, authentication, requestOptions) =>
        oauth.refreshTokenGrantRequest(server, protocolClient, authentication, refreshToken, requestOptions),
      mayRepeat: ({ lost }) => lost <= LOST_LIMIT,
      longestWaitMs: LONGEST_PAUSE_MS,
      random: options?.random ?? Math.random,
      afterTemporary: 'Nothing was lost: try again later.',
      afterRefusal: ({ error, description, status }) =>
        isAboutRequest(error, description, status) ? 'The refresh token is kept.' : 'Sign in again.',
    },
    options,
  );
  const result = await readTokenResponse(response, {
    authorizationServer,
    client,
    refreshToken,
    clock: options?.clock ?? systemClock,
    dpop: p.dpop,
    requestedScope: scope === '' ? p.previousScope : p.scope,
    process: oauth.processRefreshTokenResponse,
  });
  return client === p.client ? result : { ...result, client };
}

/**
 * What a failure of {@link refreshTokens} means.
 * - `dead`: the server will never take this refresh token again; it may be dropped
 * - `client`: it does not know the client, or does not allow it to refresh
 * - `temporary`: try again later, with everything kept
 * - `other`: nothing can be said about the token, which is kept
 *
 * `dead` needs a definitive answer: `invalid_grant`, or any other 4xx that is neither temporary nor about the client or the
 * request itself (the resource indicator, the path), since servers answer a dead token with various errors or an empty body.
 *
 * @param error - What was caught.
 * @returns One of the four. It never throws.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 | RFC 6749 section 5.2}
 */
export function classifyRefreshFailure(error: unknown): 'dead' | 'client' | 'temporary' | 'other' {
  if (!isMcpOAuthError(error)) return 'other';
  const { code, oauthError, status = 0, retryable, message } = error;
  if (code === 'invalid_client' || CLIENT_ERRORS.has(oauthError)) return 'client';
  if (retryable) return 'temporary';
  if (code !== 'token_request_failed') return 'other';
  if (isTemporary({ status, error: oauthError })) return 'temporary';
  if (isAboutRequest(oauthError, message, status)) return 'other';
  return oauthError === 'invalid_grant' || (status >= 400 && status < 500) ? 'dead' : 'other';
}

/**
 * Whether a refusal says nothing about the refresh token: the resource indicator, or the place it was sent to, is wrong.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2 | RFC 8707 section 2}
 */
function isAboutRequest(error: string | undefined, text: string | undefined, status: number): boolean {
  if (error === 'invalid_target' || numberedRemedy(text) !== undefined) return true;
  return error === undefined && ABOUT_REQUEST.has(status);
}
