import { isBound } from '../authorization/dpop-session.js';
import type { AuthSession } from '../authorization/session.js';

/**
 * A `RequestInit` whose `headers` is a live getter of the cached token, for hosts that take nothing but `requestInit`.
 * It cannot sign in, refresh on a 401 or step up: sign in with `authorize()` first. A bound token (DPoP) is in no such header: without
 * a proof made for the request it would be refused.
 */
export function liveRequestInit({ tokens, signedOut }: Pick<AuthSession, 'tokens' | 'signedOut'>): RequestInit {
  const init: RequestInit = {
    get headers(): Record<string, string> {
      const current = signedOut.here ? undefined : tokens.peek();
      return current === undefined || isBound(current) ? {} : { authorization: `Bearer ${current.accessToken}` };
    },
  };
  // A provider that is logged as JSON must not show its token.
  return Object.defineProperty(init, 'toJSON', { value: () => ({}) });
}
