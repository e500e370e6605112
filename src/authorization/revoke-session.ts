import { createProver } from '../dpop/index.js';
import { isMcpOAuthError, type McpOAuthError } from '../errors.js';
import { revokeToken } from '../grants/index.js';
import type { Http } from '../http/index.js';
import type { ResolvedOptions } from '../options.js';
import type { TokenSet } from '../tokens/token-set.js';
import { clientCredentialsOf } from './client-credentials-of.js';
import { readContext, type SessionContext } from './session-context.js';

/** What became of tokens that nobody wants any more. */
export interface Revocation {
  /** Whether the authorization server has revoked them. `false` too where it offers no revocation. */
  readonly revoked: boolean;
  /** Why it has not, where it should have. */
  readonly error?: McpOAuthError;
}

/** The session whose tokens they were. */
export interface Revoking {
  readonly options: Pick<ResolvedOptions, 'clock' | 'grant' | 'clientKey'>;
  readonly http: Http;
  readonly closed: AbortSignal;
}

/**
 * Revokes the refresh and the access token at the server that issued them. A failure is an answer, not an exception.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function revokeTokens(
  { options: sessionOptions, http, closed }: Revoking,
  tokens: TokenSet,
): Promise<Revocation> {
  let revoked = false;
  let error: McpOAuthError | undefined;
  // The refresh token first: it is the one that could bring the session back.
  for (const tokenTypeHint of ['refresh_token', 'access_token'] as const) {
    const token = tokenTypeHint === 'refresh_token' ? tokens.refreshToken : tokens.accessToken;
    // A server that cannot be reached is not waited for twice.
    if (token === undefined || error?.retryable === true) continue;
    try {
      const context: SessionContext | undefined = readContext(tokens);
      if (context === undefined) return { revoked: false };
      const { authorizationServer, client } = context;
      const { clock } = sessionOptions;
      const dpop = context.dpop && (await createProver(context.dpop, clock));
      const presented = { client, ...clientCredentialsOf(sessionOptions) };
      const request = { authorizationServer, ...presented, token, tokenTypeHint, dpop };
      const done = await revokeToken(request, { http, clock, signal: closed });
      revoked ||= done;
    } catch (caught) {
      if (!isMcpOAuthError(caught)) throw caught;
      error ??= caught;
    }
  }
  return error === undefined ? { revoked } : { revoked: false, error };
}
