import ipaddr from 'ipaddr.js';
import { McpOAuthError } from '../errors.js';
import { bareHost, DEFAULT_PORTS } from './address.js';
import { excerpt, parseUrl } from './text.js';

/** Tells whether a URL's host is on a list. */
export type HostMatcher = (url: URL) => boolean;

/**
 * Reads a list of hosts: `name`, `name:port`, or the same with a literal (`10.0.0.7`, `[fd00::1]:8443`). Without a port
 * every port of the host is meant. Names are compared whole, never by their ending.
 *
 * @throws {@link McpOAuthError} `invalid_options` where an entry is no host.
 */
export function hostMatcher(option: string, entries: readonly string[] = []): HostMatcher {
  const hosts = entries.map((entry) => parseEntry(option, entry));
  return (url) => {
    const port = url.port || DEFAULT_PORTS[url.protocol];
    const name = bareHost(url.hostname);
    return hosts.some((host) => host.name === name && (host.port === undefined || host.port === port));
  };
}

function parseEntry(option: string, entry: string): { name: string; port: string | undefined } {
  const host = ipaddr.IPv6.isValid(entry) ? `[${entry}]` : entry;
  const [, name = '', port] = /^(.*?)(?::(\d{1,5}))?$/s.exec(host) ?? [];
  const url = /[/?#@\\\s]/.test(name) ? undefined : parseUrl(`http://${name}`);
  if (!url) {
    throw new McpOAuthError(
      'invalid_options',
      `network.${option} takes hosts like "auth.internal" or "auth.internal:8443", not "${excerpt(String(entry))}".`,
      { stage: 'configuration' },
    );
  }
  return { name: bareHost(url.hostname), port };
}
