import { McpOAuthError } from '../errors.js';
import { safeCause } from './failure.js';
import type { ProxyServer } from './proxy-environment.js';
import { excerpt } from './text.js';
import { errorCode } from './tls-failure.js';

/** The error where no connection to the proxy came about, or none that it answered on. */
export function proxyUnreachable(proxy: ProxyServer, error: unknown): McpOAuthError {
  const cause = safeCause(error);
  const code = errorCode(cause);
  return failed(
    `The proxy ${proxy.url.host}, which the environment variable ${proxy.variable} names, could not be reached${code === undefined ? '' : ` (${code})`}. ` +
      'Check the variable and the network; NO_PROXY names hosts that need no proxy.',
    cause,
  );
}

/** The error where the proxy answered, but not with a connection. `target` is the host and port that it was asked for. */
export function proxyRefused(proxy: ProxyServer, target: string, status: number): McpOAuthError {
  const what = `The proxy ${proxy.url.host}, which the environment variable ${proxy.variable} names,`;
  if (status === 407) {
    const credentials = proxy.authorization === undefined ? 'wants credentials' : 'does not take the credentials';
    return failed(
      `${what} ${credentials} (407). Put user name and password into ${proxy.variable}, percent-encoded, as in http://name:password@host:port.`,
    );
  }
  return failed(
    `${what} did not connect to ${excerpt(target)} (${status}). Ask whoever runs it whether that host is allowed, or name the host in NO_PROXY where it needs no proxy.`,
  );
}

function failed(message: string, cause?: Error): McpOAuthError {
  // Whoever sent the request names its own stage.
  return new McpOAuthError('network_error', message, { stage: 'discovery', cause });
}
