import { describe, expect, it } from 'vitest';
import { type AddressRule, createAddressRule, type NetworkOptions } from '../../src/http/address-rule.js';
import { failure } from '../support/failure.js';

const rule = (anchor: string, network?: NetworkOptions) => createAddressRule(new URL(anchor), network);
const PUBLIC = 'https://mcp.example.com/mcp';

function allowed(judge: AddressRule, url: string): boolean {
  try {
    judge.assertUrl(url, 'discovery');
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: 'McpOAuthError', code: 'address_refused', stage: 'discovery' });
    return false;
  }
}

describe('F40: the address rule by name and literal', () => {
  it.each([
    [PUBLIC, 'https://auth.example.net/token', true],
    [PUBLIC, 'https://8.8.8.8/token', true],
    [PUBLIC, 'https://10.0.0.1/token', false],
    [PUBLIC, 'https://[fd00::1]/token', false],
    [PUBLIC, 'https://100.64.0.1/token', false],
    [PUBLIC, 'https://intranet/token', false],
    [PUBLIC, 'https://vault.internal/token', false],
    [PUBLIC, 'https://localhost/token', false],
    [PUBLIC, 'https://127.0.0.1:8443/token', false],
    [PUBLIC, 'https://2130706433/token', false],
    [PUBLIC, 'http://127.0.0.1:8080/token', false],
    ['https://10.1.1.1/mcp', 'https://auth.example.net/token', true],
    ['https://10.1.1.1/mcp', 'https://192.168.0.2/token', true],
    ['https://10.1.1.1/mcp', 'https://localhost/token', false],
    ['https://10.1.1.1/mcp', 'http://localhost/token', false],
    ['https://mcp.internal/mcp', 'https://10.0.0.2/token', true],
    ['http://localhost:3000/mcp', 'http://127.0.0.1:9000/token', true],
    ['http://localhost:3000/mcp', 'http://[::1]:9000/token', true],
    ['http://localhost:3000/mcp', 'https://10.0.0.2/token', true],
    ['http://localhost:3000/mcp', 'https://auth.example.net/token', true],
    ['http://localhost:3000/mcp', 'http://10.0.0.2/token', false],
    ['http://localhost:3000/mcp', 'http://auth.example.net/token', false],
  ])('a server at %s naming %s: %s', (anchor, url, expected) => {
    expect(allowed(rule(anchor), url)).toBe(expected);
  });

  it.each([
    PUBLIC,
    'https://10.1.1.1/mcp',
    'http://localhost:3000/mcp',
    'https://169.254.169.254/mcp',
  ])('nothing opens link-local, unspecified, multicast and reserved addresses to %s', (anchor) => {
    const hosts = [
      '169.254.169.254',
      '[fe80::1]',
      '0.0.0.0',
      '[::]',
      '224.0.0.1',
      '255.255.255.255',
      '[::ffff:a9fe:a9fe]',
    ];
    for (const host of [...hosts, 'metadata.google.internal']) {
      const network = { allowPrivateNetwork: [host], allowInsecureHttp: [host] };
      expect(allowed(rule(anchor, network), `https://${host}/`)).toBe(false);
      expect(allowed(rule(anchor, network), `http://${host}/`)).toBe(false);
    }
  });

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/html,x',
    'ws://a.example/',
    '/token',
    '',
  ])('refuses %j: no https URL', (url) => {
    expect(allowed(rule(PUBLIC), url)).toBe(false);
  });

  it('refuses credentials in a URL, and repeats neither them nor the query', async () => {
    const error = await failure(() => rule(PUBLIC).assertUrl('https://user:s3cret@a.example/x?token=t0ken#f', 'token'));
    expect(error).toMatchObject({ code: 'address_refused', stage: 'token', url: 'https://a.example/x' });
    expect(JSON.stringify(error) + error.message + error.stack).not.toMatch(/s3cret|t0ken/);
  });

  it('refuses URLs longer than 8 KiB', () => {
    expect(allowed(rule(PUBLIC), `https://a.example/${'x'.repeat(8192 - 18)}`)).toBe(true);
    expect(allowed(rule(PUBLIC), `https://a.example/${'x'.repeat(8192 - 17)}`)).toBe(false);
  });

  it('says how to go on', async () => {
    const toPrivate = await failure(() => rule(PUBLIC).assertUrl('https://10.0.0.1/', 'token'));
    expect(toPrivate.message).toContain('network.allowPrivateNetwork');
    const plain = await failure(() => rule(PUBLIC).assertUrl('http://a.example/', 'token'));
    expect(plain.message).toContain('network.allowInsecureHttp');
  });
});

