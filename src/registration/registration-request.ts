import { McpOAuthError } from '../errors.js';
import type { AuthorizationServerMetadata, ClientMetadata } from '../types.js';
import { applicationType } from './redirect-uri.js';

/** What every registration needs; servers that reject unknown members take these. */
const MINIMAL_MEMBERS = [
  'redirect_uris',
  'grant_types',
  'response_types',
  'token_endpoint_auth_method',
  'application_type',
  'client_name',
] as const;

/**
 * The registration request: the given metadata, with what it does not name filled in.
 *
 * @throws {@link McpOAuthError} `invalid_options` where there is no redirect URI, and a grant that needs one.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-2 | RFC 7591 section 2}
 */
export function registrationRequest(
  authorizationServer: AuthorizationServerMetadata,
  metadata: ClientMetadata,
): Record<string, unknown> {
  const redirectUris = metadata.redirect_uris ?? [];
  if (redirectUris.length === 0 && needsRedirect(metadata.grant_types)) {
    throw new McpOAuthError('invalid_options', 'A registration needs at least one entry in `redirect_uris`.', {
      stage: 'registration',
    });
  }
  const request = {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: negotiateAuthMethod(authorizationServer),
    // Left out, OpenID servers assume `web` and refuse loopback redirects.
    application_type: applicationType(redirectUris),
    ...metadata,
  };
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
}

/** RFC 7591 section 2: only grants that bring a browser back have redirect URIs. */
function needsRedirect(grantTypes: readonly string[] | undefined): boolean {
  return grantTypes === undefined || grantTypes.includes('authorization_code') || grantTypes.includes('implicit');
}

/**
 * The same request with nothing a strict server could stumble over, or `undefined` where there is nothing to leave out.
 * A grant that the server says it does not have goes too.
 */
export function minimalRequest(
  authorizationServer: AuthorizationServerMetadata,
  request: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const minimal: Record<string, unknown> = {};
  for (const member of MINIMAL_MEMBERS) if (request[member] !== undefined) minimal[member] = request[member];
  const offered = offeredGrants(authorizationServer, minimal['grant_types']);
  const dropsGrant = offered !== undefined;
  if (dropsGrant) minimal['grant_types'] = offered;
  return dropsGrant || Object.keys(request).length > Object.keys(minimal).length ? minimal : undefined;
}

function offeredGrants(
  { grant_types_supported: supported }: AuthorizationServerMetadata,
  grants: unknown,
): string[] | undefined {
  if (!Array.isArray(supported) || !Array.isArray(grants)) return undefined;
  const [needed, ...rest] = grants as string[];
  const offered = [needed, ...rest.filter((grant) => supported.includes(grant))].filter((grant) => grant !== undefined);
  return offered.length < grants.length ? offered : undefined;
}

/** Prefers a public client: a secret in an installed application is none. */
function negotiateAuthMethod(authorizationServer: AuthorizationServerMetadata): string {
  const supported = authorizationServer.token_endpoint_auth_methods_supported;
  if (!Array.isArray(supported) || supported.includes('none')) return 'none';
  return ['client_secret_basic', 'client_secret_post'].find((method) => supported.includes(method)) ?? 'none';
}
