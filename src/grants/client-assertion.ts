import type { ClientKey, SigningAlgorithm } from '../client-key.js';
import { systemClock } from '../clock.js';
import { generateState } from '../pkce.js';
import type { AuthorizationServerMetadata } from '../types.js';
import { base64url, encodeJson } from './jwt.js';
import { signingKey } from './signing-key.js';
import type { SupplyOptions } from './supplied.js';

/** @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-2.2 | RFC 7523 section 2.2} */
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** From one request to the next it is never used again. */
const LIFETIME_S = 60;

/** What {@link createClientAssertion} is given. */
export interface ClientAssertionParameters {
  readonly authorizationServer: AuthorizationServerMetadata;
  readonly clientId: string;
  readonly clientKey: ClientKey;
}

/**
 * Signs an assertion by which the client authenticates once, within 60 s. Its audience is the server's issuer identifier,
 * as a single text. There is no `nbf`, which a server whose clock is behind would refuse.
 *
 * The header names no type: the draft's `client-authentication+jwt` is refused by servers whose libraries know `JWT` or none only,
 * and no server wants it yet.
 *
 * @throws {@link McpOAuthError} `invalid_options` where the key cannot be used; `timeout`; `aborted`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-3 | RFC 7523 section 3},
 * {@link https://datatracker.ietf.org/doc/html/draft-ietf-oauth-rfc7523bis-11#section-4 | draft-ietf-oauth-rfc7523bis-11 section 4}
 */
export async function createClientAssertion(p: ClientAssertionParameters, options?: SupplyOptions): Promise<string> {
  const { authorizationServer, clientId, clientKey } = p;
  // oauth4webapi signs with a CryptoKey only, by the machine's clock.
  const key = await signingKey(clientKey, options);
  const issuedAt = Math.floor((options?.clock ?? systemClock).now() / 1000);
  const header = {
    alg: algorithmName(key.algorithm, authorizationServer),
    ...(key.keyId === undefined ? {} : { kid: key.keyId }),
  };
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: clientKey.audience ?? authorizationServer.issuer,
    jti: generateState(),
    iat: issuedAt,
    exp: issuedAt + LIFETIME_S,
  };
  const input = `${encodeJson(header)}.${encodeJson(claims)}`;
  return `${input}.${base64url(await key.sign(new TextEncoder().encode(input)))}`;
}

/** EdDSA has a newer name (RFC 9864 section 2.2), which is used where the server knows no other. */
function algorithmName(algorithm: SigningAlgorithm, authorizationServer: AuthorizationServerMetadata): string {
  const listed = authorizationServer.token_endpoint_auth_signing_alg_values_supported;
  const newer =
    algorithm === 'EdDSA' && Array.isArray(listed) && listed.includes('Ed25519') && !listed.includes('EdDSA');
  return newer ? 'Ed25519' : algorithm;
}
