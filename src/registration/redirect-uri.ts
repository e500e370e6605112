/**
 * Fewer hosts than those to which plain http may go (`isLoopbackHost`): servers take no name under `localhost` for a loopback redirect,
 * whose port they leave open, and not every browser takes it for this machine.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-8.3 | RFC 8252 section 8.3}
 */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
/** Schemes that a browser acts on itself; none can bring a code back to an application. */
const NEVER: ReadonlySet<string> = new Set([
  'about:',
  'blob:',
  'data:',
  'file:',
  'ftp:',
  'javascript:',
  'vbscript:',
  'view-source:',
  'ws:',
  'wss:',
]);

/** What a redirect URI is bound to. */
export type RedirectClass = 'loopback' | 'private-use' | 'https';

/**
 * Sorts a redirect URI, or answers `undefined` where it may not be one: relative, with a fragment or credentials,
 * plain http to another host, or a scheme that cannot lead back to an application.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-7 | RFC 8252 section 7}
 */
export function classifyRedirectUri(redirectUri: string): RedirectClass | undefined {
  if (!URL.canParse(redirectUri) || redirectUri.includes('#')) return undefined;
  const { protocol, hostname, username, password } = new URL(redirectUri);
  if (username !== '' || password !== '' || NEVER.has(protocol)) return undefined;
  if (protocol === 'https:') return isLoopback(hostname) ? 'loopback' : 'https';
  if (protocol === 'http:') return isLoopback(hostname) ? 'loopback' : undefined;
  return 'private-use';
}

/**
 * `native` where every redirect goes to a loopback address or a custom scheme, else `web`.
 * @see {@link https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata | OpenID Connect Registration 1.0 section 2}
 */
export function applicationType(redirectUris: readonly string[]): 'native' | 'web' {
  return redirectUris.every((uri) => classifyRedirectUri(uri) !== 'https') ? 'native' : 'web';
}

/**
 * Whether two redirect URIs are the same for an authorization server: equal, or loopback addresses that differ in
 * nothing but the port.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-7.3 | RFC 8252 section 7.3}
 */
export function matchesRedirectUri(registered: string, used: string): boolean {
  if (registered === used) return true;
  if (!URL.canParse(registered) || !URL.canParse(used)) return false;
  const [left, right] = [new URL(registered), new URL(used)];
  if (isLoopback(left.hostname) && isLoopback(right.hostname)) {
    left.port = '';
    right.port = '';
  }
  return left.href === right.href;
}

function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname.toLowerCase());
}
