import type { AuthSession } from './authorization/session.js';
import { readContext } from './authorization/session-context.js';
import { isMcpOAuthError, McpOAuthError } from './errors.js';
import { revokeToken } from './grants/index.js';
import type { TokenSet } from './tokens/token-set.js';

/** How a sign-out went. The session is over here in any case. */
export interface SignOutResult {
  /** Whether the authorization server has revoked the tokens. `false` too where it offers no revocation. */
  readonly revoked: boolean;
  /** Why it has not, where it should have. The tokens then live on at the server until they expire. */
  readonly error?: McpOAuthError;
}

/**
 * Forgets the session, then revokes it at the server. In this order, so that a process that dies in between is signed out.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function signOut(session: AuthSession): Promise<SignOutResult> {
  session.assertOpen();
  session.cancelSignIn(new McpOAuthError('signed_out', 'The account signed out.', { stage: 'authorization' }));
  const tokens = await session.tokens.current();
  await session.setSignedOut(true);
  await session.tokens.clear();
  const result = tokens === undefined ? { revoked: false } : await revoke(session, tokens);
  session.emit({ type: 'signed_out' });
  return result;
}

async function revoke(session: AuthSession, tokens: TokenSet): Promise<SignOutResult> {
  const context = readContext(tokens);
  if (context === undefined) return { revoked: false };
  const { authorizationServer, client } = context;
  const parts = { authorizationServer, client };
  try {
    // The refresh token first: it is the one that could bring the session back.
    const refresh =
      tokens.refreshToken !== undefined &&
      (await revokeToken(
        { ...parts, token: tokens.refreshToken, tokenTypeHint: 'refresh_token' },
        { http: session.http },
      ));
    const access = await revokeToken(
      { ...parts, token: tokens.accessToken, tokenTypeHint: 'access_token' },
      { http: session.http },
    );
    return { revoked: refresh || access };
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    return { revoked: false, error };
  }
}
