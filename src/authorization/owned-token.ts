import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { BearerTokenGrant, OwnedToken } from '../grant.js';
import { type SupplyOptions, supplied } from '../grants/index.js';
import { isVisibleAscii } from '../http/text.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { SignInRequest } from './sign-in-parts.js';

const WHAT = 'The function given to bearerToken()';

/** How long the owner of a token is waited for. */
export type OwnerBounds = SupplyOptions & { readonly clock: Clock };

/**
 * Asks the owner of a token for the present one.
 *
 * @param bounds - How long a function is waited for, and by which clock.
 * @throws McpOAuthError `authorization_failed` where the function fails or gives no token; of what it throws the cause has name and code
 * alone, unless it is an error of this library; `timeout`; `aborted`
 */
export async function askOwner({ token }: BearerTokenGrant, bounds: OwnerBounds): Promise<TokenSet> {
  const given: string | OwnedToken =
    typeof token === 'function' ? await supplied<string | OwnedToken>(token, WHAT, bounds, ownerFailed) : token;
  const { token: accessToken, expiresAt } =
    typeof given === 'string' ? { token: given, expiresAt: undefined } : (given ?? {});
  if (typeof accessToken !== 'string' || !isVisibleAscii(accessToken)) {
    throw failed('bearerToken() gave no token: it has to be a text of visible ASCII characters.');
  }
  const ends = typeof expiresAt === 'number' && Number.isFinite(expiresAt) ? { expiresAt } : {};
  return { accessToken, tokenType: 'bearer', issuedAt: bounds.clock.now(), ...ends };
}

/**
 * The tokens where nobody has refused them yet, or somebody asked for others.
 *
 * @throws McpOAuthError `token_rejected` or `insufficient_scope` where asking once more did not help, and what {@link askOwner} throws
 */
export async function ownedTokens(
  grant: BearerTokenGrant,
  { reason, refused }: SignInRequest,
  bounds: OwnerBounds,
): Promise<TokenSet> {
  if (reason === 'step-up') throw ownedTokenInsufficient();
  if (reason === 'unauthorized' && refused !== undefined) throw ownedTokenRejected();
  return askOwner(grant, bounds);
}

/** Asked once more, the owner gave the same token, or one that was refused too. */
function ownedTokenRejected(): McpOAuthError {
  return new McpOAuthError(
    'token_rejected',
    'The MCP server refuses the token that bearerToken() gave, also after it was asked for once more. Get another one from whoever issues it.',
    { stage: 'resource', status: 401 },
  );
}

/** Nobody here can add a scope to a token that someone else owns. */
function ownedTokenInsufficient(): McpOAuthError {
  return new McpOAuthError(
    'insufficient_scope',
    'The MCP server asks for more scope than the token has that bearerToken() gave. Get one with more scope from whoever issues it.',
    { stage: 'step-up', status: 403, oauthError: 'insufficient_scope' },
  );
}

function ownerFailed(cause: Error | undefined): McpOAuthError {
  return failed(`${WHAT} failed. The cause says with which kind of error.`, cause);
}

function failed(message: string, cause?: unknown): McpOAuthError {
  return new McpOAuthError('authorization_failed', message, { stage: 'authorization', cause });
}
