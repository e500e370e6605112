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
    const refresh = (_tokens: unknown, { signal }: { signal: AbortSignal }) => {
      const { clock, requestTimeoutMs: timeoutMs } = parts().options;
      return askOwner(grant, { clock, timeoutMs, signal });
    };
    return { refresh, isRefreshable: () => true, isFinal: () => false };
  }
  if (isMachineGrant(grant)) {
    return {
      refresh: (tokens, { signal }) => renewByMachine(parts(), grant, tokens, signal),
      isRefreshable: (tokens) => tokens.context !== undefined,
      // A person has to sign in, which is not for a renewal to wait for; or the tokens are of another client or issuer.
      isFinal: (error) => isMcpOAuthError(error) && ['interaction_required', 'client_mismatch'].includes(error.code),
    };
  }
  return {
    refresh: (tokens, { signal }) => refreshSession(parts(), tokens, signal),
    isFinal: (error) => classifyRefreshFailure(error) === 'dead',
  };
}