describe('network options', () => {
  it('allowPrivateNetwork names hosts, and ports where it says so', () => {
    const judge = rule(PUBLIC, { allowPrivateNetwork: ['10.0.0.1', 'localhost:3000', '[fd00::1]:8443', 'FD00::2'] });
    expect(allowed(judge, 'https://10.0.0.1:9999/')).toBe(true);
    expect(allowed(judge, 'https://10.0.0.2/')).toBe(false);
    expect(allowed(judge, 'http://localhost:3000/')).toBe(true);
    expect(allowed(judge, 'http://localhost:3001/')).toBe(false);
    expect(allowed(judge, 'https://[fd00::1]:8443/')).toBe(true);
    expect(allowed(judge, 'https://[fd00::1]/')).toBe(false);
    expect(allowed(judge, 'https://[fd00::2]/')).toBe(true);
  });

  it('allowInsecureHttp opens plain http, but no more private address space', () => {
    const judge = rule(PUBLIC, { allowInsecureHttp: ['auth.example.net', '10.0.0.1', 'port.example:80'] });
    expect(allowed(judge, 'http://auth.example.net:8080/')).toBe(true);
    expect(allowed(judge, 'http://sub.auth.example.net/')).toBe(false);
    expect(allowed(judge, 'http://port.example/')).toBe(true);
    expect(allowed(judge, 'http://port.example:81/')).toBe(false);
    expect(allowed(judge, 'http://10.0.0.1/')).toBe(false);
  });

  it.each([
    'https://a.example',
    'a.example/path',
    'a b',
    '',
    'user@a.example',
    'a.example:99999999',
  ])('refuses %j, which is no host', async (entry) => {
    const error = await failure(() => rule(PUBLIC, { allowPrivateNetwork: [entry] }));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
  });
});

describe('the address rule by what names resolve to', () => {
  const admit = (judge: AddressRule, url: string, ...addresses: string[]) => judge.admit(new URL(url), addresses);

  it('F40: connects only to the addresses that the rule allows', () => {
    expect(admit(rule(PUBLIC), 'https://auth.example.net/', '10.0.0.1', '8.8.8.8', '::1')).toEqual(['8.8.8.8']);
  });

  it.each([
    ['10.0.0.1'],
    ['127.0.0.1'],
    ['::ffff:127.0.0.1'],
    ['169.254.169.254'],
    ['0.0.0.0'],
  ])('refuses a public name that resolves to %s', async (address) => {
    expect(await failure(() => admit(rule(PUBLIC), 'https://auth.example.net/', address))).toMatchObject({
      code: 'address_refused',
    });
  });

  it('learns the class of the anchor from its addresses', () => {
    const judge = rule('https://mcp.corp.example/mcp');
    expect(judge.anchorName).toBe('mcp.corp.example');
    expect(allowed(judge, 'https://10.0.0.2/token')).toBe(false);
    judge.learnAnchor(['10.0.0.1']);
    expect(allowed(judge, 'https://10.0.0.2/token')).toBe(true);
    expect(admit(judge, 'https://auth.corp.example/', '10.0.0.3')).toEqual(['10.0.0.3']);
    judge.learnAnchor(['10.0.0.1', '8.8.8.8']);
    expect(allowed(judge, 'https://10.0.0.2/token')).toBe(false);
    judge.learnAnchor([]);
    expect(allowed(judge, 'https://10.0.0.2/token')).toBe(false);
  });

  it('keeps the host that the user named reachable, at all its addresses', () => {
    const judge = rule('https://mcp.internal/mcp');
    judge.learnAnchor(['10.0.0.1', '2606:4700::1']);
    expect(allowed(judge, 'https://mcp.internal/token')).toBe(true);
    expect(admit(judge, 'https://mcp.internal/token', '10.0.0.1', '2606:4700::1')).toEqual([
      '10.0.0.1',
      '2606:4700::1',
    ]);
    expect(allowed(judge, 'https://auth.internal/token')).toBe(false);
  });

  it('lets nobody open plain http on loopback by having a name of theirs resolve there', () => {
    const judge = rule('https://evil.example/mcp');
    judge.learnAnchor(['127.0.0.1']);
    expect(allowed(judge, 'http://127.0.0.1:6379/')).toBe(false);
    expect(allowed(judge, 'http://localhost:6379/')).toBe(false);
  });

  it('does not send plain http elsewhere when localhost resolves to another machine', async () => {
    const judge = rule('http://localhost:3000/mcp');
    expect(admit(judge, 'http://app.localhost/', '8.8.8.8', '127.0.0.1')).toEqual(['127.0.0.1']);
    expect(await failure(() => admit(judge, 'http://app.localhost/', '8.8.8.8'))).toMatchObject({
      code: 'address_refused',
    });
  });

  it('has nothing to resolve where the anchor is a literal or localhost', () => {
    for (const anchor of ['https://10.0.0.1/', 'https://[fd00::1]/', 'https://8.8.8.8/', 'http://app.localhost/']) {
      expect(rule(anchor).anchorName).toBeUndefined();
    }
  });
});

describe('F39: what a browser is given (CVE-2025-6514)', () => {
  const judge = rule(PUBLIC, { allowInsecureHttp: ['dev.example'] });

  it.each([
    'https://auth.example.net/authorize?x=y',
    'http://localhost:9000/authorize',
    'http://127.0.0.1/',
    'http://dev.example/',
  ])('opens %s', (url) => {
    expect(judge.assertBrowserUrl(url).href).toBe(new URL(url).href);
  });

  it.each([
    'http://auth.example.net/authorize',
    'file:///c:/windows/system32/calc.exe',
    'javascript:alert(1)',
    'ms-msdt:/id',
    'vscode://x',
    'http:$(calc.exe)',
    'https://user:pw@auth.example.net/',
    'https://auth.example.net/#x',
    'https://auth.example.net/#',
    `https://auth.example.net/${'x'.repeat(8192)}`,
    'not a url',
  ])('refuses %.60s', async (url) => {
    expect(await failure(() => judge.assertBrowserUrl(url))).toMatchObject({
      code: 'address_refused',
      stage: 'authorization',
    });
  });
});
