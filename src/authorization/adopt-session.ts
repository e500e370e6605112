import type { Clock } from '../clock.js';
import { isMcpOAuthError } from '../errors.js';
import { coversScope, unionScopes } from '../scope.js';
import { isExpired } from '../tokens/expiry.js';
import type { TokenManager } from '../tokens/token-manager.js';
import type { TokenSet } from '../tokens/token-set.js';
import { readContext } from './session-context.js';
import type { SignInRequest } from './sign-in-parts.js';

/** Tokens that another window, process or machine stored, where they do for what a sign-in is to bring. */
export async function adoptStored(
  tokens: TokenManager,
  { refused, scope = [], additionalScope }: SignInRequest,
  clock: Clock,
): Promise<TokenSet | undefined> {
  const stored = await undamaged(async () => tokens.reload());
  if (stored === undefined || stored.accessToken === refused || isExpired(stored, clock.now())) return undefined;
  const requested = await undamaged(async () => unionScopes(readContext(stored)?.requestedScope, stored.scope));
  return requested !== undefined && coversScope(requested, unionScopes(scope, additionalScope)) ? stored : undefined;
}

/** A damaged session is what a sign-in replaces: it counts as none. */
export async function undamaged<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isMcpOAuthError(error) && error.code === 'store_unreadable') return undefined;
    throw error;
  }
}
