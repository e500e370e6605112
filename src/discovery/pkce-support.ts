import { McpOAuthError } from '../errors.js';
import { excerpt } from '../http/text.js';
import type { IssuerException } from '../types.js';
import type { Discovery } from './discovery.js';
import { stringList } from './fetch-document.js';

/**
 * Makes sure that the authorization server supports PKCE with S256. To be called before registration, and for the
 * authorization code grant only.
 *
 * Metadata that does not list S256 is refused, unless the exception for this issuer says `assumeS256`. Where there is no
 * metadata at all (`hasMetadata: false`) nothing can be verified, and S256 is sent all the same.
 *
 * @param discovery - what {@link discover} found
 * @param exception - what is allowed for this issuer although the specification forbids it
 * @throws {@link McpOAuthError} `pkce_unsupported`
 * @see {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.2 | RFC 7636 section 4.2}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414.html#section-2 | RFC 8414 section 2} (`code_challenge_methods_supported`)
 */
export function assertPkceSupported(
  discovery: Pick<Discovery, 'authorizationServer' | 'hasMetadata' | 'issuer'>,
  exception?: IssuerException,
): void {
  if (!discovery.hasMetadata || exception?.assumeS256 === true) return;
  const methods = stringList(discovery.authorizationServer.code_challenge_methods_supported);
  if (methods?.includes('S256')) return;
  const offered = methods === undefined ? 'no PKCE methods' : `only "${excerpt(methods.join(' '))}"`;
  const message =
    `The metadata of the authorization server ${excerpt(discovery.issuer)} advertises ${offered}, not S256, and an ` +
    'authorization without PKCE is not safe. If you know that it supports S256 all the same, say so with the option ' +
    '`issuerExceptions` (`assumeS256: true`), filed under this issuer.';
  throw new McpOAuthError('pkce_unsupported', message, { stage: 'discovery' });
}
