import ipaddr from 'ipaddr.js';

/** The address spaces an address can lie in, from the most private to the most public. */
export type AddressClass = 'loopback' | 'private' | 'public';

/** An address class, or `forbidden`: link-local, unspecified, multicast, broadcast or reserved, which nobody may name. */
export type AddressKind = AddressClass | 'forbidden';

const RANK: Readonly<Record<AddressClass, number>> = { loopback: 0, private: 1, public: 2 };

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * Names that never lie in public address space: by their registration (RFC 6762, RFC 8375, ICANN's `.internal`), or because
 * networks use them for themselves and the root zone never had them (RFC 6762 appendix G).
 */
const PRIVATE_SUFFIXES = [
  '.local',
  '.internal',
  '.home.arpa',
  '.localdomain',
  '.intranet',
  '.private',
  '.corp',
  '.home',
  '.lan',
];
/** Names under which clouds offer their instance metadata, which mostly has a link-local address. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'instance-data',
  'instance-data.ec2.internal',
]);
/** The same by address, where it is not link-local: of AWS, Google and Scaleway by IPv6, of Alibaba and Azure. */
const METADATA_ADDRESSES: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][] = [
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:42::42/128',
  '100.100.100.200/32',
  '168.63.129.16/32',
].map((range) => ipaddr.parseCIDR(range));

/**
 * The class of an IP address.
 *
 * @param address An IPv4 or IPv6 address, without brackets.
 * @see {@link https://www.iana.org/assignments/iana-ipv4-special-registry | IANA IPv4 special-purpose addresses}
 * @see {@link https://www.iana.org/assignments/iana-ipv6-special-registry | IANA IPv6 special-purpose addresses}
 */
export function addressKind(address: string): AddressKind {
  if (!ipaddr.isValid(address)) return 'forbidden';
  const parsed = ipaddr.parse(hexadecimal(address));
  return parsed.kind() === 'ipv4' ? rangeKind(parsed) : ipv6Kind(parsed as ipaddr.IPv6);
}

/** An IPv6 address without the dotted form: ipaddr.js takes ::127.0.0.1 for the IPv4-mapped ::ffff:127.0.0.1. */
function hexadecimal(address: string): string {
  return /:[^:.]*\./.test(address) ? bareHost(new URL(`http://[${address.replace(/%.*/, '')}]`).hostname) : address;
}

function ipv6Kind(address: ipaddr.IPv6): AddressKind {
  if (address.isIPv4MappedAddress()) return rangeKind(address.toIPv4Address());
  // Where a network translates (DNS64), public IPv4 servers have these addresses; RFC 6052 section 3.1 allows no others.
  if (address.match(NAT64)) {
    const embedded = new ipaddr.IPv4(address.toByteArray().slice(12));
    return rangeKind(embedded) === 'public' ? 'public' : 'forbidden';
  }
  const kind = rangeKind(address);
  // Unassigned space and the deprecated IPv4-compatible ::/96, for which there is no named range.
  return kind === 'public' && !address.match(GLOBAL_UNICAST) ? 'forbidden' : kind;
}

function rangeKind(address: ipaddr.IPv4 | ipaddr.IPv6): AddressKind {
  if (METADATA_ADDRESSES.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits))) {
    return 'forbidden';
  }
  switch (address.range()) {
    case 'unicast':
      return 'public';
    case 'private':
    case 'uniqueLocal':
    case 'carrierGradeNat':
      return 'private';
    case 'loopback':
      return 'loopback';
    default:
      // Among the rest are 6to4 and Teredo: retired tunnels, whose addresses hide an IPv4 address.
      return 'forbidden';
  }
}

/**
 * What a host is by its name or literal alone. `undefined`: a name that only resolving could tell more about.
 *
 * @param hostname As `URL.hostname` gives it: canonical, IPv6 in brackets.
 */
export function hostKind(hostname: string): AddressKind | undefined {
  const host = bareHost(hostname);
  if (isAddress(host)) return addressKind(host);
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback';
  // Names with an empty label are none, and what a proxy or somebody else's resolver makes of them is unknown.
  if (METADATA_NAMES.has(host) || host.split('.').includes('')) return 'forbidden';
  if (!host.includes('.') || PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix))) return 'private';
  return undefined;
}

/**
 * Whether a host is this machine by its name or literal: `localhost`, a name under it, 127.0.0.0/8 or ::1.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6761.html#section-6.3 | RFC 6761 section 6.3}
 */
export function isLoopbackHost(hostname: string): boolean {
  return hostKind(hostname.toLowerCase()) === 'loopback';
}

/** Whether a host is an IP address and no name. */
export function isIpLiteral(hostname: string): boolean {
  return isAddress(bareHost(hostname));
}

/** A literal has a colon, or its last part starts with a digit. For each name that is none, the parser throws and catches. */
function isAddress(host: string): boolean {
  return /:|(?:^|\.)\d[\da-fx]*$/i.test(host) && ipaddr.isValid(host);
}

/** Whether `target` lies in a more private address space than `anchor`. */
export function isMorePrivate(target: AddressClass, anchor: AddressClass): boolean {
  return RANK[target] < RANK[anchor];
}

/** The most public of the classes of the addresses; `undefined` where none of them may be used. */
export function mostPublic(addresses: readonly string[]): AddressClass | undefined {
  let result: AddressClass | undefined;
  for (const address of addresses) {
    const kind = addressKind(address);
    if (kind !== 'forbidden' && (result === undefined || RANK[kind] > RANK[result])) result = kind;
  }
  return result;
}

/** The port of a URL that names none, for the schemes that this library speaks. */
export const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' };

/** A host without brackets, and without the dot at the end that only says that the name is complete. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
