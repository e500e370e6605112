import { isMcpOAuthError } from '../errors.js';
import { coversScope, unionScopes } from '../scope.js';
import type { TokenManager } from '../tokens/token-manager.js';
import type { TokenSet } from '../tokens/token-set.js';
import { readContext, type SessionContext } from './session-context.js';
import type { SignInRequest } from './sign-in-parts.js';

/**
 * Tokens that another window, process or machine stored, where they do for what a sign-in is to bring: they are not those that were
 * refused, and they have the scopes, or someone was asked for the scopes after the refused ones were issued.
 */
export async function adoptStored(
  tokens: TokenManager,
  { refused, requested, scope = [], additionalScope, parameters }: SignInRequest,
): Promise<TokenSet | undefined> {
  // What somebody asked for in particular, such as another account, only a sign-in brings.
  if (parameters !== undefined) return undefined;
  const reloaded = await undamaged(async () => tokens.reload());
  const stored = reloaded === undefined ? undefined : tokens.peek();
  if (stored === undefined || stored.accessToken === refused) return undefined;
  const wanted = unionScopes(scope, additionalScope);
  const asked = await undamaged(async () => readContext(stored)?.requestedScope ?? []);
  if (asked === undefined) return undefined;
  if (coversScope(stored.scope, wanted)) return stored;
  if (!coversScope(unionScopes(asked, stored.scope), wanted)) return undefined;
  // A refresh of the refused ones brings no more than they had.
  return coversScope(requested, wanted) ? undefined : stored;
}

/** What is kept beside the session's tokens, where it is there and can be read. */
export function storedContext(tokens: TokenManager): Promise<SessionContext | undefined> {
  return undamaged(async () => readContext(await tokens.current()));
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
