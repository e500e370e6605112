import { describe, expect, it } from 'vitest';
import { discoverAuthorizationServer } from '../../src/discovery/authorization-server.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { json, loginPage, type Reply, raw, redirectTo, web } from './support.js';

const ISSUER = 'https://as.example.com/t1';
const FIRST = 'https://as.example.com/.well-known/oauth-authorization-server/t1';
const SECOND = 'https://as.example.com/.well-known/openid-configuration/t1';
const THIRD = 'https://as.example.com/t1/.well-known/openid-configuration';
const METADATA = {
  issuer: ISSUER,
  authorization_endpoint: 'https://as.example.com/t1/authorize',
  token_endpoint: 'https://as.example.com/t1/token',
  code_challenge_methods_supported: ['S256'],
};

describe('where authorization server metadata is found (RFC 8414 section 3, OpenID Connect Discovery)', () => {
  it.each([
    [[FIRST], FIRST],
    [[FIRST, SECOND], SECOND],
    [[FIRST, SECOND, THIRD], THIRD],
  ])('in the specified order: %j', async (asked, at) => {
    const net = web({ [at]: METADATA });
    expect(await discoverAuthorizationServer(ISSUER, { fetch: net.fetch })).toEqual(METADATA);
    expect(net.asked).toEqual(asked);
  });

  it('at the two root locations for an issuer without a path', async () => {
    const net = web({});
    expect(await discoverAuthorizationServer('https://as.example.com', { fetch: net.fetch })).toBeUndefined();
    expect(net.asked).toEqual([
      'https://as.example.com/.well-known/oauth-authorization-server',
      'https://as.example.com/.well-known/openid-configuration',
    ]);
  });

  it.each<[string, Reply]>([
    ['400 (Cognito)', json({ message: 'bad' }, 400)],
    ['401', json({}, 401)],
    ['403', json({}, 403)],
    ['404', loginPageWith(404)],
    ['a login page with 200', loginPage()],
    ['JSON that calls itself HTML', raw(JSON.stringify({ issuer: 'https://other.example' }), 'text/html')],
    ['text with 200', raw('Not here', 'text/plain')],
    ['nothing with 204', new Response(null, { status: 204 })],
    ['a redirect to a login page', redirectTo('https://as.example.com/login')],
    ['a redirect that the rule forbids', redirectTo('https://169.254.169.254/latest')],
  ])('F30: absent at one location, found at the next: %s', async (_what, reply) => {
    const net = web({ [FIRST]: reply, [SECOND]: METADATA, 'https://as.example.com/login': loginPage() });
    expect(await discoverAuthorizationServer(ISSUER, { fetch: net.fetch })).toEqual(METADATA);
  });

  it('is undefined where no location has metadata', async () => {
    const net = web({ [FIRST]: loginPage(), [SECOND]: json({}, 400) });
    expect(await discoverAuthorizationServer(ISSUER, { fetch: net.fetch })).toBeUndefined();
    expect(net.asked).toEqual([FIRST, SECOND, THIRD]);
  });

  it('names the refused redirect where nothing was found beside it', async () => {
    const net = web({ [FIRST]: redirectTo('https://169.254.169.254/latest') });
    expect((await failure(discoverAuthorizationServer(ISSUER, { fetch: net.fetch }))).code).toBe('address_refused');
  });

  it.each([500, 502, 429])('F30: %i is "try again", not the next location', async (status) => {
    const net = web({ [FIRST]: json({}, status), [SECOND]: METADATA });
    const error = await failure(discoverAuthorizationServer(ISSUER, { fetch: net.fetch, clock: new InstantClock() }));
    expect(error).toMatchObject({ code: 'server_unavailable', stage: 'discovery', status, retryable: true });
    expect(net.asked).toEqual([FIRST, FIRST, FIRST]);
  });
});

