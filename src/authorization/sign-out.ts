import { isMcpOAuthError, type McpOAuthError } from '../errors.js';
import type { TokenSet } from '../tokens/token-set.js';
import { undamaged } from './adopt-session.js';
import { retireRegistration } from './retire-registration.js';
import { type Revocation, revokeTokens } from './revoke-session.js';
import type { AuthSession } from './session.js';
import { readContext } from './session-context.js';
import { signedOut } from './session-errors.js';

/** Options of `signOut()`. */
export interface SignOutOptions {
  /** Forgets a client that was registered dynamically or asked for too, so that the next sign-in begins from nothing. Default: `false`. */
  readonly forgetRegistration?: boolean;
}

/** How a sign-out went. The session is over here in any case; tokens that were not revoked live on until they expire. */
export interface SignOutResult extends Revocation {
  /** Whether the dynamic registration was deleted at the server: it offers that, and no other stored session uses it. */
  readonly registrationDeleted: boolean;
}

/**
 * Forgets the session, then revokes it at the server, then deletes its registration. In this order, so that a process that dies in
 * between is signed out, and a client that is gone is not needed any more.
 *
 * @throws McpOAuthError of stage `store` where the store still holds the session; everything else was done all the same.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function signOut(session: AuthSession, options: SignOutOptions = {}): Promise<SignOutResult> {
  session.assertOpen();
  session.signedOut.begin();
  session.interrupt(signedOut());
  // Another window may have refreshed: what is to be revoked is what the store holds now.
  const tokens = await session.tokens.reload().catch(() => session.tokens.current().catch(() => undefined));
  const failures: unknown[] = [];
  const attempt = (work: Promise<void>) => work.catch((error: unknown) => void failures.push(error));
  await attempt(session.signedOut.store());
  await attempt(session.tokens.clear());
  session.parts.dpop.forget();
  // A stream that was opened meanwhile ends too.
  session.streams.end(signedOut());
  const revocation = tokens === undefined ? { revoked: false } : await revokeTokens(session, tokens);
  const retirement = await retire(session, tokens, options.forgetRegistration === true);
  session.emit({ type: 'signed_out' });
  if (failures.length > 0) throw failures[0];
  return { ...retirement, ...revocation };
}

/** A failure is an answer, not an exception: the session is over. */
async function retire(
  session: AuthSession,
  tokens: TokenSet | undefined,
  forget: boolean,
): Promise<{ registrationDeleted: boolean; error?: McpOAuthError }> {
  try {
    const context = await undamaged(async () => readContext(tokens));
    const registrationDeleted = context !== undefined && (await retireRegistration(session, context, forget));
    return { registrationDeleted };
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    return { registrationDeleted: false, error };
  }
}
