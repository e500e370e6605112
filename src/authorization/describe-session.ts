import type { TokenSet } from '../tokens/token-set.js';
import type { RegistrationKind, SessionAccount } from '../types.js';
import { isBound } from './dpop-session.js';
import { readContext } from './session-context.js';

/** What is known about a session, without secrets. */
export interface SessionFacts {
  /** Whether there are tokens that work, or that can be refreshed. */
  readonly signedIn: boolean;
  /** Whether the account signed out and has not asked to come back. */
  readonly signedOut: boolean;
  /** The authorization server that issued the tokens. */
  readonly issuer?: string;
  /** The resource indicator that the tokens were asked for. */
  readonly resource?: string;
  /** The scopes that were granted. */
  readonly scope?: readonly string[];
  /** When the access token expires, in ms since the epoch. */
  readonly expiresAt?: number;
  /** Whether the session goes on by itself after that. */
  readonly refreshable: boolean;
  /** `true` where the tokens are bound to a key of this session (DPoP), so that they are worth nothing to anybody else. */
  readonly dpop?: true;
  /** How the client got its id. */
  readonly registration?: RegistrationKind;
  /** The client id that the tokens were issued to. */
  readonly clientId?: string;
  /** Who signed in, where the server says so. */
  readonly account?: SessionAccount;
}

/**
 * The facts that tokens and their context tell.
 *
 * @param now - ms since the epoch
 * @param renewable - Whether the grant gives new tokens without a refresh token.
 */
export function describeTokens(
  tokens: TokenSet | undefined,
  signedOut: boolean,
  now: number,
  renewable = false,
): SessionFacts {
  const context = readContext(tokens);
  const refreshable = renewable || tokens?.refreshToken !== undefined;
  const valid = tokens !== undefined && (tokens.expiresAt === undefined || tokens.expiresAt > now);
  return {
    signedIn: !signedOut && (valid || refreshable),
    signedOut,
    refreshable,
    ...(context === undefined
      ? {}
      : { issuer: context.issuer, registration: context.registration, clientId: context.client.client_id }),
    ...(context?.resource === undefined ? {} : { resource: context.resource }),
    ...(context?.account === undefined ? {} : { account: context.account }),
    ...(tokens !== undefined && isBound(tokens) ? { dpop: true } : {}),
    ...(tokens?.scope === undefined ? {} : { scope: tokens.scope }),
    ...(tokens?.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
  };
}
