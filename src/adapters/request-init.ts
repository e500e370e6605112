import type { AuthSession } from '../authorization/session.js';

/**
 * A `RequestInit` whose `headers` is a live getter of the cached token, for hosts that take nothing but `requestInit`.
 * It cannot sign in, refresh on a 401 or step up: sign in with `authorize()` first. A bound token (DPoP), or one that would have to
 * be bound, is in no such header: without a proof made for the request it would be refused.
 */
export function liveRequestInit({
  tokens,
  signedOut,
  parts,
}: Pick<AuthSession, 'tokens' | 'signedOut' | 'parts'>): RequestInit {
  const init: RequestInit = {
    get headers(): Record<string, string> {
      const current = signedOut.isKnown ? undefined : tokens.peek();
      const mayBeSent = current !== undefined && parts.dpop.mayBeBearer(current);
      return mayBeSent ? { authorization: `Bearer ${current.accessToken}` } : {};
    },
  };
  // A provider that is logged as JSON must not show its token.
  return Object.defineProperty(init, 'toJSON', { value: () => ({}) });
}
