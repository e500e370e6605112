import type { AuthSession } from '../authorization/session.js';
import { findAuthChallenge, parseChallenges } from '../challenge.js';
import type { TokenSet } from '../tokens/token-set.js';

/** What the v2 SDK hands to `onUnauthorized`. */
export interface UnauthorizedContext {
  /** The 401. */
  readonly response: Response;
}

/** The v2 SDK's `AuthProvider`. */
export interface SdkAuthProvider {
  token(): Promise<string | undefined>;
  onUnauthorized(context: UnauthorizedContext): Promise<void>;
}

/**
 * A token this young was obtained for another of the concurrent 401s; the SDK does not say which token its request carried,
 * so the request is tried with it first.
 */
const YOUNG_MS = 5_000;

/** The v2 SDK's `AuthProvider` over a session. It handles 401 only: for such a provider the SDK itself throws on a 403. */
export function createSdkAuthProvider(session: AuthSession): SdkAuthProvider {
  let lastGiven: string | undefined;
  /** The young token that was taken for another request's; refused a second time, it is refused for good. */
  let excused: string | undefined;
  return {
    async token() {
      session.assertLive();
      lastGiven = await session.tokens.getAccessToken();
      if (lastGiven === undefined) await session.assertUsable();
      return lastGiven;
    },
    async onUnauthorized({ response }) {
      const refused = lastGiven;
      const stored = await session.tokens.reload();
      // The SDK tries once more and gives up by itself where that does not help.
      if (isUsable(stored) && (stored.accessToken !== refused || mayBeAnothers(stored))) return;
      if (refused !== undefined && (await session.refreshRefused(refused, session.closed)) !== undefined) return;
      await session.assertUsable();
      const challenge = findAuthChallenge(parseChallenges(response));
      await session.signIn({ reason: 'unauthorized', challenge });
    },
  };

  /** Whether `token()` would give something for them. */
  function isUsable(stored: TokenSet | undefined): stored is TokenSet {
    if (stored === undefined) return false;
    const { expiresAt, refreshToken } = stored;
    return refreshToken !== undefined || expiresAt === undefined || expiresAt > session.options.clock.now();
  }

  function mayBeAnothers({ accessToken, issuedAt }: TokenSet): boolean {
    if (accessToken === excused || Math.abs(session.options.clock.now() - issuedAt) >= YOUNG_MS) return false;
    excused = accessToken;
    return true;
  }
}
