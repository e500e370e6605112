import type { TokenManager } from './tokens/token-manager.js';

/**
 * A `RequestInit` whose `headers` is a live getter of the cached token, for hosts that take nothing but `requestInit`.
 * It cannot sign in, refresh on a 401 or step up: sign in with `authorize()` first.
 */
export function liveRequestInit(tokens: TokenManager): RequestInit {
  const init: RequestInit = {
    get headers(): Record<string, string> {
      const token = tokens.peek()?.accessToken;
      return token === undefined ? {} : { authorization: `Bearer ${token}` };
    },
  };
  // A provider that is logged as JSON must not show its token.
  return Object.defineProperty(init, 'toJSON', { value: () => ({}) });
}
