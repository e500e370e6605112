import type { Discovery } from '../discovery/index.js';
import type { DpopProver } from '../dpop/index.js';
import { abortError, isMcpOAuthError, McpOAuthError } from '../errors.js';
import {
  type DeviceAuthorization,
  deviceNotOffered,
  pollDeviceTokens,
  requestDeviceAuthorization,
  type TokenResult,
} from '../grants/index.js';
import type { ResolvedClient } from '../registration/index.js';
import type { TokenSet } from '../tokens/token-set.js';
import { clientCredentialsOf } from './client-credentials-of.js';
import { openForPerson } from './open-for-person.js';
import { rememberClient, withContext } from './redeem.js';
import { type RequestedAccess, requestedAccess } from './requested-access.js';
import { accountFromClaims } from './session-context.js';
import { unseen } from './session-errors.js';
import { type Attempt, discoverFor, findClient, withAttempts } from './sign-in-attempts.js';
import { occasionOf, type SignInParts, type SignInRequest } from './sign-in-parts.js';
import type { Turn } from './sign-in-turn.js';

/** How a sign-in by device code goes. */
export interface DeviceSignIn {
  /** Keeps the tokens. */
  readonly keep: (tokens: TokenSet) => Promise<TokenSet>;
  /** When the sign-in runs out of time, in ms since the epoch. */
  readonly endsAt: number;
  /** Whether the library chose it: then a refusal of the client is no reason to ask anyone for another one, or to register again. */
  readonly chosen: boolean;
  /** Told when the first code is shown. */
  readonly onShown?: () => void;
  /** What was found already. */
  readonly discovery?: Discovery | undefined;
}

/** Where codes run out faster than a person can enter them, this many are enough. */
const MOST_CODES = 5;
/** A code that lived shorter than this is not followed by another one, in ms: nobody could have entered it. */
const SHORTEST_LIFE_MS = 30_000;
/** What says that this client may not sign in by device code. */
const NOT_FOR_CLIENT: ReadonlySet<string | undefined> = new Set(['unauthorized_client', 'unsupported_grant_type']);
const REFUSALS: ReadonlySet<string> = new Set(['invalid_client', 'registration_failed', 'registration_unavailable']);

/**
 * Has a person enter a code in a browser on any device, and waits for the tokens.
 *
 * Where the code runs out before the sign-in's time limit, another one is asked for, up to five in all; each is an event of its own.
 * There is no PKCE in this grant, so support for it is not asked for.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8628.html | RFC 8628}
 */
export function authorizeOnDevice(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  how: DeviceSignIn,
): Promise<TokenSet> {
  return withAttempts(parts, {
    signal: turn.signal,
    discovery: how.discovery,
    run: (attempt) => attemptOnDevice(parts, request, turn, how, attempt),
    ended: async (attempt) => explainEnd(parts, attempt, abortError(turn.signal, 'authorization')),
    isFinal: (error) => how.chosen && isMcpOAuthError(error) && NOT_FOR_CLIENT.has(error.oauthError),
  });
}

/** Whether there is no sign-in by device code for this client, or none that can be used, so that the browser may still do. */
export function isRefusedOnDevice(error: unknown): boolean {
  if (!isMcpOAuthError(error)) return false;
  const { code, oauthError, stage } = error;
  if (NOT_FOR_CLIENT.has(oauthError) || REFUSALS.has(code)) return true;
  // Servers have other words for it too, `invalid_request` for one.
  if (code === 'authorization_failed') return oauthError !== 'invalid_scope' && oauthError !== 'invalid_target';
  return stage === 'authorization' && (code === 'invalid_response' || code === 'address_refused');
}

async function attemptOnDevice(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  { keep, endsAt, chosen, onShown }: DeviceSignIn,
  attempt: Attempt,
): Promise<TokenSet> {
  const { signal } = turn;
  const discovery = await discoverFor(parts, request, signal, attempt);
  const { issuer, authorizationServer } = discovery;
  // Before a client is registered that could never be used.
  if (authorizationServer.device_authorization_endpoint === undefined) throw deviceNotOffered();
  const client = await findClient(parts, discovery, { signal, mayAsk: !chosen });
  attempt.client = client;
  turn.uses({ issuer, clientId: client.client.client_id });
  const access = requestedAccess(parts.options, { request, discovery, offlineAccess: attempt.offlineAccess });
  attempt.addedOfflineAccess = access.addedOfflineAccess;
  const { withoutProofs } = request;
  const key = await parts.dpop.keyFor({ discovery, adds: occasionOf(request).addsToSession, withoutProofs });
  const binding = key === undefined ? {} : { dpop: key };
  const dpop = key && (await parts.dpop.prover(key));
  const leg = { discovery, client, access, dpop, endsAt, chosen, onShown, attempt };
  const { tokens, idTokenClaims, client: presented } = await byCode(parts, request, turn, leg);
  turn.arrived();
  const { scope, resource } = access;
  const registration = client.kind;
  if (presented !== undefined) await rememberClient(parts, { issuer, registration }, presented);
  const indicated = resource === undefined ? {} : { resource };
  const context = { issuer, authorizationServer, registration, scope, ...indicated, ...binding };
  return keep(withContext(tokens, context, presented ?? client.client, accountFromClaims(idTokenClaims)));
}

