import type { AuthSession } from '../authorization/session.js';

/**
 * A `RequestInit` whose `headers` is a live getter of the cached token, for hosts that take nothing but `requestInit`.
 * It cannot sign in, refresh on a 401 or step up: sign in with `authorize()` first.
 */
export function liveRequestInit({ tokens, signedOut }: Pick<AuthSession, 'tokens' | 'signedOut'>): RequestInit {
  const init: RequestInit = {
    get headers(): Record<string, string> {
      const token = signedOut.here ? undefined : tokens.peek()?.accessToken;
      return token === undefined ? {} : { authorization: `Bearer ${token}` };
    },
  };
  // A provider that is logged as JSON must not show its token.
  return Object.defineProperty(init, 'toJSON', { value: () => ({}) });
}
