import ipaddr from 'ipaddr.js';
import { McpOAuthError } from '../errors.js';
import { bareHost, DEFAULT_PORTS, isIpLiteral, isLoopbackHost } from './address.js';
import { parseUrl } from './text.js';

/** The variables of a process, as Node has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that the environment names. */
export interface ProxyServer {
  /** Without credentials, so that no error can repeat them. */
  readonly url: URL;
  /** The value of `Proxy-Authorization`, where the variable holds credentials. */
  readonly authorization: string | undefined;
  /** The variable it was read from. */
  readonly variable: string;
}

/**
 * Which proxy a request to a URL goes through; `undefined` where it goes directly.
 *
 * @throws {@link McpOAuthError} `invalid_options` where the variable holds no URL of a proxy.
 */
type ProxySelector = (url: URL) => ProxyServer | undefined;

/**
 * Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in lower case first, as undici's `EnvHttpProxyAgent` does: an https URL
 * goes through the proxy for http where there is no other. Unlike there, a request to this machine is never given to a
 * proxy, for which loopback would be another machine.
 */
export function proxySelector(environment: Environment): ProxySelector {
  const ofHttp = named(environment, forHttp(environment));
  const ofHttps = named(environment, ['https_proxy', 'HTTPS_PROXY']) ?? ofHttp;
  if (ofHttp === undefined && ofHttps === undefined) return () => undefined;
  const exempt = exemption(environment['no_proxy'] ?? environment['NO_PROXY'] ?? '');
  return (url) => {
    const proxy = url.protocol === 'https:' ? ofHttps : ofHttp;
    return proxy === undefined || isLoopbackHost(url.hostname) || exempt(url) ? undefined : proxy();
  };
}

/** To a CGI program, HTTP_PROXY is the `Proxy` header of whoever sent the request (httpoxy, CVE-2016-5385). */
function forHttp(environment: Environment): readonly string[] {
  return environment['REQUEST_METHOD'] === undefined ? ['http_proxy', 'HTTP_PROXY'] : ['http_proxy'];
}

/** What the first of the variables holds that is set; an empty one names no proxy. Read now, judged when it is needed. */
function named(environment: Environment, names: readonly string[]): (() => ProxyServer) | undefined {
  const variable = names.find((name) => environment[name] !== undefined);
  const value = variable === undefined ? '' : (environment[variable] ?? '').trim();
  return variable === undefined || value === '' ? undefined : () => parseProxy(variable, value);
}

function parseProxy(variable: string, value: string): ProxyServer {
  // As curl has it, what has no scheme is a host.
  const url = parseUrl(value.includes('://') ? value : `http://${value}`);
  const authorization = url && credentialsOf(url);
  if (!url || authorization === undefined || url.hostname === '' || DEFAULT_PORTS[url.protocol] === undefined) {
    // Not the value: a password may be part of it.
    throw new McpOAuthError(
      'invalid_options',
      `The environment variable ${variable} holds no URL of an http or https proxy, such as http://proxy.example.com:8080. Correct it or unset it; NO_PROXY names hosts that need no proxy.`,
      { stage: 'configuration' },
    );
  }
  return { url: new URL(url.origin), authorization: authorization === '' ? undefined : authorization, variable };
}

/** `Basic …`, empty where there are no credentials, `undefined` where they are not properly encoded. */
function credentialsOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return '';
  try {
    const bytes = new TextEncoder().encode(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
    return `Basic ${btoa(String.fromCharCode(...bytes))}`;
  } catch {
    return undefined;
  }
}

/** `NO_PROXY`: names with all names below them, addresses, ranges like `10.0.0.0/8`, each also with a port; `*` is everything. */
function exemption(list: string): (url: URL) => boolean {
  const entries = list
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .map(exempted);
  return (url) => {
    const host = bareHost(url.hostname);
    const port = url.port || DEFAULT_PORTS[url.protocol];
    return entries.some((matches) => matches(host, port));
  };
}

function exempted(entry: string): (host: string, port: string | undefined) => boolean {
  if (entry === '*') return () => true;
  const [, cidr = '', cidrPort] = /^(.*\/\d{1,3})(?::(\d{1,5}))?$/.exec(entry) ?? [];
  if (ipaddr.isValidCIDR(cidr)) {
    const [range, bits] = ipaddr.parseCIDR(cidr);
    return (host, usedPort) => {
      if ((cidrPort !== undefined && cidrPort !== usedPort) || !ipaddr.isValid(host)) return false;
      const address = ipaddr.parse(host);
      return address.kind() === range.kind() && address.match(range, bits);
    };
  }
  const bracketed = ipaddr.IPv6.isValid(entry) ? `[${entry}]` : entry;
  const [, given = '', port] = /^(.*?)(?::(\d{1,5}))?$/.exec(bracketed) ?? [];
  const stripped = given.replace(/^\*?\./, '');
  const name = bareHost(parseUrl(`http://${stripped}`)?.hostname ?? stripped.toLowerCase());
  return (host, usedPort) => {
    if (port !== undefined && port !== usedPort) return false;
    return host === name || (!isIpLiteral(host) && host.endsWith(`.${name}`));
  };
}
