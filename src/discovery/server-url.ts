import { McpOAuthError } from '../errors.js';

/** Reads the URL of the MCP server that the application named. Throws `invalid_options` where it is none. */
export function parseServerUrl(serverUrl: string | URL): URL {
  const url = URL.canParse(serverUrl) ? new URL(serverUrl) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new McpOAuthError('invalid_options', 'The server URL must be an absolute http(s) URL of the MCP endpoint.', {
      stage: 'configuration',
    });
  }
  return url;
}

/**
 * The canonical URI of an MCP server, sent as `resource` where no metadata names another one: scheme and host in lower
 * case, no fragment, no credentials, no trailing slash where the path is nothing but that slash.
 *
 * @param serverUrl - the URL of the MCP endpoint
 * @throws `McpOAuthError` `invalid_options` where `serverUrl` is not an absolute http(s) URL
 * @see {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2 | RFC 8707 section 2}
 */
export function canonicalResource(serverUrl: string | URL): string {
  const url = parseServerUrl(serverUrl);
  const path = url.pathname === '/' && url.search === '' ? '' : url.pathname;
  return `${url.origin}${path}${url.search}`;
}