describe('the issuer is identical and not normalised (RFC 8414 section 3.3)', () => {
  it.each([
    ['https://honest.example', 'https://as.example.com'],
    ['https://as.example.com/', 'https://as.example.com'],
    ['https://as.example.com', 'https://as.example.com/'],
    ['https://AS.example.com', 'https://as.example.com'],
    ['https://as.example.com:443', 'https://as.example.com'],
    ['http://as.example.com', 'https://as.example.com'],
    ['https://as.example.com/t1/', 'https://as.example.com/t1'],
    ['https://as.example.com/t1', 'https://as.example.com/t1/'],
    ['https://as.example.com/%74', 'https://as.example.com/t'],
    ['', 'https://as.example.com'],
  ])('F28: "%s" is refused for "%s"', async (found, issuer) => {
    const fetch: typeof globalThis.fetch = async () => json({ ...METADATA, issuer: found });
    const error = await failure(discoverAuthorizationServer(issuer, { fetch }));
    expect(error).toMatchObject({ code: 'issuer_mismatch', stage: 'discovery' });
    expect(error.message).toContain('issuerExceptions');
  });

  it.each([
    'https://as.example.com',
    'https://as.example.com/',
    'https://AS.example.com',
    'https://as.example.com:443/x/',
  ])('"%s" is accepted for itself', async (issuer) => {
    const fetch: typeof globalThis.fetch = async () => json({ ...METADATA, issuer });
    expect((await discoverAuthorizationServer(issuer, { fetch }))?.issuer).toBe(issuer);
  });

  it('a document with another issuer is an error although the next location would have the right one', async () => {
    const net = web({ [FIRST]: { ...METADATA, issuer: 'https://other.example' }, [SECOND]: METADATA });
    expect((await failure(discoverAuthorizationServer(ISSUER, { fetch: net.fetch }))).code).toBe('issuer_mismatch');
    expect(net.asked).toEqual([FIRST]);
  });

  it('F28: an exception pins the one other value, and the own one stays valid', async () => {
    const exception = { metadataIssuer: 'https://pinned.example' };
    const find = (issuer: string) =>
      discoverAuthorizationServer(ISSUER, { fetch: web({ [FIRST]: { ...METADATA, issuer } }).fetch, exception });
    expect((await find('https://pinned.example'))?.issuer).toBe('https://pinned.example');
    expect((await find(ISSUER))?.issuer).toBe(ISSUER);
    expect((await failure(find('https://pinned.example/'))).code).toBe('issuer_mismatch');
  });
});

