import { damagedKey, isProofKey, type ProofKey } from '../dpop/index.js';
import { McpOAuthError } from '../errors.js';
import { isStoredClient } from '../registration/stored-client.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { AuthorizationServerMetadata, ClientInformation, RegistrationKind, SessionAccount } from '../types.js';
import { isStoredIssuer, isStoredList, isStoredServer } from './stored-server.js';

/**
 * What is kept beside the tokens, so that the next start can refresh without asking anyone anything,
 * and so that tokens and client go to no other issuer than the one that gave them.
 */
export interface SessionContext {
  readonly issuer: string;
  /** The resource indicator that was sent, verbatim; absent where it was omitted on purpose. */
  readonly resource?: string;
  readonly authorizationServer: AuthorizationServerMetadata;
  readonly client: ClientInformation;
  readonly registration: RegistrationKind;
  /** What was asked for, which a step-up adds to. */
  readonly requestedScope: readonly string[];
  readonly account?: SessionAccount;
  /** The ID token, in a session at an identity provider. */
  readonly idToken?: string;
  /** The key that the tokens are bound to. A secret. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5 | RFC 9449 section 5} */
  readonly dpop?: ProofKey;
}

/** Everything a refresh, a revocation or a sign-out needs of the metadata; the rest is not worth storing. */
const KEPT_METADATA = [
  'issuer',
  'authorization_endpoint',
  'token_endpoint',
  'revocation_endpoint',
  'registration_endpoint',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'revocation_endpoint_auth_methods_supported',
  'scopes_supported',
  'grant_types_supported',
  'code_challenge_methods_supported',
  'id_token_signing_alg_values_supported',
  'authorization_response_iss_parameter_supported',
  'dpop_signing_alg_values_supported',
] as const;

/** The members of the metadata that are stored with a session. */
export function keptMetadata(metadata: AuthorizationServerMetadata): AuthorizationServerMetadata {
  const kept: Record<string, unknown> = {};
  for (const member of KEPT_METADATA) if (metadata[member] !== undefined) kept[member] = metadata[member];
  return { ...kept, issuer: metadata.issuer };
}

/** The context of stored tokens; `undefined` where they were put there by someone else without one. */
export function readContext(tokens: TokenSet | undefined): SessionContext | undefined {
  const context = tokens?.context as Partial<SessionContext> | undefined;
  if (context === undefined) return undefined;
  if (
    !isStoredIssuer(context.issuer) ||
    (context.resource !== undefined && typeof context.resource !== 'string') ||
    !isStoredClient(context.client) ||
    !isStoredServer(context.authorizationServer) ||
    !isStoredList(context.requestedScope)
  ) {
    throw new McpOAuthError(
      'store_unreadable',
      'The stored session lacks its issuer or client, perhaps written by another version. Sign out and sign in again.',
      { stage: 'store' },
    );
  }
  if (context.dpop !== undefined && !isProofKey(context.dpop)) throw damagedKey();
  return context as SessionContext;
}

/** The context as the token set carries it. */
export function writeContext(context: SessionContext): Readonly<Record<string, unknown>> {
  return { ...context };
}

/** Who signed in, from the claims of a validated ID token. Bounded, since a server chose the text. */
export function accountFromClaims(claims: Readonly<Record<string, unknown>> | undefined): SessionAccount | undefined {
  if (claims === undefined) return undefined;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 200) : undefined);
  // OpenID Connect Core 1.0 section 2: at most 255 characters; a longer one is none, since two could be cut to the same.
  const sub = claims['sub'];
  const subject = typeof sub === 'string' && sub !== '' && sub.length <= 255 ? sub : undefined;
  const name = text(claims['name']) ?? text(claims['preferred_username']);
  const email = text(claims['email']);
  return {
    ...(subject === undefined ? {} : { subject }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
  };
}
