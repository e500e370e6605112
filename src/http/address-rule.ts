import { McpOAuthError, type Stage } from '../errors.js';
import { type AddressClass, addressKind, hostKind, isIpLiteral, isMorePrivate, mostPublic } from './address.js';
import { hostMatcher } from './host-list.js';
import { displayUrl, parseUrl } from './text.js';

const MAX_URL_LENGTH = 8192;
/** What is left of any host that can be reached. URL parsers keep quotation marks and `$()` in one, which nothing should get that starts programs. */
const HOST = /^[\w.:[\]-]*$/;

/** What widens the address rule, for the hosts that are named, and what narrows it. */
export interface NetworkOptions {
  /** Hosts that may be reached by plain http, as `name` or `name:port`. What is sent there can be read on the way. */
  allowInsecureHttp?: readonly string[];
  /** Hosts that may lie in a more private address space than the MCP server, as `name` or `name:port`. */
  allowPrivateNetwork?: readonly string[];
  /**
   * For services whose users type the URLs of MCP servers: everything has to lie in public address space, the MCP server
   * itself and what its name resolves to as well. Hosts of `allowPrivateNetwork` stay reachable. Default: `false`, the
   * MCP server may lie anywhere.
   */
  publicOnly?: boolean;
}

/**
 * The address rule: a URL that a server named may not lead into a more private address space than the MCP server that
 * the user named, and never to link-local, multicast or reserved addresses; https only, save for loopback.
 */
export interface AddressRule {
  /** Judges a URL by its scheme and by the name or literal in it. */
  assertUrl(url: string | URL, stage: Stage): URL;
  /** Judges a URL that a browser is about to open. */
  assertBrowserUrl(url: string | URL): URL;
  /** Which of the addresses a URL's name resolved to may be connected to; throws where none may. */
  admit(url: URL, addresses: readonly string[]): string[];
  /** The URL that the user named. */
  readonly anchor: URL;
  /** The anchor's host where resolving it could tell more about its class. */
  readonly anchorName: string | undefined;
  /** Takes the addresses the anchor's name resolved to. Where they differ in class, the most public one counts. */
  learnAnchor(addresses: readonly string[]): void;
}

/**
 * The address rule for one anchor: the URL that the user named.
 *
 * @throws {@link McpOAuthError} `invalid_options` where an option of `network` is malformed; with `publicOnly`,
 * `address_refused` where the anchor is not public by its name or literal.
 */
