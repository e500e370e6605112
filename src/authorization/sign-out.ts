import type { Challenge } from '../challenge.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { TokenSet } from '../tokens/token-set.js';
import { undamaged } from './adopt-session.js';
import { type Retirement, type Retiring, retireRegistrations } from './retire-registration.js';
import { type Revocation, type Revoking, revokeTokens } from './revoke-session.js';
import type { AuthSession } from './session.js';
import { readContext } from './session-context.js';
import { signedOut } from './session-errors.js';
import { discoverFor } from './sign-in-attempts.js';

/** Options of `signOut()`. */
export interface SignOutOptions {
  /** Forgets a client that was registered dynamically or asked for too, so that the next sign-in begins from nothing. Default: `false`. */
  readonly forgetRegistration?: boolean;
  /**
   * Leaves nothing of the account in the store, the mark that it signed out included: for the deletion of a user's data. Close what
   * else uses the account before; another program would sign in again. The mark stays where the tokens could not be removed.
   * Default: `false`.
   */
  readonly forgetAccount?: boolean;
  /** Ends the part of it that the server has: the session is over here all the same. */
  readonly signal?: AbortSignal;
}

/** How long the server may take for all of its part, in ms. */
const SERVER_PART_MS = 10_000;

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
  const attempt = (work: Promise<void>) =>
    work.then(
      () => true,
      (error: unknown) => {
        failures.push(error);
        return false;
      },
    );
  await attempt(session.signedOut.store());
  const isCleared = await attempt(session.tokens.clear());
  session.parts.dpop.forget();
  // A stream that was opened meanwhile ends too.
  session.streams.end(signedOut());
  const atServer = await withinServerPart(session, options.signal, async (signal) => {
    const { http, store, registrations, parts, options: sessionOptions } = session;
    const ending = { http, store, registrations, parts, options: sessionOptions, closed: signal };
    const revocation = tokens === undefined ? { revoked: false } : await revokeTokens(ending, tokens);
    return { ...(await retire(ending, tokens, options.forgetRegistration === true, challenge)), ...revocation };
  });
  // Last, as until then it keeps a refresh that is under way elsewhere from bringing the session back; and not where the tokens are in
  // the store still: nothing but the mark keeps them from being used.
  if (options.forgetAccount === true && isCleared) await attempt(session.signedOut.erase());
  session.emit({ type: 'signed_out' });
  if (failures.length > 0) throw failures[0];
  return atServer;
}

/** A server that does not answer keeps nobody waiting for long. */
async function withinServerPart<T>(
  { options: { clock }, closed }: AuthSession,
  given: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bound = new AbortController();
  const stop = clock.schedule(SERVER_PART_MS, () => bound.abort(tooSlow()), { keepAlive: true });
  try {
    return await work(AbortSignal.any([closed, bound.signal, ...(given === undefined ? [] : [given])]));
  } finally {
    stop();
  }
}

function tooSlow(): McpOAuthError {
  return new McpOAuthError(
    'timeout',
    `The authorization server did not answer within ${SERVER_PART_MS / 1_000} s. The session is over here; its tokens live on there until they expire.`,
    { stage: 'token' },
  );
}

/** The session that ends, as far as the server has a part in that. */
type Ending = Revoking & Retiring & Pick<AuthSession, 'parts'>;

/** A failure is an answer, not an exception: the session is over. */
async function retire(
  session: Ending,
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
async function currentIssuer(session: Ending, challenge: ChallengeSource): Promise<string> {
  const request = { reason: 'authorize', challenge: await challenge() } as const;
  const { issuer } = await discoverFor(session.parts, request, session.closed);
  return issuer;
}
