import type { Norm } from './report.js';

const MCP = 'https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization';
const DRAFT = 'https://www.ietf.org/archive/id/draft-ietf-oauth-client-id-metadata-document-00.html';

function rfc(number: number, section: string, says: string): Norm {
  const url = `https://www.rfc-editor.org/rfc/rfc${number}.html#section-${section}`;
  return { name: `RFC ${number} section ${section}`, url, says };
}

function mcp(title: string, place: string, says: string): Norm {
  return { name: `MCP 2026-07-28, ${title}`, url: `${MCP}${place}`, says };
}

/** What the specifications say, in a sentence of our own each. */
export const NORMS = {
  tls: rfc(6750, '5.3', 'Tokens travel by https only; anyone on the way of plain http can take them.'),
  addresses: {
    name: 'MCP security best practices, SSRF',
    url: 'https://modelcontextprotocol.io/docs/2026-07-28/tutorials/security/security_best_practices#server-side-request-forgery-ssrf',
    says: 'URLs that a server names must not lead a client into networks that the server itself is not part of.',
  },
  challenge: mcp(
    'Authorization Server Discovery',
    '/authorization-server-discovery#protected-resource-metadata-discovery-requirements',
    'A request without a token is answered with 401; the challenge or a well-known URL leads to the resource metadata.',
  ),
  statusCodes: mcp(
    'Error Handling',
    '#error-handling',
    'A missing or bad token is answered with 401, missing permission with 403.',
  ),
  wwwAuthenticate: rfc(9110, '11.6.1', 'A 401 carries a WWW-Authenticate header with at least one challenge.'),
  resourceMetadataParameter: rfc(
    9728,
    '5.1',
    'The challenge names the metadata URL in its resource_metadata parameter.',
  ),
  noErrorWithoutToken: rfc(6750, '3.1', 'A request without a token is challenged without an error code.'),
  scopeSelection: mcp(
    'Scope Selection Strategy',
    '#scope-selection-strategy',
    "The challenge's scope is asked for, else all of scopes_supported, else none; a server should name a scope in its challenge.",
  ),
  refreshTokens: mcp(
    'Refresh Tokens',
    '#refresh-tokens',
    'A client may add offline_access where the authorization server lists it; an MCP server should not list it itself.',
  ),
  transport: {
    name: 'MCP 2026-07-28, Streamable HTTP',
    url: 'https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http',
    says: 'The MCP endpoint takes POST; a stream by GET belongs to earlier revisions.',
  },
  resourceMetadata: mcp(
    'Authorization Server Location',
    '/authorization-server-discovery#authorization-server-location',
    'An MCP server publishes resource metadata (RFC 9728) that lists at least one authorization server.',
  ),
  resourceLocation: rfc(9728, '3.1', "The metadata lies at the well-known URL with the resource's path inserted."),
  resourceIdentical: rfc(
    9728,
    '3.3',
    'The resource in the metadata is the one that was asked about, or the metadata must not be used.',
  ),
  resourceMembers: rfc(9728, '2', 'The metadata names its resource; lists are arrays of strings.'),
  bearerMethods: rfc(
    9728,
    '2',
    'bearer_methods_supported says how a token may be sent; MCP uses the Authorization header only.',
  ),
  dpopRequired: rfc(9728, '2', 'dpop_bound_access_tokens_required says that only DPoP-bound tokens are taken.'),
  dpop: rfc(9449, '5.1', 'An authorization server that binds tokens lists dpop_signing_alg_values_supported.'),
  severalServers: rfc(9728, '7.6', 'Of several authorization servers the client chooses one.'),
  serverMetadata: mcp(
    'Authorization Server Metadata Discovery',
    '/authorization-server-discovery#authorization-server-metadata-discovery',
    'Metadata is looked for by RFC 8414 and by OpenID Connect Discovery, in a fixed order, and its issuer must be identical.',
  ),
  issuerIdentical: rfc(
    8414,
    '3.3',
    'The issuer in the metadata is identical to the one that was asked for, or the metadata must not be used.',
  ),
  serverMembers: rfc(
    8414,
    '2',
    'The metadata names issuer, endpoints and response types; lists are arrays of strings.',
  ),
  endpointTls: mcp(
    'Communication Security',
    '/security-considerations#communication-security',
    'Every endpoint of the authorization server is served by https.',
  ),
  pkce: mcp(
    'Authorization Code Protection',
    '/security-considerations#authorization-code-protection',
    'Where the metadata does not list code_challenge_methods_supported, a client must refuse to go on.',
  ),
  s256: rfc(7636, '4.2', 'S256 is the method for every client that can compute it.'),
  pushed: rfc(9126, '5', 'require_pushed_authorization_requests says that no other authorization request is taken.'),
  signed: rfc(9101, '10.5', 'require_signed_request_object says that no other authorization request is taken.'),
  iss: rfc(
    9207,
    '2.3',
    'A server that sends iss with its callback says so; a client then rejects a callback without it.',
  ),
  authMethods: rfc(8414, '2', 'Without token_endpoint_auth_methods_supported, client_secret_basic is the method.'),
  legacy: {
    name: 'MCP 2025-03-26, Server Metadata Discovery',
    url: 'https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#server-metadata-discovery',
    says: "In that revision the server's origin is the authorization server, with metadata at its root or endpoints at /authorize, /token, /register.",
  },
  registration: mcp(
    'Client Registration',
    '/client-registration',
    'In this order: a client that is registered already, a Client ID Metadata Document, dynamic registration, a question to the user.',
  ),
  dynamic: rfc(7591, '3', 'A client registers by a POST of its metadata to the registration endpoint.'),
  documents: mcp(
    'Client ID Metadata Documents',
    '/client-registration#client-id-metadata-documents',
    'A server that takes them says client_id_metadata_document_supported: true.',
  ),
  documentUrl: {
    name: 'CIMD draft section 3',
    url: `${DRAFT}#section-3`,
    says: 'The client id is an https URL with a path.',
  },
  document: {
    name: 'CIMD draft section 4',
    url: `${DRAFT}#section-4`,
    says: 'The document is public JSON whose client_id is its own URL, with no shared secret in it.',
  },
  loopbackPorts: {
    name: 'RFC 8252 section 7.3',
    url: 'https://www.rfc-editor.org/rfc/rfc8252.html#section-7.3',
    says: 'A server takes a loopback redirect with any port.',
  },
  authorizationEndpoint: rfc(6749, '3.1', 'The authorization endpoint answers a GET.'),
  tokenEndpoint: rfc(6749, '3.2', 'The token endpoint takes a POST.'),
  tokenError: rfc(6749, '5.2', 'A bad token request is answered with 400 or 401 and a JSON object that has an error.'),
  revocation: rfc(7009, '2', 'A client that signs out revokes its tokens at the revocation endpoint.'),
  device: rfc(8628, '4', 'A server that offers sign-in by device code names its device_authorization_endpoint.'),
  resourceIndicator: rfc(
    8707,
    '2',
    'The resource parameter says which server the token is for; MCP wants it in every request for one.',
  ),
} as const satisfies Readonly<Record<string, Norm>>;
