/**
 * Where the metadata of a protected resource may be when nothing names the place: with the path (and query) inserted,
 * then at the root.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-3.1 | RFC 9728 section 3.1}
 */
export function resourceMetadataLocations(server: URL): string[] {
  const root = `${server.origin}/.well-known/oauth-protected-resource`;
  const path = server.pathname === '/' ? '' : server.pathname;
  const locations = [`${root}${path}${server.search}`];
  // The RFC keeps the slash at the end of a path; many servers serve the form without it.
  if (path.endsWith('/')) locations.push(`${root}${path.slice(0, -1)}${server.search}`);
  locations.push(root);
  return [...new Set(locations)];
}

/**
 * Where the metadata of an authorization server may be, in the order of the MCP specification. A slash at the end of
 * the issuer's path is not part of these locations.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414.html#section-3.1 | RFC 8414 section 3.1}
 * @see {@link https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest | OpenID Connect Discovery 1.0 section 4.1}
 */
export function authorizationServerLocations(issuer: URL): string[] {
  const { origin } = issuer;
  const path = issuer.pathname.endsWith('/') ? issuer.pathname.slice(0, -1) : issuer.pathname;
  const locations = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
  ];
  if (path !== '') locations.push(`${origin}${path}/.well-known/openid-configuration`);
  return locations;
}
