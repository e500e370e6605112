import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { resolveHttp, retryAfterMs, withRetry } from '../http/index.js';
import { ATTEMPTS, ownWaitMs } from '../http/retry.js';
import { describeAnswer, isTemporary } from '../oauth-error.js';
import { type AuthenticatedRequest, sendAuthenticated } from './authenticated-request.js';
import type { ClientContext } from './client-authentication.js';
import type { GrantOptions } from './token-request.js';

/** What {@link revokeToken} is given. */
export interface RevokeTokenParameters extends ClientContext {
  /** The token that is to end; with a refresh token many servers end its access tokens too. RFC 7009 section 2.1. */
  token: string;
  /** Which of the two it is, so that the server need not search. RFC 7009 section 2.1. */
  tokenTypeHint: 'refresh_token' | 'access_token';
}

/**
 * Revokes a token at the authorization server. Revocation can be repeated safely, so what is temporary is tried up to
 * three times.
 *
 * @param p - The token and its client.
 * @param options - How to make requests, and by which clock.
 * @returns Whether the token is revoked; `false` where the server has no revocation endpoint or does not revoke tokens of
 * this type, so that the token lives on until it expires.
 * @throws {@link McpOAuthError} `revocation_failed` where the server refuses; `server_unavailable`, `network_error` or `timeout`
 * where trying again later helps; `invalid_options` where secret or key cannot be used; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function revokeToken(p: RevokeTokenParameters, options?: GrantOptions): Promise<boolean> {
  if (p.authorizationServer.revocation_endpoint === undefined) return false;
  const { clock = systemClock, signal } = options ?? {};
  const http = resolveHttp(p.authorizationServer.issuer, options);
  const request: AuthenticatedRequest = {
    purpose: 'revocation',
    parameters: { token_type_hint: p.tokenTypeHint },
    secrets: [p.token],
    send: (server, client, authentication, requestOptions) =>
      oauth.revocationRequest(server, client, authentication, p.token, requestOptions),
  };
  let waitMs: number | undefined;
  const attempt = async () => {
    waitMs = undefined;
    const { response, refusal } = await sendAuthenticated(http, p, request, signal, { clock });
    if (refusal !== undefined && isTemporary(refusal)) {
      waitMs = retryAfterMs(response, clock.now());
      throw new McpOAuthError(
        'server_unavailable',
        `The authorization server did not revoke the token: ${describeAnswer(refusal)}. Try again later.`,
        { stage: 'token', status: refusal.status, oauthError: refusal.error },
      );
    }
    return refusal;
  };
  const refusal = await withRetry(attempt, {
    attempts: ATTEMPTS,
    clock,
    signal,
    retryAfter: (error, number) => (error.retryable ? (waitMs ?? ownWaitMs(number)) : undefined),
  });
  // Some servers call a token invalid that is revoked already, which RFC 7009 counts as a success.
  if (refusal === undefined || refusal.error === 'invalid_token') return true;
  if (refusal.error === 'unsupported_token_type') return false;
  throw new McpOAuthError(
    'revocation_failed',
    `The authorization server did not revoke the token: ${describeAnswer(refusal)}. It lives on there until it expires; ` +
      'revoke it on the page where the server lists its connected applications.',
    { stage: 'token', status: refusal.status, oauthError: refusal.error },
  );
}
