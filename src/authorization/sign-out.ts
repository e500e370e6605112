import { type Revocation, revokeTokens } from './revoke-session.js';
import type { AuthSession } from './session.js';
import { signedOut } from './session-errors.js';

/** How a sign-out went. The session is over here in any case; tokens that were not revoked live on until they expire. */
export type SignOutResult = Revocation;

/**
 * Forgets the session, then revokes it at the server. In this order, so that a process that dies in between is signed out.
 *
 * @throws McpOAuthError of stage `store` where the store still holds the session; everything else was done all the same.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function signOut(session: AuthSession): Promise<SignOutResult> {
  session.assertOpen();
  session.signedOut.begin();
  session.interrupt(signedOut());
  // Another window may have refreshed: what is to be revoked is what the store holds now.
  const tokens = await session.tokens.reload().catch(() => session.tokens.current().catch(() => undefined));
  const failures: unknown[] = [];
  const attempt = (work: Promise<void>) => work.catch((error: unknown) => void failures.push(error));
  await attempt(session.signedOut.store());
  await attempt(session.tokens.clear());
  // A stream that was opened meanwhile ends too.
  session.streams.end(signedOut());
  const result = tokens === undefined ? { revoked: false } : await revokeTokens(session, tokens);
  session.emit({ type: 'signed_out' });
  if (failures.length > 0) throw failures[0];
  return result;
}