export function createAddressRule(anchor: URL, network: NetworkOptions = {}): AddressRule {
  const insecureAllowed = hostMatcher('allowInsecureHttp', network.allowInsecureHttp);
  const privateAllowed = hostMatcher('allowPrivateNetwork', network.allowPrivateNetwork);
  const publicOnly = flag('publicOnly', network.publicOnly);
  const named = hostKind(anchor.hostname);
  // By its name alone: nobody's DNS may open the machine's own plain http services to a server's URLs.
  const anchorIsLoopback = named === 'loopback';
  let anchorClass: AddressClass = named === 'loopback' || named === 'private' ? named : 'public';

  function classAllowed(url: URL, target: AddressClass): boolean {
    if (privateAllowed(url)) return true;
    if (publicOnly) return target === 'public';
    return !isMorePrivate(target, anchorClass) || url.hostname === anchor.hostname;
  }

  function assertScheme(url: URL, stage: Stage): void {
    if (url.protocol === 'https:') return;
    if (url.protocol !== 'http:') throw refused(url, stage, 'Only https URLs are used.');
    if (insecureAllowed(url)) return;
    if (hostKind(url.hostname) !== 'loopback') {
      throw refused(
        url,
        stage,
        'Plain http is used on loopback only. Serve it by https, or add the host to network.allowInsecureHttp for development.',
      );
    }
    if ((!anchorIsLoopback || publicOnly) && !privateAllowed(url)) throw refused(url, stage, morePrivate('loopback'));
  }

  function assertUrl(input: string | URL, stage: Stage): URL {
    const url = absoluteUrl(input, stage);
    assertScheme(url, stage);
    const kind = hostKind(url.hostname);
    if (kind === 'forbidden') throw refused(url, stage, FORBIDDEN);
    if (kind !== undefined && !classAllowed(url, kind)) throw refused(url, stage, morePrivate(kind));
    return url;
  }

  function assertBrowserUrl(input: string | URL): URL {
    const url = absoluteUrl(input, 'authorization');
    const secure = url.protocol === 'https:';
    const plain = url.protocol === 'http:' && (hostKind(url.hostname) === 'loopback' || insecureAllowed(url));
    if (!secure && !plain) {
      throw refused(url, 'authorization', 'A browser is given https URLs only, or http ones on loopback.');
    }
    if (url.href.includes('#')) throw refused(url, 'authorization', 'It must not have a fragment.');
    return url;
  }

  function admit(url: URL, addresses: readonly string[]): string[] {
    const onlyLoopback = url.protocol === 'http:' && !insecureAllowed(url);
    let reason = 'Its name resolves to no address.';
    const admitted = addresses.filter((address) => {
      const kind = addressKind(address);
      if (kind === 'forbidden') reason = `Its name resolves to such an address. ${FORBIDDEN} ${FAKE_DNS}`;
      else if (!classAllowed(url, kind)) reason = `By what its name resolves to: ${morePrivate(kind)}`;
      else if (onlyLoopback && kind !== 'loopback')
        reason = 'Plain http is used on loopback only, and its name resolves elsewhere.';
      else return true;
      return false;
    });
    if (admitted.length === 0) throw refused(url, 'discovery', reason);
    return admitted;
  }

  function morePrivate(target: AddressClass): string {
    if (publicOnly) {
      return `It leads to a ${target} address, and network.publicOnly allows public ones alone. If you trust it, add the host to network.allowPrivateNetwork.`;
    }
    return (
      `It leads to a ${target} address, but the MCP server has a ${anchorClass} one. ` +
      'If you trust it, add the host to network.allowPrivateNetwork.'
    );
  }

  if (publicOnly) assertUrl(anchor, 'configuration');
  return {
    assertUrl,
    assertBrowserUrl,
    admit,
    anchor,
    anchorName: named === 'loopback' || isIpLiteral(anchor.hostname) ? undefined : anchor.hostname,
    learnAnchor(addresses) {
      const learnt = mostPublic(addresses);
      // Whoever owns the name chooses what it resolves to: that a name leads to this machine opens nothing on it.
      if (learnt !== undefined) anchorClass = learnt === 'loopback' ? 'private' : learnt;
    },
  };
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw new McpOAuthError('invalid_options', `network.${name} must be true or false.`, { stage: 'configuration' });
}

const FORBIDDEN =
  'Link-local, unspecified, multicast and reserved addresses, and those of cloud metadata, are never used.';
const FAKE_DNS = 'Where a local proxy answers DNS with addresses of its own, pass your own `fetch`.';

/**
 * The URL, where it is one, without credentials, at most 8 KiB long, and with a host that can be one.
 *
 * @throws {@link McpOAuthError} `address_refused`
 */
export function absoluteUrl(input: string | URL, stage: Stage): URL {
  const url = parseUrl(input);
  if (!url) throw refused(input, stage, 'It is no absolute URL.');
  if (url.href.length > MAX_URL_LENGTH) throw refused(url, stage, 'It is longer than 8 KiB.');
  if (url.username !== '' || url.password !== '') throw refused(url, stage, 'It carries credentials.');
  if (!HOST.test(url.hostname)) throw refused(url, stage, 'Its host has characters that no host has.');
  return url;
}

function refused(url: string | URL, stage: Stage, reason: string): McpOAuthError {
  const shown = displayUrl(url);
  return new McpOAuthError('address_refused', `The URL ${shown} was refused. ${reason}`, { stage, url: shown });
}