describe('documents that cannot be used', () => {
  it.each<[string, Reply]>([
    ['invalid JSON', raw('{"issuer":', 'application/json')],
    ['an HTML page that calls itself JSON', raw('<html></html>', 'application/json')],
    ['a list', raw('[]', 'application/json')],
    ['no issuer', { token_endpoint: METADATA.token_endpoint }],
    ['an issuer that is no string', { ...METADATA, issuer: [ISSUER] }],
    ['an error with 200', { error: 'not_found' }],
    ['no token endpoint', { ...METADATA, token_endpoint: undefined }],
    ['a token endpoint that is null', { ...METADATA, token_endpoint: null }],
    ['a token endpoint that is no string', { ...METADATA, token_endpoint: 7 }],
    ['a relative token endpoint', { ...METADATA, token_endpoint: '/token' }],
    ['an authorization endpoint that is no string', { ...METADATA, authorization_endpoint: {} }],
    ['a token endpoint with a fragment', { ...METADATA, token_endpoint: 'https://as.example.com/token#x' }],
  ])('invalid_response: %s', async (_what, reply) => {
    const net = web({ [FIRST]: reply, [SECOND]: METADATA });
    const error = await failure(discoverAuthorizationServer(ISSUER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'discovery', retryable: false });
    expect(net.asked).toEqual([FIRST]);
  });

  const hostile = [
    'http://as.example.com/x',
    'http://127.0.0.1/x',
    'https://10.0.0.1/x',
    'https://169.254.169.254/x',
    'https://[::1]/x',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'ms-settings:x',
  ];

  it.each(hostile)('F39, F40: a token or authorization endpoint at %s is refused', async (url) => {
    for (const name of ['token_endpoint', 'authorization_endpoint']) {
      const net = web({ [FIRST]: { ...METADATA, [name]: url } });
      const error = await failure(discoverAuthorizationServer(ISSUER, { fetch: net.fetch }));
      expect(error).toMatchObject({ code: 'address_refused', stage: 'discovery' });
    }
  });

  it.each([
    ...hostile,
    7,
    '',
    '/x',
    'https://as.example.com/x#y',
  ])('F40: an optional endpoint at %s is left out, the rest is used', async (url) => {
    const optional = ['registration_endpoint', 'revocation_endpoint', 'device_authorization_endpoint'];
    for (const name of optional) {
      const net = web({ [FIRST]: { ...METADATA, [name]: url } });
      expect(await discoverAuthorizationServer(ISSUER, { fetch: net.fetch })).toEqual(METADATA);
    }
  });

  it('an endpoint with credentials is not used', async () => {
    const net = web({ [FIRST]: { ...METADATA, token_endpoint: 'https://u:p@as.example.com/token' } });
    const error = await failure(discoverAuthorizationServer(ISSUER, { fetch: net.fetch }));
    expect(['invalid_response', 'address_refused']).toContain(error.code);
    expect(error.message).not.toContain('u:p');
  });

  it('keeps endpoints on other hosts and members it does not know', async () => {
    const full = {
      ...METADATA,
      token_endpoint: 'https://tokens.example.net/token?tenant=1',
      registration_endpoint: 'https://reg.example.net/register',
      revocation_endpoint: 'https://tokens.example.net/token?tenant=1',
      vendor_member: { a: 1 },
    };
    expect(await discoverAuthorizationServer(ISSUER, { fetch: web({ [FIRST]: full }).fetch })).toEqual(full);
  });

  it('does without an authorization endpoint (machine grants), null members and lists that are none', async () => {
    const { authorization_endpoint: _, ...machine } = METADATA;
    const odd = { ...machine, scopes_supported: null, grant_types_supported: 'client_credentials' };
    expect(await discoverAuthorizationServer(ISSUER, { fetch: web({ [FIRST]: odd }).fetch })).toEqual(machine);
  });
});

describe('issuer identifiers (RFC 8414 section 2)', () => {
  it.each([
    'as.example.com',
    '',
    'https://',
    'javascript:alert(1)',
    'https:as.example.com',
    'https://as.example.com?x=1',
    'https://as.example.com?',
    'https://as.example.com#x',
    'https://as.example.com#',
    'https://user:pw@as.example.com',
    ' https://as.example.com',
    'https://as.example.com\\t1',
    'https://as.example.com/a\nb',
  ])('%j is none', async (issuer) => {
    const net = web({});
    const error = await failure(discoverAuthorizationServer(issuer, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'discovery' });
    expect(error.message.length).toBeLessThan(600);
    expect(net.asked).toEqual([]);
  });

  it('one that is too long is none', async () => {
    const error = await failure(discoverAuthorizationServer(`https://as.example.com/${'a'.repeat(3000)}`));
    expect(error.code).toBe('invalid_response');
    expect(error.message.length).toBeLessThan(600);
  });

  it('plain http is refused save on loopback', async () => {
    const net = web({
      'http://127.0.0.1:9/.well-known/oauth-authorization-server': {
        issuer: 'http://127.0.0.1:9',
        token_endpoint: 'http://127.0.0.1:9/token',
      },
    });
    const refused = await failure(discoverAuthorizationServer('http://as.example.com', { fetch: net.fetch }));
    expect(refused.code).toBe('address_refused');
    expect(net.asked).toEqual([]);
    expect((await discoverAuthorizationServer('http://127.0.0.1:9', { fetch: net.fetch }))?.issuer).toBe(
      'http://127.0.0.1:9',
    );
  });
});

function loginPageWith(status: number): Response {
  return raw('<html>Not found</html>', 'text/html', status);
}
