import type { Discovery } from '../discovery/index.js';
import { DEVICE_CODE_GRANT, isMachineGrant } from '../grant.js';
import type { TokenSet } from '../tokens/token-set.js';
import { authorizeOnDevice, isRefusedOnDevice } from './device-sign-in.js';
import { authorizeMachine } from './machine-sign-in.js';
import { ownedTokens } from './owned-token.js';
import { authorizeInBrowser } from './sign-in.js';
import { discoverFor } from './sign-in-attempts.js';
import type { AuthorizedCallback, SignInParts, SignInRequest } from './sign-in-parts.js';
import type { Turn } from './sign-in-turn.js';

/** How the ways to sign in end. */
export interface SignInEnds {
  /** Turns a callback into tokens, and keeps them. */
  readonly exchange: (callback: AuthorizedCallback) => Promise<TokenSet>;
  /** Keeps tokens that came without a callback. */
  readonly keep: (tokens: TokenSet) => Promise<TokenSet>;
  /** When the sign-in runs out of time, in ms since the epoch. */
  readonly endsAt: number;
  /** Whether the library may choose the device code by itself. */
  readonly mayChooseDevice: boolean;
}

/** Gets tokens by the grant that was chosen. */
export async function signInByGrant(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  ends: SignInEnds,
): Promise<TokenSet> {
  const { grant, clock, requestTimeoutMs } = parts.options;
  if (grant?.type === 'bearer_token') {
    const bounds = { clock, timeoutMs: requestTimeoutMs, signal: turn.signal };
    return ends.keep(await ownedTokens(grant, request, bounds));
  }
  if (isMachineGrant(grant)) return ends.keep(await authorizeMachine(parts, grant, request, turn.signal));
  return signInPerson(parts, request, turn, ends);
}

/**
 * Signs a person in by the grant that was chosen. Where none was: by the browser, except where none can be seen from here, the
 * application brings none either, and the server offers the device code; where that is refused for this client, by the browser
 * after all, whose URL is offered then.
 */
async function signInPerson(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  { exchange, keep, endsAt, mayChooseDevice }: SignInEnds,
): Promise<TokenSet> {
  const { grant } = parts.options;
  if (grant?.type === 'device_code') return authorizeOnDevice(parts, request, turn, { keep, endsAt, chosen: false });
  const isOpenChoice = grant === undefined && mayChooseDevice && (await lacksBrowser(parts));
  if (!isOpenChoice) return authorizeInBrowser(parts, request, turn, exchange);
  const discovery = await discoverFor(parts, request, turn.signal);
  if (offersDeviceCode(discovery)) {
    let shown = false;
    const onShown = () => {
      shown = true;
    };
    try {
      return await authorizeOnDevice(parts, request, turn, { keep, endsAt, chosen: true, discovery, onShown });
    } catch (error) {
      // Nobody has seen a code yet, so whatever it was, the browser may still do.
      if (turn.signal.aborted || (shown && !isRefusedOnDevice(error))) throw error;
    }
  }
  return authorizeInBrowser(parts, request, turn, exchange, discovery);
}

async function lacksBrowser({ options, surroundings }: SignInParts): Promise<boolean> {
  if (options.openBrowser !== undefined || options.redirectUrl !== undefined) return false;
  return !(await surroundings()).canShowBrowser;
}

function offersDeviceCode({ authorizationServer }: Discovery): boolean {
  const { device_authorization_endpoint: endpoint, grant_types_supported: grants } = authorizationServer;
  return endpoint !== undefined && (!Array.isArray(grants) || grants.includes(DEVICE_CODE_GRANT));
}
