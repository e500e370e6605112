import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { type Http, resolveHttp } from '../http/index.js';
import { displayUrl, excerpt } from '../http/text.js';
import type { AuthorizationServerMetadata } from '../types.js';
import { readAuthorizationServer } from './authorization-server.js';
import { type DiscoverOptions, type Discovery, exceptionFor } from './discovery.js';
import type { Absent } from './fetch-document.js';
import { discoverLegacy } from './legacy.js';
import { discoverProtectedResource, type ProtectedResource } from './protected-resource.js';
import { parseServerUrl } from './server-url.js';

/** Of those that a resource lists, so many are tried. */
export const MOST_AUTHORIZATION_SERVERS = 5;

/** Failures that will not pass by waiting, so that the next authorization server may be tried; the most telling first. */
const DEFINITIVE = [
  'issuer_mismatch',
  'invalid_response',
  'address_refused',
  'redirect_refused',
  'response_too_large',
  'authorization_server_not_found',
];

/**
 * Finds everything that a sign-in needs to know about an MCP server: its resource identifier and its authorization
 * server. Where the resource lists several authorization servers, the preferred one is tried first and then the others in
 * their order, at most five; one that definitively has no valid metadata is passed over, one that is temporarily
 * unavailable is not. Only where there is no resource metadata at all are the forms of 2025-03-26 used. Nothing is cached.
 *
 * @param serverUrl - the URL of the MCP endpoint
 * @param options - challenge, overrides, exceptions, and how to make requests
 * @returns the resource, its authorization server and where both were found
 * @throws {@link McpOAuthError} what {@link discoverProtectedResource} and {@link discoverAuthorizationServer} throw;
 * `authorization_server_not_found` where the resource lists no authorization server, or none that has metadata
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-7.6 | RFC 9728 section 7.6}
 */
export async function discover(serverUrl: string | URL, options: DiscoverOptions = {}): Promise<Discovery> {
  const server = parseServerUrl(serverUrl);
  // Everything is judged from the server that the user named, whichever document led to it.
  const http = resolveHttp(server, options);
  const resource = await discoverProtectedResource(server, { ...options, http });
  if (resource === undefined) return discoverLegacy(server, http, options);
  const [issuer, authorizationServer] = await chooseAuthorizationServer(resource, http, options);
  return {
    issuer,
    resource: resource.resource,
    resourceMetadata: resource.metadata,
    resourceMetadataUrl: resource.metadataUrl,
    authorizationServer,
    legacy: false,
    hasMetadata: true,
  };
}

async function chooseAuthorizationServer(
  resource: ProtectedResource,
  http: Http,
  options: DiscoverOptions,
): Promise<[string, AuthorizationServerMetadata]> {
  const failures: McpOAuthError[] = [];
  for (const issuer of candidates(resource.authorizationServers, options.preferredIssuer)) {
    let forbidden: Absent | undefined;
    const onAbsent = (answer: Absent) => {
      if (answer.status !== 404) forbidden ??= answer;
    };
    try {
      const exception = exceptionFor(issuer, options.issuerExceptions);
      const metadata = await readAuthorizationServer(issuer, { ...options, http, exception }, onAbsent);
      if (metadata !== undefined) return [issuer, metadata];
      failures.push(withoutMetadata(issuer, forbidden));
    } catch (error) {
      if (!isMcpOAuthError(error) || !DEFINITIVE.includes(error.code)) throw error;
      failures.push(error);
    }
  }
  const ranked = failures.toSorted((a, b) => DEFINITIVE.indexOf(a.code) - DEFINITIVE.indexOf(b.code));
  throw ranked[0] ?? noneListed(resource.metadataUrl);
}

function candidates(listed: readonly string[], preferred: string | undefined): string[] {
  const first = preferred !== undefined && listed.includes(preferred) ? [preferred] : [];
  return [...new Set([...first, ...listed])].slice(0, MOST_AUTHORIZATION_SERVERS);
}

/** `forbidden`: what another 4xx than 404 said. It does not say that there is none, but keeps it from this client. */
function withoutMetadata(issuer: string, forbidden: Absent | undefined): McpOAuthError {
  const said = forbidden === undefined ? '' : ` One of them answered ${forbidden.detail}.`;
  const message =
    `The authorization server ${excerpt(issuer)} has no metadata at any of its well-known locations (RFC 8414, OpenID ` +
    `Connect Discovery), so its endpoints are not known.${said} Whoever runs it has to publish the metadata.`;
  return new McpOAuthError('authorization_server_not_found', message, {
    stage: 'discovery',
    status: forbidden?.status,
    url: displayUrl(issuer),
  });
}

function noneListed(metadataUrl: string): McpOAuthError {
  const message =
    `The resource metadata at ${displayUrl(metadataUrl)} lists no \`authorization_servers\`, so there is nowhere to sign in. ` +
    'Whoever runs the MCP server has to list one; if other metadata does, name its URL in the option `resourceMetadataUrl`.';
  return new McpOAuthError('authorization_server_not_found', message, {
    stage: 'discovery',
    url: displayUrl(metadataUrl),
  });
}
