import { McpOAuthError } from '../errors.js';
import type { ClientMetadata } from '../types.js';
import { applicationType, classifyRedirectUri } from './redirect-uri.js';

/** The draft recommends that authorization servers read no more than this. */
const LARGEST_DOCUMENT_BYTES = 5 * 1024;
const SYMMETRIC_METHOD = /^client_secret_/;
const SECRET_MEMBERS = ['client_secret', 'client_secret_expires_at', 'registration_access_token'];
/** JWK members that only a private or symmetric key has. */
const PRIVATE_KEY_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Writes the Client ID Metadata Document that the application hosts at `clientId`, to be served as `application/json`.
 * Grant types, response types and the authentication method `none` are filled in where `metadata` does not name them.
 *
 * A client that authenticates with a key has `token_endpoint_auth_method: 'private_key_jwt'` and its public keys in `jwks`, or
 * their https URL in `jwks_uri`; the private key goes into the `clientKey` option.
 *
 * @param clientId - The https URL of the document; it is the client id.
 * @param metadata - `client_name` and `redirect_uris` are required; the list must cover every redirect that is used, and
 * since some servers compare the port of loopback redirects too, one with the fixed port where `loopback.port` is set.
 * @returns A JSON object.
 * @throws {@link McpOAuthError} `invalid_options` where the document would break a rule of the draft or of MCP.
 * @see {@link https://www.ietf.org/archive/id/draft-ietf-oauth-client-id-metadata-document-00.html#section-4 | draft-ietf-oauth-client-id-metadata-document-00 section 4}
 */
export function createClientMetadataDocument(
  clientId: string,
  metadata: ClientMetadata & { redirect_uris: readonly string[] },
): Record<string, unknown> {
  assertClientMetadataUrl(clientId);
  const document: Record<string, unknown> = {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: applicationType(Array.isArray(metadata.redirect_uris) ? metadata.redirect_uris : []),
    ...withoutUndefined(metadata),
  };
  assertMembers(clientId, document);
  const result = { client_id: clientId, ...document };
  if (new TextEncoder().encode(JSON.stringify(result)).byteLength > LARGEST_DOCUMENT_BYTES) {
    throw invalid('is larger than 5 KiB, the size that authorization servers are advised to read. Shorten it');
  }
  return result;
}

/**
 * Checks a URL that is to be a client id.
 *
 * @throws {@link McpOAuthError} `invalid_options` where it is not an https URL with a path, or where it has a fragment,
 * credentials, dot segments, or another spelling than its normal form (servers compare it as a plain string).
 * @see {@link https://www.ietf.org/archive/id/draft-ietf-oauth-client-id-metadata-document-00.html#section-3 | draft-ietf-oauth-client-id-metadata-document-00 section 3}
 */
export function assertClientMetadataUrl(clientMetadataUrl: string): void {
  const fail = (reason: string) => {
    throw new McpOAuthError('invalid_options', `The client metadata URL ${reason}.`, { stage: 'configuration' });
  };
  if (typeof clientMetadataUrl !== 'string' || !URL.canParse(clientMetadataUrl)) fail('must be an absolute URL');
  const url = new URL(clientMetadataUrl);
  if (url.protocol !== 'https:') fail('must be an https URL');
  if (url.username !== '' || url.password !== '') fail('must not contain credentials');
  if (clientMetadataUrl.includes('#')) fail('must not contain a fragment');
  if (url.pathname === '/') fail('must have a path, such as https://app.example.com/client.json');
  if (url.href !== clientMetadataUrl) {
    fail('must be written in its normal form, without dot segments, default port or capitals in the host');
  }
}

function assertMembers(clientId: string, document: Record<string, unknown>): void {
  const { client_id, client_name, redirect_uris } = document;
  if (client_id !== undefined && client_id !== clientId) throw invalid('names another client_id than its own URL');
  if (typeof client_name !== 'string' || client_name.trim() === '') throw invalid('needs a client_name');
  if (!Array.isArray(redirect_uris) || redirect_uris.length === 0) throw invalid('needs redirect_uris');
  for (const uri of redirect_uris as readonly unknown[]) {
    if (typeof uri !== 'string' || classifyRedirectUri(uri) === undefined) {
      throw invalid('has a redirect URI that is neither https, nor loopback, nor a private-use scheme');
    }
  }
  assertNoSecret(document);
}

function assertNoSecret(document: Record<string, unknown>): void {
  const { token_endpoint_auth_method: method, jwks, jwks_uri } = document;
  const secret = SECRET_MEMBERS.find((member) => document[member] !== undefined);
  if (secret !== undefined) throw invalid(`is public and must not contain ${secret}`);
  if (typeof method !== 'string' || SYMMETRIC_METHOD.test(method)) {
    throw invalid('needs a token_endpoint_auth_method without a shared secret: none or private_key_jwt');
  }
  if (method === 'private_key_jwt' && jwks === undefined && jwks_uri === undefined) {
    throw invalid('names private_key_jwt and therefore needs jwks or jwks_uri');
  }
  // RFC 7591 section 2.
  if (jwks !== undefined && jwks_uri !== undefined) throw invalid('must not have both jwks and jwks_uri');
  if (jwks !== undefined) assertPublicKeys(jwks);
  if (
    jwks_uri !== undefined &&
    (typeof jwks_uri !== 'string' || !/^https:\/\//.test(jwks_uri) || !URL.canParse(jwks_uri))
  ) {
    throw invalid('needs an https URL in jwks_uri');
  }
}

/** A set of another shape is refused too: a private key could stand in it unseen. */
function assertPublicKeys(jwks: unknown): void {
  const keys: unknown = (jwks as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) {
    throw invalid('needs a JWK set in jwks: an object with a list of public keys in `keys`');
  }
  for (const key of [jwks, ...keys] as readonly unknown[]) {
    if (PRIVATE_KEY_MEMBERS.some((member) => Object.hasOwn(Object(key), member))) {
      throw invalid('is public and must not contain a private key in jwks: give the public half of the pair');
    }
  }
  if (!keys.every((key: unknown) => Object.hasOwn(Object(key), 'kty'))) {
    throw invalid('has something else than a JWK in the `keys` of jwks');
  }
}

function withoutUndefined(metadata: ClientMetadata): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
}

function invalid(reason: string): McpOAuthError {
  return new McpOAuthError('invalid_options', `The client metadata document ${reason}.`, { stage: 'configuration' });
}
