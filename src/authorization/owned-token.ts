import { McpOAuthError } from '../errors.js';
import type { BearerTokenGrant, OwnedToken } from '../grant.js';
import { safeCause } from '../http/index.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { SignInRequest } from './sign-in-parts.js';

/** What can stand in an `Authorization` header: visible ASCII. */
const HEADER_VALUE = /^[\x21-\x7e]+$/;

/**
 * Asks the owner of a token for the present one.
 *
 * @param now - ms since the epoch
 * @throws McpOAuthError `authorization_failed` where the function fails or gives no token; what it throws is the cause, unless it is
 * an error of this library
 */
export async function askOwner({ token }: BearerTokenGrant, now: number): Promise<TokenSet> {
  let given: string | OwnedToken;
  try {
    given = typeof token === 'function' ? await token() : token;
  } catch (error) {
    if (error instanceof McpOAuthError) throw error;
    throw failed('The function given to bearerToken() failed; its error is the cause.', safeCause(error));
  }
  const { token: accessToken, expiresAt } =
    typeof given === 'string' ? { token: given, expiresAt: undefined } : (given ?? {});
  if (typeof accessToken !== 'string' || !HEADER_VALUE.test(accessToken)) {
    throw failed('bearerToken() gave no token: it has to be a text of visible ASCII characters.');
  }
  const ends = typeof expiresAt === 'number' && Number.isFinite(expiresAt) ? { expiresAt } : {};
  return { accessToken, tokenType: 'bearer', issuedAt: now, ...ends };
}

/**
 * The tokens where nobody has refused them yet, or somebody asked for others.
 *
 * @throws McpOAuthError `token_rejected` or `insufficient_scope` where asking once more did not help, and what {@link askOwner} throws
 */
export async function ownedTokens(
  grant: BearerTokenGrant,
  { reason, refused }: SignInRequest,
  now: number,
): Promise<TokenSet> {
  if (reason === 'step-up') throw ownedTokenInsufficient();
  if (reason === 'unauthorized' && refused !== undefined) throw ownedTokenRejected();
  return askOwner(grant, now);
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

function failed(message: string, cause?: unknown): McpOAuthError {
  return new McpOAuthError('authorization_failed', message, { stage: 'authorization', cause });
}
