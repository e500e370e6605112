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
 * @throws McpOAuthError of stage `store` where the store still holds the session; everything else was done all the same.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function signOut(session: AuthSession): Promise<SignOutResult> {
  session.assertOpen();
  const reason = new McpOAuthError('signed_out', 'The account signed out. Call authorize() to sign in again.', {
    stage: 'authorization',
  });
  session.interrupt(reason);
  // Another window may have refreshed: what is to be revoked is what the store holds now.
  const tokens = await session.tokens.reload().catch(() => session.tokens.current().catch(() => undefined));
  const failures: unknown[] = [];
  const attempt = (work: Promise<void>) => work.catch((error: unknown) => void failures.push(error));
  await attempt(session.setSignedOut(true));
  await attempt(session.tokens.clear());
  // A stream that was opened meanwhile ends too.
  session.streams.end(reason);
  const result = tokens === undefined ? { revoked: false } : await revoke(session, tokens);
  session.emit({ type: 'signed_out' });
  if (failures.length > 0) throw failures[0];
  return result;
}

async function revoke(session: AuthSession, tokens: TokenSet): Promise<SignOutResult> {
  const context = readContext(tokens);
  if (context === undefined) return { revoked: false };
  const { authorizationServer, client } = context;
  const { clock } = session.options;
  const options = { http: session.http, clock, signal: session.closed };
  let revoked = false;
  let error: McpOAuthError | undefined;
  // The refresh token first: it is the one that could bring the session back.
  for (const tokenTypeHint of ['refresh_token', 'access_token'] as const) {
    const token = tokenTypeHint === 'refresh_token' ? tokens.refreshToken : tokens.accessToken;
    // A server that cannot be reached is not waited for twice.
    if (token === undefined || error?.retryable === true) continue;
    try {
      const done = await revokeToken({ authorizationServer, client, token, tokenTypeHint }, options);
      revoked ||= done;
    } catch (caught) {
      if (!isMcpOAuthError(caught)) throw caught;
      error ??= caught;
    }
  }
  return error === undefined ? { revoked } : { revoked: false, error };
}
