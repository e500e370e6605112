import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { safeCause } from '../http/index.js';
import { normalizeTokens } from './token-codec.js';
import type { TokenSet } from './token-set.js';

/** How long a refreshed token is used at least, in ms: one that lives for milliseconds would cost a refresh with every call. */
const LEAST_USE_MS = 1_000;

/** Whether a failed refresh means that the refresh token is dead. @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 | RFC 6749 section 5.2} */
export function isInvalidGrant(error: unknown): boolean {
  return isMcpOAuthError(error) && error.code === 'token_request_failed' && error.oauthError === 'invalid_grant';
}

/**
 * What a refresh answered, completed by what it did not repeat: the refresh token and the scope stay as they were.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-6 | RFC 6749 section 6}
 */
export function mergeRefreshed(former: TokenSet, result: TokenSet, now: number): TokenSet {
  const next = normalizeTokens(result, now);
  if (next === undefined) {
    throw new McpOAuthError(
      'invalid_response',
      'The refresh function gave no access token. Let it resolve to a token set or reject.',
      { stage: 'token' },
    );
  }
  const { refreshToken, scope, context } = former;
  const { issuedAt, expiresAt = issuedAt } = next;
  return {
    ...(refreshToken !== undefined && { refreshToken }),
    ...(scope !== undefined && { scope }),
    ...(context !== undefined && { context }),
    ...next,
    ...(expiresAt > issuedAt && { expiresAt: Math.max(expiresAt, issuedAt + LEAST_USE_MS) }),
  };
}

/** The error of a refresh function as ours. One that the Web platform throws for a failed fetch can be tried again. */
export function refreshError(error: unknown): McpOAuthError {
  if (isMcpOAuthError(error)) return error;
  if (error instanceof TypeError) {
    return new McpOAuthError(
      'network_error',
      'The refresh got no answer. Nothing was lost; check the network and try again.',
      {
        stage: 'token',
        cause: safeCause(error),
      },
    );
  }
  return new McpOAuthError(
    'token_request_failed',
    'The refresh function failed. Its error is the cause; try again once it is solved.',
    {
      stage: 'token',
      cause: safeCause(error),
    },
  );
}
