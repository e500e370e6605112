import { afterEach, describe, expect, it } from 'vitest';
import { closers } from '../with-oauth/support.js';
import { EVIL, GOOD, RESOURCE_METADATA, SERVER_URL, world } from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const AS_METADATA = `${GOOD}/.well-known/oauth-authorization-server`;
const SERVER = {
  issuer: GOOD,
  authorization_endpoint: `${GOOD}/authorize`,
  token_endpoint: `${GOOD}/token`,
  registration_endpoint: `${GOOD}/register`,
  code_challenge_methods_supported: ['S256'],
};
const RESOURCE = { resource: SERVER_URL, authorization_servers: [GOOD] };

const typed = (body: BodyInit, type: string | undefined) => () => {
  const response = new Response(body, { status: 200 });
  response.headers.delete('content-type');
  if (type !== undefined) response.headers.set('content-type', type);
  return response;
};
const utf16 = (text: string) => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));
const failed = (at: ReturnType<typeof world>) => at.begin().then(String, (thrown: unknown) => thrown);

describe('metadata of a wrong content type', () => {
  const pages: readonly [string, BodyInit, string | undefined][] = [
    ['a page that is JSON inside', JSON.stringify(SERVER), 'text/html'],
    ['a page of XHTML that is JSON inside', JSON.stringify(SERVER), 'application/xhtml+xml; charset=utf-8'],
    ['XML', '<metadata><issuer>https://as.example.com</issuer></metadata>', 'application/xml'],
    ['a page under the name of JSON', '<!doctype html><title>Hotel</title>', 'application/json'],
    ['JSON in UTF-16', utf16(JSON.stringify(SERVER)), 'application/json; charset=utf-16'],
    ['a JSON text', JSON.stringify(JSON.stringify(SERVER)), 'application/json'],
    ['a JSON list', JSON.stringify([SERVER]), 'application/json'],
    ['a JSON number', '7', 'application/json'],
    ['null', 'null', 'application/json'],
    ['JSON that is cut', JSON.stringify(SERVER).slice(0, -5), 'application/json'],
    ['two JSON documents', `${JSON.stringify(SERVER)}${JSON.stringify(SERVER)}`, 'application/json'],
    ['JSON behind a prefix', `)]}'\n${JSON.stringify(SERVER)}`, 'application/json'],
    ['JSON with a comment', `/**/${JSON.stringify(SERVER)}`, 'application/json'],
    [
      'a form',
      new URLSearchParams({ issuer: GOOD, token_endpoint: `${GOOD}/token` }).toString(),
      'application/x-www-form-urlencoded',
    ],
    ['nothing', '', 'application/json'],
    ['a signed JWT', 'eyJhbGciOiJub25lIn0.e30.', 'application/jwt'],
  ];

  it.each(pages)('%s is no metadata of an authorization server: nobody is registered', async (_, body, type) => {
    const at = closing(world({}, { [AS_METADATA]: typed(body, type) }));
    expect(await failed(at)).toMatchObject({
      code: expect.stringMatching(/^(invalid_response|authorization_server_not_found)$/),
      stage: 'discovery',
    });
    expect(at.to(`${GOOD}/register`)).toEqual([]);
  });

  it.each(pages)('%s is no metadata of the resource, and no proof that there is none', async (_, body, type) => {
    const at = closing(world({}, { [RESOURCE_METADATA]: typed(body, type) }));
    expect(await failed(at)).toMatchObject({ code: 'invalid_response', stage: 'discovery' });
    expect(at.sent.filter(({ url }) => url.endsWith('/register'))).toEqual([]);
  });

  it.each([
    ['no content type', undefined],
    ['text', 'text/plain'],
    ['bytes', 'application/octet-stream'],
    ['a kind of JSON', 'application/vnd.acme+json'],
  ])('JSON with %s is what it is', async (_, type) => {
    const at = closing(world({}, { [AS_METADATA]: typed(JSON.stringify(SERVER), type) }));
    await expect(at.begin()).resolves.toBeInstanceOf(URL);
  });

  it('a byte order mark does not keep it from being read', async () => {
    const at = closing(world({}, { [AS_METADATA]: typed(`\ufeff${JSON.stringify(SERVER)}`, 'application/json') }));
    await expect(at.begin()).resolves.toBeInstanceOf(URL);
  });
});

