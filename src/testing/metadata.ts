import { PROOF_ALGORITHM } from './dpop.js';
import { oauthError, type TestAnswer, type TestRequest } from './exchange.js';
import type { TestServerSettings } from './settings.js';
import { resourceMetadataPath, type World } from './world.js';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** The well-known documents, at the one place where each of them is. */
export function metadata({ path }: TestRequest, world: World): TestAnswer {
  const { settings } = world;
  if (path === resourceMetadataPath(world)) return { status: 200, body: ofResource(world) };
  if (path === serverMetadataPath(world)) return { status: 200, body: ofServer(world) };
  return settings.elsewhere ?? oauthError('not_found', undefined, 404);
}

function serverMetadataPath({ settings, issuer }: World): string | undefined {
  const { pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname;
  switch (settings.metadataAt) {
    case 'rfc8414':
      return `/.well-known/oauth-authorization-server${path}`;
    case 'openid':
      return `${path}/.well-known/openid-configuration`;
    case 'nowhere':
      return undefined;
  }
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-2 | RFC 9728 section 2} */
function ofResource({ settings, mcp, issuer }: World): Record<string, unknown> {
  return {
    resource: mcp.href,
    authorization_servers: [issuer],
    scopes_supported: settings.scopesSupported,
    ...proofAlgorithms(settings),
    ...settings.resourceMetadata?.(mcp.origin),
  };
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc8414.html#section-2 | RFC 8414 section 2} */
function ofServer({ settings, issuer }: World): Record<string, unknown> {
  const { origin } = new URL(issuer);
  const { revocation, deviceGrant, callbackIssuer } = settings;
  const revocationAt = {
    own: `${origin}/revoke`,
    shared: `${origin}/token`,
    pretended: `${origin}/token`,
    none: undefined,
  };
  return {
    issuer,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: settings.registration === false ? undefined : `${origin}/register`,
    revocation_endpoint: revocationAt[revocation],
    device_authorization_endpoint: deviceGrant ? `${origin}/device_authorization` : undefined,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token', ...(deviceGrant ? [DEVICE_GRANT] : [])],
    code_challenge_methods_supported: settings.s256 ? ['S256'] : undefined,
    authorization_response_iss_parameter_supported: callbackIssuer === 'unsupported' ? undefined : true,
    client_id_metadata_document_supported: settings.cimd ? true : undefined,
    ...proofAlgorithms(settings),
    ...settings.metadata?.(origin),
  };
}

function proofAlgorithms({ dpop }: TestServerSettings) {
  return dpop ? { dpop_signing_alg_values_supported: [PROOF_ALGORITHM] } : {};
}
