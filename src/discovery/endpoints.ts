import { McpOAuthError } from '../errors.js';
import type { Http } from '../http/index.js';
import type { JsonObject } from '../http/json.js';
import { excerpt } from '../http/text.js';
import type { AuthorizationServerMetadata } from '../types.js';
import { withoutBrokenLists } from './fetch-document.js';

/** Without one of these there is nothing to do; one that is there and wrong is no reason to go on with the rest. */
const NEEDED = ['token_endpoint', 'authorization_endpoint'] as const;
/** These are left out where they are wrong: the session works without them. */
const OPTIONAL = [
  'registration_endpoint',
  'revocation_endpoint',
  'device_authorization_endpoint',
  'pushed_authorization_request_endpoint',
  'introspection_endpoint',
  'userinfo_endpoint',
];
const LISTS = [
  'scopes_supported',
  'grant_types_supported',
  'response_types_supported',
  'response_modes_supported',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'revocation_endpoint_auth_methods_supported',
  'code_challenge_methods_supported',
  'dpop_signing_alg_values_supported',
  'id_token_signing_alg_values_supported',
];

/**
 * The metadata with nothing in it that must not be used: every endpoint keeps the address rule and is free of
 * credentials and fragments; lists are lists of strings. `authorization_endpoint` may be absent (machine grants).
 *
 * Throws `invalid_response` or `address_refused` for the token and the authorization endpoint; leaves out any other.
 */
export function checkEndpoints(
  document: Readonly<JsonObject>,
  issuer: string,
  http: Http,
): AuthorizationServerMetadata {
  if (document.token_endpoint === undefined) throw invalid('token_endpoint', 'is missing', issuer);
  for (const name of NEEDED) {
    if (document[name] !== undefined) assertEndpoint(document[name], name, issuer, http);
  }
  const usable = Object.entries(withoutBrokenLists(document, LISTS)).filter(
    ([name, value]) => !OPTIONAL.includes(name) || isEndpoint(value, name, issuer, http),
  );
  return { ...Object.fromEntries(usable), issuer };
}

function isEndpoint(value: unknown, name: string, issuer: string, http: Http): boolean {
  try {
    assertEndpoint(value, name, issuer, http);
    return true;
  } catch {
    return false;
  }
}

function assertEndpoint(value: unknown, name: string, issuer: string, http: Http): void {
  if (typeof value !== 'string' || !URL.canParse(value)) throw invalid(name, 'is not an absolute URL', issuer);
  const url = http.assertDiscoveredUrl(value, 'discovery');
  if (url.username !== '' || url.password !== '') throw invalid(name, 'holds credentials', issuer);
  // RFC 6749 sections 3.1 and 3.2: an endpoint has no fragment.
  if (value.includes('#')) throw invalid(name, 'has a fragment', issuer);
}

function invalid(name: string, problem: string, issuer: string): McpOAuthError {
  const message =
    `The metadata of the authorization server ${excerpt(issuer)} cannot be used: \`${name}\` ${problem}. ` +
    'Whoever runs the authorization server has to correct it.';
  return new McpOAuthError('invalid_response', message, { stage: 'discovery' });
}