describe('members that are not what they are called', () => {
  it.each([
    ['an object', { href: `${GOOD}/token` }],
    ['a list', [`${GOOD}/token`]],
    ['a number', 7],
    ['a relative reference', '/token'],
    ['a scheme that runs', 'javascript:alert(1)'],
    ['data', 'data:application/json,{"access_token":"x","token_type":"Bearer"}'],
    ['a fragment', `${GOOD}/token#x`],
    ['a user and a password', 'https://u:p@as.example.com/token'],
    ['plain http', 'http://as.example.com/token'],
    ['the cloud`s metadata', 'http://169.254.169.254/latest/meta-data/iam'],
    ['this machine', 'https://127.0.0.1/token'],
    ['null', null],
  ])('a token endpoint that is %s is refused before anybody signs in', async (_, token_endpoint) => {
    const at = closing(world({}, { [AS_METADATA]: { ...SERVER, token_endpoint } }));
    expect(await failed(at)).toMatchObject({ code: expect.stringMatching(/^(invalid_response|address_refused)$/) });
    expect(at.to(`${GOOD}/register`)).toEqual([]);
  });

  it.each([
    ['an object', { 0: GOOD }],
    ['a text', GOOD],
    ['a list with a number in it', [GOOD, 7]],
    ['a list of lists', [[GOOD]]],
    ['a number', 7],
  ])('a list of authorization servers that is %s is refused', async (_, authorization_servers) => {
    const at = closing(world({}, { [RESOURCE_METADATA]: { ...RESOURCE, authorization_servers } }));
    expect(await failed(at)).toMatchObject({ code: 'invalid_response', stage: 'discovery' });
  });

  it('members that every object inherits are members and nothing else', async () => {
    const odd =
      '"__proto__":{"token_endpoint":"https://evil.example.net/token","polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":1';
    const text = (document: object) => JSON.stringify(document).replace(/\}$/, `,${odd}}`);
    const at = closing(
      world(
        {},
        {
          [AS_METADATA]: typed(text(SERVER), 'application/json'),
          [RESOURCE_METADATA]: typed(text(RESOURCE), 'application/json'),
        },
      ),
    );
    await at.finish(await at.begin());
    expect(at.sent.filter(({ url }) => url.startsWith(EVIL))).toEqual([]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('a token endpoint that only an inherited member names is none', async () => {
    const { token_endpoint, ...rest } = SERVER;
    const text = JSON.stringify(rest).replace(/\}$/, `,"__proto__":{"token_endpoint":"${token_endpoint}"}}`);
    const at = closing(world({}, { [AS_METADATA]: typed(text, 'application/json') }));
    expect(await failed(at)).toMatchObject({ code: 'invalid_response' });
  });

  it('signed metadata replaces nothing: what counts came from the issuer itself', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed_metadata = `${part({ alg: 'none' })}.${part({ ...SERVER, iss: GOOD, token_endpoint: `${EVIL}/token` })}.`;
    const at = closing(
      world(
        {},
        { [AS_METADATA]: { ...SERVER, signed_metadata }, [RESOURCE_METADATA]: { ...RESOURCE, signed_metadata } },
      ),
    );
    await at.finish(await at.begin());
    expect(at.to(`${GOOD}/token`)).toHaveLength(1);
    expect(at.sent.filter(({ url }) => url.startsWith(EVIL))).toEqual([]);
  });

  it('endpoints under other names are never asked', async () => {
    const elsewhere = {
      mtls_endpoint_aliases: { token_endpoint: `${EVIL}/mtls` },
      jwks_uri: `${EVIL}/jwks`,
      userinfo_endpoint: `${EVIL}/userinfo`,
      introspection_endpoint: `${EVIL}/introspect`,
      end_session_endpoint: `${EVIL}/logout`,
      check_session_iframe: `${EVIL}/frame`,
      pushed_authorization_request_endpoint: `${EVIL}/par`,
      op_policy_uri: `${EVIL}/policy`,
      service_documentation: `${EVIL}/docs`,
    };
    const at = closing(world({}, { [AS_METADATA]: { ...SERVER, ...elsewhere } }));
    await at.finish(await at.begin());
    await at.provider.signOut();
    expect(at.sent.filter(({ url }) => url.startsWith(EVIL))).toEqual([]);
  });

  it('a megabyte of them waits in no store, neither before the callback nor with the session', async () => {
    const lists = ['scopes_supported', 'grant_types_supported', 'id_token_signing_alg_values_supported'];
    const long = Object.fromEntries(
      lists.map((name) => [name, Array.from({ length: 10_000 }, (_, index) => `s:${index}`)]),
    );
    const more = {
      ...long,
      revocation_endpoint_auth_methods_supported: ['x'.repeat(300_000)],
      padding: 'y'.repeat(200_000),
    };
    const at = closing(world({}, { [AS_METADATA]: { ...SERVER, ...more } }));
    const url = await at.begin();
    const sizeOf = async (prefix: string) =>
      Promise.all((await at.store.list(prefix)).map(async (key) => (await at.store.get(key))?.length ?? 0));
    const waiting = await sizeOf('transaction/');
    await at.finish(url);
    for (const size of [...waiting, ...(await sizeOf('session/'))]) expect(size).toBeLessThan(40_000);
    expect(waiting).toHaveLength(1);
  });

  it.each([
    ['an object', { RS256: true }],
    ['a text', 'none'],
    ['a list with an object in it', ['RS256', {}]],
  ])('a list of algorithms that is %s counts as none', async (_, id_token_signing_alg_values_supported) => {
    const at = closing(world({}, { [AS_METADATA]: { ...SERVER, id_token_signing_alg_values_supported } }));
    await expect(at.finish(await at.begin())).resolves.toMatchObject({ signedIn: true });
    const [key = ''] = await at.store.list('session/');
    expect(await at.store.get(key)).not.toContain('id_token_signing_alg');
  });
});