/** What the requests of one attempt are made of. */
interface DeviceLeg {
  readonly discovery: Discovery;
  readonly client: ResolvedClient;
  readonly access: RequestedAccess;
  /** Proves the key that the tokens are to be bound to. */
  readonly dpop: DpopProver | undefined;
  /** When the sign-in runs out of time, in ms since the epoch. */
  readonly endsAt: number;
  /** Whether the library chose this grant. */
  readonly chosen: boolean;
  readonly onShown: (() => void) | undefined;
  readonly attempt: Attempt;
}

async function byCode(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  { discovery, client, access, dpop, endsAt, chosen, onShown, attempt }: DeviceLeg,
): Promise<TokenResult> {
  const { options, http } = parts;
  const { tokenParameters, authorizationParameters, clock } = options;
  const { signal } = turn;
  const { scope, resource } = access;
  const { authorizationServer } = discovery;
  const common = { authorizationServer, client: client.client, ...clientCredentialsOf(options), scope, resource };
  const parameters = { ...authorizationParameters, ...request.parameters };
  for (let codes = 1; ; codes += 1) {
    const how = { http, signal, clock, timeoutMs: options.requestTimeoutMs };
    const deviceAuthorization = await requestDeviceAuthorization({ ...common, parameters }, how);
    if (chosen) assertOwnPage(deviceAuthorization, discovery.issuer);
    if (codes === 1) parts.prompted(request.reason);
    onShown?.();
    const shownAt = clock.now();
    await present(parts, turn, deviceAuthorization, { issuer: discovery.issuer, endsAt, opens: codes === 1, attempt });
    try {
      const leg = {
        ...common,
        dpop,
        deviceAuthorization,
        ...(tokenParameters === undefined ? {} : { tokenParameters }),
      };
      return await pollDeviceTokens(leg, how);
    } catch (error) {
      const isOver = isMcpOAuthError(error) && error.code === 'sign_in_timeout';
      // A server whose codes are over at once would show one after the other.
      if (signal.aborted || codes >= MOST_CODES || !isOver || clock.now() - shownAt < SHORTEST_LIFE_MS)
        throw explainEnd(parts, attempt, error);
    }
  }
}

/** What ran out of time, with why nobody had a chance where that is so. */
function explainEnd<E>({ options }: SignInParts, { unopened }: Attempt, error: E): E | McpOAuthError {
  if (unopened !== true || options.onEvent !== undefined) return error;
  return isMcpOAuthError(error) && error.code === 'sign_in_timeout' ? unseen(error, 'device_code') : error;
}

/**
 * Whoever is shown a code without having asked for this grant must not be sent to the page of another company: a hostile server could
 * have them enter a code of its own choice there.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-5.4 | RFC 8628 section 5.4}
 */
function assertOwnPage({ verificationUri }: DeviceAuthorization, issuer: string): void {
  if (new URL(verificationUri).hostname === new URL(issuer).hostname) return;
  throw new McpOAuthError(
    'address_refused',
    'The page to enter the code at is not one of the authorization server. Choose deviceCode() if that is as it should be.',
    { stage: 'authorization', url: new URL(verificationUri).origin },
  );
}

/** Shows the code, and the page to enter it at where a browser can be seen. */
async function present(
  parts: SignInParts,
  turn: Turn,
  authorization: DeviceAuthorization,
  { issuer, endsAt, opens, attempt }: { issuer: string; endsAt: number; opens: boolean; attempt: Attempt },
): Promise<void> {
  const { options, emit } = parts;
  const { userCode, verificationUri, verificationUriComplete, expiresAt } = authorization;
  const url = verificationUriComplete ?? verificationUri;
  turn.presented(url, userCode);
  emit({
    type: 'device_code',
    issuer,
    userCode,
    verificationUri,
    // Whichever comes first: nobody polls after either.
    expiresAt: Math.min(expiresAt, endsAt),
    ...(verificationUriComplete === undefined ? {} : { verificationUriComplete }),
  });
  const surroundings = await parts.surroundings();
  // A hosted application's browser would be that of its server.
  const hasBrowser =
    options.openBrowser !== undefined || (surroundings.canShowBrowser && options.redirectUrl === undefined);
  attempt.unopened ??= !hasBrowser;
  if (!hasBrowser || !opens) return;
  void openForPerson(options, surroundings, url).then((opened) => {
    attempt.unopened = !opened;
    if (!opened) emit({ type: 'browser_failed', url });
  });
}
