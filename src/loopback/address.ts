import { isIPv4, isIPv6 } from 'node:net';
import { McpOAuthError } from '../errors.js';

/** Where a listener binds and what it advertises. */
export interface LoopbackAddress {
  /** As it stands in the redirect URI: `127.0.0.1`, `[::1]`, `localhost`. */
  readonly host: string;
  /** The addresses to bind, all on the same port. */
  readonly addresses: readonly string[];
}

/** Longer than any path an authorization server has been seen to accept. */
const MAX_PATH_LENGTH = 512;

/**
 * Reads the `host` option. Nothing but loopback is accepted: the callback carries an authorization code.
 *
 * @throws McpOAuthError `invalid_options` for anything else
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-8.3 | RFC 8252 section 8.3}
 */
export function loopbackAddress(host: string): LoopbackAddress {
  const name = host.toLowerCase();
  if (name === 'localhost') return { host: 'localhost', addresses: ['127.0.0.1', '::1'] };
  if (isIPv4(name) && name.startsWith('127.')) return { host: name, addresses: [name] };
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  // The URL parser brings every spelling of an IPv6 address into one form; a zone id does not parse.
  if (isIPv6(bare) && URL.canParse(`http://[${bare}]/`) && new URL(`http://[${bare}]/`).hostname === '[::1]') {
    return { host: '[::1]', addresses: ['::1'] };
  }
  throw invalid(
    'The loopback host must be 127.0.0.1, ::1, localhost or another address in 127.0.0.0/8: the callback carries an authorization code and must not be reachable from other machines.',
  );
}

/**
 * Checks the `port` option.
 *
 * @throws McpOAuthError `invalid_options` where it is not an integer from 0 to 65535
 */
export function loopbackPort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw invalid('The loopback port must be an integer from 1 to 65535, or 0 for any free port.');
}

/**
 * Checks the `path` option: an absolute path in the form in which a browser sends it, without query and fragment.
 *
 * @throws McpOAuthError `invalid_options` for anything else
 */
export function loopbackPath(path: string): string {
  const plain = path.startsWith('/') && !path.startsWith('//') && path.length <= MAX_PATH_LENGTH;
  if (plain && new URL(path, 'http://127.0.0.1').href === `http://127.0.0.1${path}` && !/[?#]/.test(path)) return path;
  throw invalid(
    'The loopback path must start with one "/", be percent-encoded and have neither query nor fragment, like "/callback".',
  );
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'configuration' });
}
