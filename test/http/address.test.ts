import { describe, expect, it } from 'vitest';
import { addressKind, hostKind, isIpLiteral, isLoopbackHost, mostPublic } from '../../src/http/address.js';

describe('addressKind (design: the address rule)', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['100.127.255.255', 'private'],
    ['fd00::1', 'private'],
    ['fc00::1', 'private'],
    ['172.32.0.1', 'public'],
    ['100.128.0.1', 'public'],
    ['8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it.each([
    ['169.254.169.254', 'link-local: cloud metadata'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'this network'],
    ['::', 'unspecified'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['240.0.0.1', 'reserved'],
    ['192.0.0.170', 'protocol assignments'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarking'],
    ['198.51.100.7', 'documentation'],
    ['203.0.113.7', 'documentation'],
    ['2001:db8::1', 'documentation'],
    ['fec0::1', 'site-local, deprecated'],
    ['100::1', 'discard-only'],
    ['4000::1', 'unassigned'],
    ['fd00:ec2::254', 'metadata of AWS'],
    ['fd20:ce::254', 'metadata of Google'],
    ['fd00:42::42', 'metadata of Scaleway'],
    ['100.100.100.200', 'metadata of Alibaba'],
    ['::ffff:100.100.100.200', 'the same, IPv4-mapped'],
    ['168.63.129.16', 'wire server of Azure'],
    ['64:ff9b::168.63.129.16', 'the same behind NAT64'],
    ['nonsense', 'no address'],
    ['', 'no address'],
  ])('%s is forbidden (%s)', (address) => {
    expect(addressKind(address)).toBe('forbidden');
  });

  it.each([
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:8.8.8.8', 'public'],
    ['::ffff:169.254.169.254', 'forbidden'],
    ['::ffff:0.0.0.0', 'forbidden'],
  ])('judges the IPv4-mapped %s as the IPv4 address: %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it.each([
    ['64:ff9b::808:808', 'public'],
    ['64:ff9b::7f00:1', 'forbidden'],
    ['64:ff9b::a00:1', 'forbidden'],
    ['64:ff9b::a9fe:a9fe', 'forbidden'],
    ['64:ff9b:1::a9fe:a9fe', 'forbidden'],
    ['2002:7f00:1::', 'forbidden'],
    ['2002:a9fe:a9fe::1', 'forbidden'],
    ['2001:0:7f00:1::', 'forbidden'],
    ['::127.0.0.1', 'forbidden'],
    ['::7f00:1', 'forbidden'],
    ['::ffff:0:127.0.0.1', 'forbidden'],
  ])('an IPv4 address hidden in %s (NAT64, 6to4, Teredo, IPv4-compatible) is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });
});

describe('hostKind', () => {
  const host = (url: string) => new URL(url).hostname;

  it.each([
    ['http://0177.0.0.1/', 'loopback'],
    ['http://0x7f.1/', 'loopback'],
    ['http://2130706433/', 'loopback'],
    ['http://127.1/', 'loopback'],
    ['http://127.0.0.1./', 'loopback'],
    ['http://%31%32%37.0.0.1/', 'loopback'],
    ['http://①②⑦.0.0.1/', 'loopback'],
    ['http://[::ffff:127.0.0.1]/', 'loopback'],
    ['http://0xa9fea9fe/', 'forbidden'],
    ['http://0/', 'forbidden'],
    ['http://0251.0376.0251.0376/', 'forbidden'],
    ['http://012.0.0.1/', 'private'],
  ])('sees through %s: %s', (url, kind) => {
    expect(hostKind(host(url))).toBe(kind);
  });

  it.each([
    ['https://localhost/', 'loopback'],
    ['https://LOCALHOST./', 'loopback'],
    ['https://app.localhost/', 'loopback'],
    ['https://printer.local/', 'private'],
    ['https://auth.corp.internal/', 'private'],
    ['https://nas.home.arpa/', 'private'],
    ['https://intranet/', 'private'],
    ['https://db.lan/', 'private'],
    ['https://wiki.corp/', 'private'],
    ['https://localhost.localdomain/', 'private'],
    ['https://localhost../', 'forbidden'],
    ['https://127.0.0.1../', 'forbidden'],
    ['https://a..b.example/', 'forbidden'],
    ['https://.example.com/', 'forbidden'],
    ['https://metadata.google.internal../', 'forbidden'],
    ['https://metadata.tencentyun.com/', 'forbidden'],
    ['https://metadata/', 'forbidden'],
    ['https://metadata.google.internal/', 'forbidden'],
    ['https://METADATA.google.internal./', 'forbidden'],
    ['https://example.com/', undefined],
    ['https://localhost.example.com/', undefined],
    ['https://notlocalhost.example/', undefined],
    ['https://127.0.0.1.nip.io/', undefined],
  ])('judges the name in %s: %s', (url, kind) => {
    expect(hostKind(host(url))).toBe(kind);
  });

  it('tells loopback hosts from others', () => {
    for (const name of ['localhost', 'LocalHost', 'a.b.localhost', '127.0.0.1', '127.8.8.8', '[::1]', '::1']) {
      expect(isLoopbackHost(name)).toBe(true);
    }
    for (const name of ['localhost.evil.example', '10.0.0.1', '[::2]', '', '0.0.0.0']) {
      expect(isLoopbackHost(name)).toBe(false);
    }
  });

  it('tells literals from names', () => {
    expect(isIpLiteral('[::1]')).toBe(true);
    expect(isIpLiteral('10.0.0.1')).toBe(true);
    expect(isIpLiteral('example.com')).toBe(false);
  });
});

describe('mostPublic', () => {
  it('takes the most public class, so that one private address among public ones opens nothing', () => {
    expect(mostPublic(['10.0.0.1', '8.8.8.8', '127.0.0.1'])).toBe('public');
    expect(mostPublic(['127.0.0.1', '10.0.0.1'])).toBe('private');
    expect(mostPublic(['169.254.169.254', '::1'])).toBe('loopback');
    expect(mostPublic(['169.254.169.254'])).toBeUndefined();
  });
});
