import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/index.js';
import { splitManagement } from '../../src/registration/delete-registration.js';
import { registerClient } from '../../src/registration/index.js';
import { json, replies, SERVER } from '../grants/support.js';
import { closers } from '../with-oauth/support.js';
import { authorizationServer, EVIL, GOOD, REDIRECT, type Server, world } from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const registered = (registration: Record<string, unknown>, rest: Server = {}) =>
  closing(world({}, authorizationServer(GOOD, { ...rest, registration })));

describe('a registration answer', () => {
  it.each([
    ['a line break', 'id\r\nx-evil: 1'],
    ['a terminal escape', '\u001b]0;pwned\u0007id'],
    ['a letter beyond ASCII', 'cli\u0435nt'],
    ['a zero byte', 'id\u0000'],
    ['no character', ''],
    ['5,000 characters', 'x'.repeat(5_000)],
    ['a list', ['id']],
    ['an object', { id: 1 }],
    ['nothing', null],
  ])('with %s for a client id is refused, stored nowhere and in no event', async (_, client_id) => {
    const at = registered({ client_id });
    await expect(at.begin()).rejects.toMatchObject({ code: 'invalid_response', stage: 'registration' });
    expect(await at.store.list('client/')).toEqual([]);
    expect(at.events.map(({ type }) => type)).not.toContain('registered');
  });

  it('with a client secret that no header can carry is refused', async () => {
    for (const client_secret of ['a\r\nb', '\u001b[2J', 'x'.repeat(9_000), 7, ['s']]) {
      const at = registered({ client_secret, token_endpoint_auth_method: 'client_secret_basic' });
      await expect(at.begin()).rejects.toMatchObject({ code: 'invalid_response', stage: 'registration' });
    }
  });

  it.each([
    'private_key_jwt',
    'client_secret_jwt',
    'tls_client_auth',
    'self_signed_tls_client_auth',
    'mac',
    '',
  ])('that turns the client into one of %j is refused before anybody signs in', async (token_endpoint_auth_method) => {
    const at = registered({ client_secret: 's', client_secret_expires_at: 0, token_endpoint_auth_method });
    await expect(at.begin()).rejects.toMatchObject({ code: 'registration_failed', stage: 'registration' });
    expect(await at.store.list('client/')).toEqual([]);
  });

  it('with an authentication method that is no text is read as one that does not say', async () => {
    const at = registered({ client_secret: 'secret-1', token_endpoint_auth_method: { none: true } });
    await at.finish(await at.begin());
    expect(at.to(`${GOOD}/token`)[0]?.headers.get('authorization')).toBe(
      `Basic ${btoa('client-of-as.example.com:secret-1')}`,
    );
  });

  it.each([
    ['of somebody else', ['https://evil.example.net/callback']],
    ['below ours', [`${REDIRECT}/evil`]],
    ['in another case', [REDIRECT.toUpperCase()]],
    ['that begin alike', [`${REDIRECT}.evil.example.net`]],
    ['of another scheme', [REDIRECT.replace('https:', 'http:')]],
    ['that are numbers', [1, 2]],
  ])('with redirect URIs %s is refused', async (_, redirect_uris) => {
    await expect(registered({ redirect_uris }).begin()).rejects.toMatchObject({
      code: 'registration_failed',
      stage: 'registration',
    });
  });

  it('that adds a redirect URI changes nothing about the one that is asked for', async () => {
    const url = await registered({ redirect_uris: ['https://evil.example.net/cb', REDIRECT] }).begin();
    expect(url.searchParams.getAll('redirect_uri')).toEqual([REDIRECT]);
  });

  it('with other grants, responses, scopes and kinds of application changes nothing about what is asked for', async () => {
    const at = registered({
      grant_types: ['implicit', 'password'],
      response_types: ['token', 'id_token'],
      scope: 'admin delete:everything',
      application_type: 'web',
      request_object_signing_alg: 'none',
      default_max_age: 0,
      require_auth_time: true,
      code_challenge: 'x',
    });
    const { searchParams } = await at.begin();
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      client_id: 'client-of-as.example.com',
    });
    expect(searchParams.has('scope')).toBe(false);
  });

  it('whose secret is over already does not keep the client from signing in, and is not used a second time', async () => {
    const at = registered({
      client_secret: 's',
      client_secret_expires_at: 1,
      token_endpoint_auth_method: 'client_secret_post',
    });
    await at.finish(await at.begin());
    await at.provider.signOut();
    await at.begin();
    expect(at.to(`${GOOD}/register`)).toHaveLength(2);
  });

  it('that is a megabyte leaves none of it in the store', async () => {
    const at = registered({
      software_statement: 'x'.repeat(500_000),
      policy_uri: 'y'.repeat(400_000),
      contacts: ['z'],
    });
    await at.finish(await at.begin());
    for (const key of [...(await at.store.list('client/')), ...(await at.store.list('session/'))]) {
      expect((await at.store.get(key))?.length).toBeLessThan(4_000);
    }
  });

  it('whose client id is the URL of a metadata document stays a registration of this issuer alone', async () => {
    const at = registered({ client_id: 'https://victim.example.com/client.json' });
    await expect(at.finish(await at.begin())).resolves.toMatchObject({ registration: 'dynamic' });
    at.set(authorizationServer(EVIL));
    at.set({
      'https://mcp.example.com/.well-known/oauth-protected-resource/mcp': {
        resource: 'https://mcp.example.com/mcp',
        authorization_servers: [EVIL],
      },
    });
    await at.provider.signOut();
    at.clock.advance(700_000);
    expect((await at.begin()).searchParams.get('client_id')).toBe('client-of-evil.example.net');
  });

  it('with the client id of another issuer`s registration gets nothing of that one, not its secret either', async () => {
    const store = new MemoryTokenStore();
    const shared = { client_id: 'shared', token_endpoint_auth_method: 'client_secret_post' };
    const good = closing(
      world({ store }, authorizationServer(GOOD, { registration: { ...shared, client_secret: 'secret-of-good' } })),
    );
    await good.finish(await good.begin());
    const evil = closing(
      world(
        { store, account: 'other' },
        {
          'https://mcp.example.com/.well-known/oauth-protected-resource/mcp': {
            resource: 'https://mcp.example.com/mcp',
            authorization_servers: [EVIL],
          },
          ...authorizationServer(EVIL, { registration: { ...shared, client_secret: 'secret-of-evil' } }),
        },
      ),
    );
    await evil.finish(await evil.begin());
    expect(evil.to(`${EVIL}/token`).map(({ form }) => form.get('client_secret'))).toEqual(['secret-of-evil']);
  });

  it('of the building block is checked in the same way, and what the application asked for itself is its own', async () => {
    const metadata = { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'tls_client_auth' };
    const { fetch } = replies(json({ client_id: 'c', ...metadata }, 201));
    await expect(registerClient(SERVER, metadata, { fetch })).resolves.toMatchObject(metadata);
  });
});

