import { McpOAuthError } from '../errors.js';
import { excerpt } from '../http/text.js';
import type { Discovery } from './discovery.js';

/** What a server can demand of an authorization request and this library does not do. */
const DEMANDS: readonly (readonly [string, string])[] = [
  ['require_pushed_authorization_requests', 'pushed authorization requests (RFC 9126)'],
  ['require_signed_request_object', 'signed request objects (RFC 9101)'],
];

/**
 * Makes sure that the authorization server takes a plain authorization request: one that does not would show the person an error
 * page and never call back. To be called before registration, and for the authorization code grant only.
 *
 * @throws `McpOAuthError` `authorization_failed`
 * @see {@link https://www.rfc-editor.org/rfc/rfc9126.html#section-5 | RFC 9126 section 5}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9101.html#section-10.5 | RFC 9101 section 10.5}
 */
export function assertPlainRequestsTaken({
  authorizationServer,
  issuer,
}: Pick<Discovery, 'authorizationServer' | 'issuer'>): void {
  const demand = DEMANDS.find(([member]) => authorizationServer[member] === true)?.[1];
  if (demand === undefined) return;
  throw new McpOAuthError(
    'authorization_failed',
    `The authorization server ${excerpt(issuer)} takes ${demand} only, which this library does not send. Its operator ` +
      'can allow plain requests for this client and take the demand out of the metadata; until then nobody can sign in there.',
    { stage: 'discovery' },
  );
}
