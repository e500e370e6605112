import { parseWrittenUrl } from './written-url.js';

/**
 * Whether `resource`, as the metadata states it, stands for the MCP server at `server`: the same origin, and the same
 * path or a prefix of it that ends between two segments. A trailing slash makes no difference; a query must be the same.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-3.3 | RFC 9728 section 3.3}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2 | RFC 8707 section 2} (no fragment)
 */
export function isResourceOf(resource: string, server: URL): boolean {
  // It is sent verbatim: what is judged here has to be what the authorization server reads.
  const url = parseWrittenUrl(resource);
  if (url === undefined || url.origin !== server.origin || resource.includes('#')) return false;
  if (url.search !== '' && url.search !== server.search) return false;
  const prefix = withoutTrailingSlash(url.pathname);
  const path = withoutTrailingSlash(server.pathname);
  // Compared as the parser leaves them: `%2F` is not a segment boundary, and an escape equals nothing but itself.
  return path === prefix || path.startsWith(`${prefix}/`);
}

function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
