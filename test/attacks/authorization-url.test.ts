import { afterEach, describe, expect, it } from 'vitest';
import { createHttp } from '../../src/http/index.js';
import { isMcpOAuthError } from '../../src/index.js';
import { closers } from '../with-oauth/support.js';
import { authorizationServer, GOOD, REDIRECT, RESOURCE_METADATA, SERVER_URL, world } from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const signingInAt = (authorization_endpoint: unknown, options: Parameters<typeof world>[0] = {}) =>
  closing(world(options, authorizationServer(GOOD, { metadata: { authorization_endpoint } })));

/** What strangers have put where a URL belongs, or could. */
const NOT_FOR_BROWSERS: readonly unknown[] = [
  'file:///etc/passwd',
  'file://attacker.example.com/share/x.exe',
  'data:text/html,<script>alert(1)</script>',
  'blob:https://as.example.com/1',
  'javascript:alert(1)//as.example.com',
  'JaVaScRiPt:alert(1)',
  'vbscript:x',
  'about:blank',
  'view-source:https://as.example.com/authorize',
  'vscode://extension/install?x',
  'ms-msdt:/id PCWDiagnostic',
  'search-ms:query=x&crumb=location:\\\\attacker.example.com',
  'slack://open',
  'mailto:a@b.c',
  'ftp://as.example.com/authorize',
  'ws://as.example.com/authorize',
  'wss://as.example.com/authorize',
  'http://as.example.com/authorize',
  'http://127.0.0.1:1/authorize',
  'https://user:password@as.example.com/authorize',
  'https://as.example.com/authorize#fragment',
  'https://as.example.com/authorize#',
  '//as.example.com/authorize',
  '/authorize',
  'a:$(calc)',
  'calc.exe',
  '',
  7,
  true,
  ['https://as.example.com/authorize'],
  { href: 'https://as.example.com/authorize' },
];

describe('an authorization endpoint that no browser may open', () => {
  it.each(NOT_FOR_BROWSERS)('%j is refused, and neither a browser nor a registration hears of it', async (endpoint) => {
    const opened: string[] = [];
    const at = signingInAt(endpoint, { openBrowser: (url) => void opened.push(url) });
    const error = await at.provider.authorize().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(isMcpOAuthError(error) && error.code).toMatch(/^(address_refused|invalid_response)$/);
    expect(opened).toEqual([]);
    expect(at.to(`${GOOD}/register`)).toEqual([]);
    expect(at.events.map(({ type }) => type)).not.toContain('authorization_url');
  });

  it('one that makes the whole URL longer than 8 KiB is refused', async () => {
    const at = signingInAt(`${GOOD}/authorize?x=${'x'.repeat(8_100)}`);
    await expect(at.begin()).rejects.toMatchObject({ code: 'address_refused', stage: 'authorization' });
    expect(await at.store.list('transaction/')).toEqual([]);
  });
});

describe('other schemes, wherever a server can name a URL', () => {
  const schemes = [
    'file:///x',
    'data:application/json,{}',
    'blob:https://as.example.com/1',
    'acme-ide://x',
    'javascript:1',
  ];

  it.each(schemes)('%s is not asked for metadata, tokens, registrations or revocations', async (url) => {
    const places: Parameters<typeof authorizationServer>[1][] = [
      { metadata: { token_endpoint: url } },
      { metadata: { registration_endpoint: url } },
    ];
    for (const place of places) {
      const at = closing(world({}, authorizationServer(GOOD, place)));
      await expect(at.begin()).rejects.toMatchObject({
        code: expect.stringMatching(/^(address_refused|invalid_response|registration_unavailable)$/),
      });
      expect(at.to(url)).toEqual([]);
    }
    const revoking = closing(world({}, authorizationServer(GOOD, { metadata: { revocation_endpoint: url } })));
    await revoking.finish(await revoking.begin());
    expect(await revoking.provider.signOut()).toMatchObject({ revoked: false });
    const listing = closing(world({}, { [RESOURCE_METADATA]: { resource: SERVER_URL, authorization_servers: [url] } }));
    await expect(listing.begin()).rejects.toMatchObject({ stage: 'discovery' });
    for (const { sent } of [revoking, listing]) expect(sent.filter((one) => one.url === url)).toEqual([]);
  });

  it.each([
    ...schemes,
    'http://as.example.com/x',
    'https://u:p@as.example.com/x',
  ])('the one way out judges %s by itself, so that no place can forget to', (url) => {
    const http = createHttp({ anchor: SERVER_URL });
    for (const judge of [() => http.assertDiscoveredUrl(url, 'discovery'), () => http.assertBrowserUrl(url)]) {
      expect(judge).toThrowError(expect.objectContaining({ code: 'address_refused' }));
    }
  });
});

describe('an authorization endpoint that brings a query along', () => {
  it('with our own parameters in it: each of them stands in the URL once, and is ours', async () => {
    const theirs = {
      response_type: 'token',
      client_id: 'evil',
      redirect_uri: 'https://evil.example.net/callback',
      state: 'evil',
      code_challenge: 'evil',
      code_challenge_method: 'plain',
      resource: 'https://victim.example.com',
    };
    const twice = `${new URLSearchParams(theirs)}&${new URLSearchParams(theirs)}`;
    const { searchParams } = await signingInAt(`${GOOD}/authorize?${twice}`).begin();
    expect(Object.keys(theirs).map((name) => searchParams.getAll(name).length)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'client-of-as.example.com',
      redirect_uri: REDIRECT,
      code_challenge_method: 'S256',
      resource: SERVER_URL,
    });
    expect([...searchParams.values()].filter((value) => value.includes('evil'))).toEqual([]);
  });

  it.each([
    ['a request object, whose members would count in place of ours', 'request', 'eyJhbGciOiJub25lIn0.e30.'],
    ['the address of a request object', 'request_uri', 'https://evil.example.net/request.jwt'],
    ['another way to answer', 'response_mode', 'fragment'],
    ['scopes that nobody asked for', 'scope', 'admin'],
    ['rights that nobody asked for', 'authorization_details', '[{"type":"payment"}]'],
    ['a key that is not ours', 'dpop_jkt', 'evil'],
    ['a PKCE method in place of the one that is sent', 'code_challenge_method', 'plain'],
  ])('with %s: it is not in the URL', async (_, name, value) => {
    const { searchParams } = await signingInAt(
      `${GOOD}/authorize?${new URLSearchParams({ [name]: value })}&p=policy`,
    ).begin();
    expect(searchParams.getAll(name)).not.toContain(value);
    expect(searchParams.get('p')).toBe('policy');
  });

  it('with what a shell would act on: the URL stays one URL, and is escaped where URLs are', async () => {
    const url = await signingInAt(`${GOOD}/authorize?x=$(calc)&y="; calc #`.replace(' #', '')).begin();
    expect(url.origin).toBe(GOOD);
    expect(url.href).not.toMatch(/[\s"<>\\^`{}]/);
  });
});

describe('authorizationParameters of the application', () => {
  it.each([
    'client_id',
    'code_challenge',
    'code_challenge_method',
    'dpop_jkt',
    'redirect_uri',
    'request',
    'request_uri',
    'resource',
    'response_type',
    'state',
  ])('that replace %s are refused', async (name) => {
    const open = async () => closing(world({ authorizationParameters: { [name]: 'x' } })).begin();
    await expect(open()).rejects.toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    const at = closing(world());
    const given = at.provider.authorize({ authorizationParameters: { [name]: 'x' } });
    await expect(given).rejects.toMatchObject({ code: 'invalid_options', stage: 'configuration' });
  });
});
