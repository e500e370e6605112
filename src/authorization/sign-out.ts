import type { Challenge } from '../challenge.js';
import { isMcpOAuthError, type McpOAuthError } from '../errors.js';
import type { TokenSet } from '../tokens/token-set.js';
import { undamaged } from './adopt-session.js';
import { type Retirement, retireRegistrations } from './retire-registration.js';
import { type Revocation, revokeTokens } from './revoke-session.js';
import type { AuthSession } from './session.js';
import { readContext } from './session-context.js';
import { signedOut } from './session-errors.js';
import { discoverFor } from './sign-in-attempts.js';

/** Options of `signOut()`. */
export interface SignOutOptions {
  /** Forgets a client that was registered dynamically or asked for too, so that the next sign-in begins from nothing. Default: `false`. */
  readonly forgetRegistration?: boolean;
}

/** Draws the MCP server's challenge. */
export type ChallengeSource = () => Promise<Challenge | undefined>;

/** How a sign-out went. The session is over here in any case; tokens that were not revoked live on until they expire. */
export interface SignOutResult extends Revocation, Retirement {}

/**
 * Forgets the session, then revokes it at the server, then deletes its registration. In this order, so that a process that dies in
 * between is signed out, and a client that is gone is not needed any more.
 *
 * @param challenge - Asked where a registration is to be forgotten and there is no session that names its issuer.
 * @throws McpOAuthError of stage `store` where the store still holds the session; everything else was done all the same.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
 */
export async function signOut(
  session: AuthSession,
  options: SignOutOptions = {},
  challenge: ChallengeSource = async () => undefined,
): Promise<SignOutResult> {
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
  const retirement = await retire(session, tokens, options.forgetRegistration === true, challenge);
  session.emit({ type: 'signed_out' });
  if (failures.length > 0) throw failures[0];
  return { ...retirement, ...revocation };
}

/** A failure is an answer, not an exception: the session is over. */
async function retire(
  session: AuthSession,
  tokens: TokenSet | undefined,
  forget: boolean,
  challenge: ChallengeSource,
): Promise<Retirement & { error?: McpOAuthError }> {
  try {
    const context = await undamaged(async () => readContext(tokens));
    const issuer = context?.issuer ?? (forget ? await currentIssuer(session, challenge) : undefined);
    if (issuer === undefined) return NOTHING;
    return await retireRegistrations(session, { issuer, clientId: context?.client.client_id, forget });
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    return { ...NOTHING, error };
  }
}

const NOTHING: Retirement = { registrationDeleted: false, registrationForgotten: false };

/** Without a session only the server itself says where its clients are registered. */
async function currentIssuer(session: AuthSession, challenge: ChallengeSource): Promise<string> {
  const request = { reason: 'authorize', challenge: await challenge() } as const;
  const { issuer } = await discoverFor(session.parts, request, session.closed);
  return issuer;
}