describe('the address where a registration could be deleted (RFC 7592)', () => {
  const server = { issuer: GOOD, registration_endpoint: 'https://register.example.com/r' };
  const split = (uri: unknown, token: unknown = 'rat') =>
    splitManagement(
      { client_id: 'c', registration_client_uri: uri, registration_access_token: token } as never,
      server,
    );

  it.each([
    ['another origin', 'https://victim.example.com/admin/users/1'],
    ['another port', `${GOOD}:8443/r/c`],
    ['plain http', 'http://as.example.com/r/c'],
    ['the cloud`s metadata', 'http://169.254.169.254/latest'],
    ['the office network', 'https://10.0.0.1/'],
    ['a user and a password', 'https://u:p@as.example.com/r/c'],
    ['a user alone', 'https://u@as.example.com/r/c'],
    ['a fragment', `${GOOD}/r/c#x`],
    ['white space', `${GOOD}/r/c d`],
    ['a line break', `${GOOD}/r/\nc`],
    ['3,000 characters', `${GOOD}/${'x'.repeat(3_000)}`],
    ['a relative reference', '/r/c'],
    ['javascript', 'javascript:alert(1)'],
    ['a list', [`${GOOD}/r/c`]],
  ])('with %s is not kept, and never asked', (_, uri) => {
    expect(split(uri).management).toBeUndefined();
  });

  it.each([
    ['a line break', 'a\r\nx: y'],
    ['white space', 'a b'],
    ['letters beyond ASCII', '\u0442oken'],
    ['nothing', ''],
    ['9,000 characters', 'x'.repeat(9_000)],
    ['a number', 7],
  ])('with a token of %s is not kept', (_, token) => {
    expect(split(`${GOOD}/r/c`, token).management).toBeUndefined();
  });

  it('is kept at the issuer or beside the registration endpoint, and apart from the client', () => {
    for (const uri of [`${GOOD}/r/c`, 'https://register.example.com/r/c']) {
      const { client, management } = split(uri);
      expect(management).toEqual({ uri, accessToken: 'rat' });
      expect(client).toEqual({ client_id: 'c' });
    }
  });

  it('of another origin costs the sign-out nothing: no request, no error', async () => {
    const at = registered({
      registration_client_uri: 'https://victim.example.com/x',
      registration_access_token: 'rat',
    });
    await at.finish(await at.begin());
    await expect(at.provider.signOut()).resolves.not.toHaveProperty('error');
    expect(at.sent.filter(({ url }) => url.includes('victim'))).toEqual([]);
  });
});
