import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, it } from 'vitest';
import { addressKind, isMorePrivate, mostPublic } from '../../src/http/address.js';
import { createAddressRule } from '../../src/http/address-rule.js';
import { holds, must, outcome } from './harness.js';
import { hostileText, hostileUrl, mutated } from './hostile.js';

const ANCHORS = {
  public: 'https://mcp.example.com/mcp',
  private: 'https://10.1.2.3/mcp',
  loopback: 'http://127.0.0.1:3000/mcp',
} as const;

/** The ranges by another library and from another list (IANA's registries) than the ones that the rule itself uses. */
const NEVER = blockList(
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.2.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['64:ff9b:1::', 48],
);
const PRIVATE = blockList(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['100.64.0.0', 10], ['fc00::', 7]);
const LOOPBACK = blockList(['127.0.0.0', 8], ['::1', 128]);

function blockList(...ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of ranges) list.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

const has = (list: BlockList, address: string) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

const bytes4 = fc.oneof(
  fc.constantFrom(
    [169, 254, 169, 254],
    [127, 0, 0, 1],
    [10, 0, 0, 1],
    [100, 64, 0, 1],
    [192, 168, 1, 1],
    [172, 31, 255, 255],
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [224, 0, 0, 1],
    [192, 0, 0, 192],
    [8, 8, 8, 8],
  ),
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((bytes) => [...bytes]),
);

/** An IPv4 address in one of the ways that URL parsers, resolvers and people have read. */
const literal = fc.tuple(bytes4, fc.nat(23), fc.nat(7)).map(([[a = 0, b = 0, c = 0, d = 0], form, edge]) => {
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (value: number) => value.toString(16);
  const groups = `${hex(a * 256 + b)}:${hex(c * 256 + d)}`;
  const dotted = `${a}.${b}.${c}.${d}`;
  const forms = [
    dotted,
    String(number),
    `0x${hex(number)}`,
    `0${number.toString(8)}`,
    [a, b, c, d].map((byte) => `0x${hex(byte)}`).join('.'),
    [a, b, c, d].map((byte) => `0${byte.toString(8)}`).join('.'),
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    dotted.replaceAll('.', '%2e'),
    dotted.replaceAll('.', '。'),
    [...dotted].map((char) => (char === '.' ? char : String.fromCharCode(char.charCodeAt(0) + 0xfee0))).join(''),
    `[::ffff:${dotted}]`,
    `[::ffff:${groups}]`,
    `[0:0:0:0:0:ffff:${groups}]`,
    `[::${dotted}]`,
    `[::${groups}]`,
    `[64:ff9b::${groups}]`,
    `[64:ff9b:1::${groups}]`,
    `[2002:${groups}::1]`,
    `[2001:0:${groups}::]`,
    `[fe80::${groups}]`,
    `[fd00::${groups}]`,
    `[::ffff:0:${groups}]`,
    `[2606:4700::${groups}]`,
  ];
  const host = forms[form] ?? dotted;
  const edges = [host, host, host, `${host}.`, `user@${host}`, `evil.example@${host}`, `${host}:8443`, `${host}..`];
  return edges[edge] ?? host;
});

const host = fc.oneof(
  { weight: 5, arbitrary: literal },
  { weight: 1, arbitrary: fc.ipV4Extended() },
  { weight: 1, arbitrary: fc.ipV6().map((address) => `[${address}]`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'localhost',
      'LOCALHOST.',
      'a.localhost',
      'metadata.google.internal',
      'printer',
      'nas.local',
      'instance-data',
    ),
  },
);
const url = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom('https', 'https', 'http', 'ftp', 'wss'), host)
      .map(([scheme, name]) => `${scheme}://${name}/x`),
  },
  { weight: 1, arbitrary: mutated(host.map((name) => `https://${name}/x`)) },
  { weight: 1, arbitrary: hostileUrl },
);

