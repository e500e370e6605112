import { isMcpOAuthError } from '../errors.js';
import { type Grant, isMachineGrant } from '../grant.js';
import { classifyRefreshFailure } from '../grants/index.js';
import type { TokenManagerOptions } from '../tokens/token-manager-options.js';
import { renewByMachine } from './machine-sign-in.js';
import { askOwner } from './owned-token.js';
import { refreshSession } from './session-refresh.js';
import type { SignInParts } from './sign-in-parts.js';

/** How the tokens of a grant are renewed without a sign-in. */
export function renewalOf(
  grant: Grant | undefined,
  parts: () => SignInParts,
): Pick<TokenManagerOptions, 'refresh' | 'isRefreshable' | 'isFinal'> {
  if (grant?.type === 'bearer_token') {
    const refresh = () => askOwner(grant, parts().options.clock.now());
    return { refresh, isRefreshable: () => true, isFinal: () => false };
  }
  if (isMachineGrant(grant)) {
    return {
      refresh: (tokens, { signal }) => renewByMachine(parts(), grant, tokens, signal),
      isRefreshable: (tokens) => tokens.context !== undefined,
      // A person has to sign in, which is not for a renewal to wait for.
      isFinal: (error) => isMcpOAuthError(error) && error.code === 'interaction_required',
    };
  }
  return {
    refresh: (tokens, { signal }) => refreshSession(parts(), tokens, signal),
    isFinal: (error) => classifyRefreshFailure(error) === 'dead',
  };
}
