import type { AuthSession } from '../authorization/session.js';
import { findAuthChallenge, parseChallenges } from '../challenge.js';
import type { TokenSet } from '../tokens/token-set.js';
import { handedOut } from './handed-out.js';

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

const WAY = "the SDK's own use of token()";

/** The v2 SDK's `AuthProvider` over a session. It handles 401 only: for such a provider the SDK itself throws on a 403. */
export function createSdkAuthProvider(session: AuthSession): SdkAuthProvider {
  const given = handedOut(session.options.clock);
  return {
    async token() {
      const token = await session.accessToken();
      await assertBearer();
      given.give(token);
      return token;
    },
    async onUnauthorized({ response }) {
      await assertBearer();
      const refused = given.refused();
      const stored = await session.tokens.reload();
      // The SDK tries once more and gives up by itself where that does not help.
      if (isUsable(stored) && (stored.accessToken !== refused || given.isLate(stored))) return;
      if (refused !== undefined && (await session.refreshRefused(refused, session.closed)) !== undefined) return;
      await session.assertUsable();
      const challenge = findAuthChallenge(parseChallenges(response));
      await session.signIn({ reason: 'unauthorized', challenge, refused, withoutProofs: WAY });
    },
  };

  /** Before a person is asked, where that would be in vain. */
  async function assertBearer(): Promise<void> {
    session.parts.dpop.assertBearer(session.tokens.peek() ?? (await session.tokens.current()), WAY);
  }

  /** Whether `token()` would give something for them. */
  function isUsable(stored: TokenSet | undefined): stored is TokenSet {
    if (stored === undefined) return false;
    const { expiresAt, refreshToken } = stored;
    return refreshToken !== undefined || expiresAt === undefined || expiresAt > session.options.clock.now();
  }
}
