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
 * How young a token may be to be taken for one that was obtained meanwhile, in ms. The SDK does not say which token its
 * request carried, so a late 401 of a former one would cost a refresh.
 */
const YOUNG_MS = 5_000;

const WAY = "the SDK's own use of token()";

/** The v2 SDK's `AuthProvider` over a session. It handles 401 only: for such a provider the SDK itself throws on a 403. */
export function createSdkAuthProvider(session: AuthSession): SdkAuthProvider {
  let lastGiven: string | undefined;
  /** Requests that were given the present token, and the former one, and have not come back with a 401. */
  let present = 0;
  let former = 0;
  return {
    async token() {
      const token = await session.accessToken();
      await assertBearer();
      if (token !== lastGiven) {
        former = present;
        present = 0;
      }
      lastGiven = token;
      present += 1;
      return token;
    },
    async onUnauthorized({ response }) {
      await assertBearer();
      const refused = lastGiven;
      present = Math.max(0, present - 1);
      const stored = await session.tokens.reload();
      // The SDK tries once more and gives up by itself where that does not help.
      if (isUsable(stored) && (stored.accessToken !== refused || isLate(stored))) return;
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

  /** Whether this 401 may be one of the former token, which came after the present one was obtained. */
  function isLate({ issuedAt }: TokenSet): boolean {
    if (former === 0 || Math.abs(session.options.clock.now() - issuedAt) >= YOUNG_MS) return false;
    former -= 1;
    return true;
  }
}
