import type { Http } from '../http/index.js';
import { findMetadata } from './authorization-server.js';
import { type DiscoverOptions, type Discovery, exceptionFor } from './discovery.js';
import { checkEndpoints } from './endpoints.js';
import { documentContext } from './fetch-document.js';
import { canonicalResource } from './server-url.js';

/**
 * Discovery as the 2025-03-26 revision had it, for a server that has no resource metadata: the MCP server's origin is
 * the authorization server, with metadata at its root or else with endpoints at the default paths.
 */
export async function discoverLegacy(server: URL, http: Http, options: DiscoverOptions): Promise<Discovery> {
  const { origin } = server;
  // Servers of that time publish their origin with a trailing slash as often as without one. Nothing else is accepted.
  const own = [origin, `${origin}/`];
  const excepted = own.find((name) => exceptionFor(name, options.issuerExceptions)?.metadataIssuer !== undefined);
  const pinned = excepted === undefined ? undefined : exceptionFor(excepted, options.issuerExceptions)?.metadataIssuer;
  const accepted = pinned === undefined ? own : [...own, pinned];
  const found = await findMetadata(new URL(origin), accepted, documentContext(http, options));
  const identifier = found === undefined || own.includes(found.issuer) ? found?.issuer : excepted;
  return {
    issuer: identifier ?? origin,
    resource: canonicalResource(server),
    authorizationServer: found ?? checkEndpoints(defaultEndpoints(origin), origin, http),
    legacy: true,
    hasMetadata: found !== undefined,
  };
}

function defaultEndpoints(origin: string): Readonly<Record<string, string>> {
  return {
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
  };
}
