import { calculatePKCECodeChallenge, generateRandomCodeVerifier, generateRandomState } from 'oauth4webapi';
import { McpOAuthError } from './errors.js';

const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/**
 * A fresh code verifier: 256 bits of randomness in 43 characters.
 *
 * @returns A secret until the code is exchanged.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.1 | RFC 7636 section 4.1}
 */
export function generateCodeVerifier(): string {
  return generateRandomCodeVerifier();
}

/**
 * The S256 challenge of a verifier. The `plain` method is not offered.
 *
 * @param verifier 43 to 128 unreserved characters, as {@link generateCodeVerifier} makes them.
 * @returns The SHA-256 of the verifier in base64url, 43 characters.
 * @throws {@link McpOAuthError} `invalid_options` where the verifier does not follow the grammar.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.2 | RFC 7636 section 4.2}
 */
export async function generateCodeChallenge(verifier: string): Promise<string> {
  if (!VERIFIER.test(verifier)) {
    throw new McpOAuthError(
      'invalid_options',
      'A code verifier has 43 to 128 of the characters A-Z a-z 0-9 - . _ ~; use generateCodeVerifier() to make one.',
      { stage: 'configuration' },
    );
  }
  return calculatePKCECodeChallenge(verifier);
}

/**
 * A fresh `state`: 256 bits of randomness in 43 characters.
 *
 * @returns A value for one sign-in.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-10.12 | RFC 6749 section 10.12}
 */
export function generateState(): string {
  return generateRandomState();
}