describe('the address rule', () => {
  it.each([
    `https://"/`,
    `https://x';calc;'/`,
    'https://$(calc)/',
    'https://a`calc`/',
    'https://a&b/',
    'https://{a}/',
  ])('a host that a shell would read as more than a name is refused for requests and for the browser: %s', async (input) => {
    const rule = createAddressRule(new URL(ANCHORS.public));
    must(new URL(input).href === input, 'the parser of URLs does not keep it any more');
    must((await outcome(() => rule.assertUrl(input, 'discovery'), ['address_refused'])) === undefined, 'it passed');
    must((await outcome(() => rule.assertBrowserUrl(input), ['address_refused'])) === undefined, 'it passed');
  });

  it('no URL that passes leads to a forbidden or more private address by what new URL, ipaddr.js and the ranges of IANA say of it', () =>
    holds(
      fc.tuple(url, fc.constantFrom(...(Object.keys(ANCHORS) as (keyof typeof ANCHORS)[]))),
      async ([input, anchor]) => {
        const rule = createAddressRule(new URL(ANCHORS[anchor]));
        const passed = await outcome(() => rule.assertUrl(input, 'discovery'), ['address_refused']);
        if (passed === undefined) return;
        const { protocol, hostname, username, password, href } = new URL(input);
        must(passed.value.href === href, 'another URL than the one that was given');
        must(username === '' && password === '' && href.length <= 8_192, 'credentials, or endless');
        const bare = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
        const isLocal =
          bare === 'localhost' || bare.endsWith('.localhost') || (isIP(bare) > 0 && has(LOOPBACK, mapped(bare)));
        must(
          protocol === 'https:' || (protocol === 'http:' && isLocal && anchor === 'loopback'),
          `${protocol} to ${hostname}`,
        );
        must(!isLocal || anchor === 'loopback', 'loopback was opened');
        if (isIP(bare) === 0) return;
        const address = mapped(bare);
        must(!has(NEVER, address), `${address} is never to be used`);
        must(anchor !== 'public' || !has(PRIVATE, address), `${address} is private`);
        const range = ipaddr.process(bare).range();
        const allowed = [
          'unicast',
          ...(anchor === 'public' ? [] : ['private', 'uniqueLocal', 'carrierGradeNat']),
          ...(isLocal ? ['loopback'] : []),
          'rfc6052',
        ];
        must(allowed.includes(range), `${address} is ${range}`);
      },
    ));

  it('a browser is given https, or http on loopback, and nothing with credentials or a fragment', () =>
    holds(url, async (input) => {
      const rule = createAddressRule(new URL(ANCHORS.public));
      const passed = await outcome(() => rule.assertBrowserUrl(input), ['address_refused']);
      if (passed === undefined) return;
      const { protocol, hostname, username, href } = passed.value;
      const isLocal = /^(.+\.)?localhost\.?$|^127\.|^\[::1\]$|^\[::ffff:7f/.test(hostname);
      must(protocol === 'https:' || (protocol === 'http:' && isLocal), `${protocol} to ${hostname}`);
      must(username === '' && !href.includes('#') && href.length <= 8_192, 'credentials, a fragment, or endless');
      must(!/[\s"<>\p{Cc}]/u.test(href), `a character that a page or a program could misread: ${href}`);
      must(/^[\w.:[\]-]+$/.test(hostname), `no host: ${hostname}`);
    }));

  it('what a name resolves to is admitted only where each address by itself would be', () =>
    holds(
      fc.tuple(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), literal, hostileText), { maxLength: 5 }), fc.boolean()),
      async ([addresses, isPublic]) => {
        const anchor = isPublic ? ANCHORS.public : ANCHORS.private;
        const rule = createAddressRule(new URL(anchor));
        const admitted = await outcome(
          () => rule.admit(new URL('https://as.example.com/'), addresses),
          ['address_refused'],
        );
        for (const address of admitted?.value ?? []) {
          must(isIP(address.replace(/%.*/, '')) > 0 || ipaddr.isValid(address), `${address} is no address`);
          const kind = addressKind(address);
          must(
            kind !== 'forbidden' && !isMorePrivate(kind, isPublic ? 'public' : 'private'),
            `${address} was admitted`,
          );
          if (isIP(address) > 0) must(!has(NEVER, mapped(address)), `${address} is never to be used`);
        }
        const learnt = mostPublic(addresses);
        must(
          learnt === undefined || addresses.some((address) => addressKind(address) === learnt),
          'a class that no address has',
        );
      },
    ));
});

/** An IPv4-mapped address as the IPv4 address that is connected to. */
function mapped(address: string): string {
  const parsed = ipaddr.parse(
    new URL(isIP(address) === 6 ? `http://[${address.replace(/%.*/, '')}]` : `http://${address}`).hostname.replace(
      /^\[|\]$/g,
      '',
    ),
  );
  return parsed.kind() === 'ipv6' && (parsed as ipaddr.IPv6).isIPv4MappedAddress()
    ? (parsed as ipaddr.IPv6).toIPv4Address().toString()
    : parsed.toString();
}
