import { McpOAuthError } from '../errors.js';
import type { OnEvent } from '../events.js';
import type { Lease } from '../stores/token-store.js';
import type { TokenManager } from '../tokens/token-manager.js';
import type { TokenSet } from '../tokens/token-set.js';
import { undamaged } from './adopt-session.js';
import { type Revoking, revokeTokens } from './revoke-session.js';
import { readContext, type SessionContext, writeContext } from './session-context.js';
import { signedOut } from './session-errors.js';
import type { SignedOutMarker } from './signed-out.js';

/** The session that new tokens are for. */
export interface Keeper extends Revoking {
  readonly tokens: TokenManager;
  readonly signedOut: SignedOutMarker;
  readonly emit: OnEvent;
  comeBack(): Promise<void>;
}

/** When new tokens were asked for, and for what. */
export interface KeepOccasion {
  /** The session's epoch when the sign-in began. */
  readonly epoch: number;
  /** Whether they only add to the session, which nobody else may take over by them. */
  readonly addsToSession: boolean | undefined;
  /** Whether a person asked for them; another window's sign-out is ended by nothing else. */
  readonly explicit: boolean | undefined;
  /** Where the session's lock is held. */
  readonly lease?: Lease | undefined;
}

/** Keeps new tokens, unless the account signed out since they were asked for, or another one signed in to add to its scopes. */
export async function keepTokens(
  session: Keeper,
  given: TokenSet,
  { epoch, addsToSession, explicit, lease }: KeepOccasion,
): Promise<TokenSet> {
  const options = lease === undefined ? {} : { lease };
  const isOver = () => epoch !== session.signedOut.epoch;
  const wasSignedOut = await session.signedOut.isSet();
  if (isOver() || (wasSignedOut && explicit !== true)) throw await unwanted(session, given, signedOut());
  const before =
    addsToSession === true ? await undamaged(async () => readContext(await session.tokens.current())) : undefined;
  if (isOfAnother(before, given)) throw await unwanted(session, given, accountMismatch());
  const tokens = withAccountOf(before, given);
  // First: a process that dies in between has no session, and not one that it is told it has signed out of.
  if (wasSignedOut) await session.comeBack();
  await session.tokens.setTokens(tokens, options);
  if (isOver()) {
    await session.tokens.clear(options);
    throw await unwanted(session, tokens, signedOut());
  }
  const context = readContext(tokens);
  // A token that someone else owns says nothing about who issued it.
  if (context === undefined) return tokens;
  session.emit({
    type: 'signed_in',
    issuer: context.issuer,
    scope: tokens.scope ?? [],
    expiresAt: tokens.expiresAt,
    ...(context.account === undefined ? {} : { account: context.account }),
  });
  return tokens;
}

/** Nobody wants these tokens any more; the server should know. */
async function unwanted(session: Keeper, tokens: TokenSet, error: McpOAuthError): Promise<McpOAuthError> {
  await revokeTokens(session, tokens).catch(() => undefined);
  return error;
}

/**
 * Whether the server says that the tokens are of somebody else than the session, or no longer says who. Subjects of two issuers cannot
 * be compared: a session whose authorization server has changed begins anew.
 */
function isOfAnother(before: SessionContext | undefined, tokens: TokenSet): boolean {
  const after = readContext(tokens);
  const had = before?.account?.subject;
  if (had === undefined || after?.account === undefined || before?.issuer !== after.issuer) return false;
  return after.account.subject !== had;
}

/** Tokens that came without an ID token are of the account that the session is of. */
function withAccountOf(before: SessionContext | undefined, tokens: TokenSet): TokenSet {
  const after = readContext(tokens);
  if (after === undefined || after.account !== undefined) return tokens;
  if (before?.account === undefined || before.issuer !== after.issuer) return tokens;
  return { ...tokens, context: writeContext({ ...after, account: before.account }) };
}

function accountMismatch(): McpOAuthError {
  return new McpOAuthError(
    'account_mismatch',
    "Someone else signed in at the authorization server than the account that this session is of, so the session was left as it was. Sign in there as that account and try again; to change the account, use authorize({ authorizationParameters: { prompt: 'select_account' } }).",
    { stage: 'step-up' },
  );
}
