import { afterEach, describe, expect, it } from 'vitest';
import type { TestAnswer as Answer } from '../../src/testing/index.js';
import { oauthError as refusal } from '../../src/testing/index.js';
import type { Deviation } from './deviation.js';
import { call, callFailure, closers, expectSignedOut, expectWholeLife, HOUR, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const basicOf = ({ headers }: { headers: { authorization?: string | undefined } }) =>
  Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64').toString('utf8');

describe('Self-hosted servers that compare Basic undecoded', () => {
  const secret = 'a/b+c=';
  const comparing: Deviation = {
    basic: 'undecoded',
    rotation: 'strict',
    metadata: () => ({ token_endpoint_auth_methods_supported: ['client_secret_basic'] }),
    registered: (client) => ({ status: 201, body: { ...client, client_secret: secret } }),
  };

  it('F38: are given the raw form once after invalid_client, and from then on first', async () => {
    const at = closing(await visit(comparing));
    expect(await call(at, at.provider)).toBe('hi');
    const [clientId] = at.server.received('authorize').map(({ parameters }) => parameters.get('client_id'));
    const encoded = `${clientId}:a%2Fb%2Bc%3D`;
    const raw = `${clientId}:${secret}`;
    expect(at.server.received('token').map(basicOf)).toEqual([encoded, raw]);
    at.clock.advance(2 * HOUR);
    await call(at, at.another());
    expect(at.server.received('token').map(basicOf)).toEqual([encoded, raw, raw]);
    // The next sign-in, too, begins with what was learnt.
    await at.provider.signOut();
    await at.provider.authorize();
    expect(at.server.received('token:authorization_code').map(basicOf)).toEqual([encoded, raw, raw]);
    expect(at.server.received('register')).toHaveLength(1);
  });

  it('F38: see the form of RFC 6749 only, where the two forms are the same', async () => {
    const at = closing(
      await visit({
        ...comparing,
        registered: (client) => ({ status: 201, body: { ...client, client_secret: 'plain-1' } }),
      }),
    );
    await expectWholeLife(at);
    const encoded = at.server.received('token').map(basicOf);
    expect(encoded).toHaveLength(2);
    // A UUID stays as it is: `-` is unreserved.
    expect(encoded[0]).toMatch(/^[0-9a-f-]{36}:plain-1$/);
  });

  it('F38: and a server that decodes is never shown the raw form', async () => {
    const at = closing(await visit({ ...comparing, basic: 'decoded' }));
    await expectWholeLife(at);
    expect(at.server.received('token').map(basicOf)).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining('a%2Fb%2Bc%3D')),
    );
  });
});

describe('Self-hosted servers that register with 200', () => {
  it.each([
    ['as it is', (client: Readonly<Record<string, unknown>>): Answer => ({ status: 200, body: client })],
    [
      'with null members and numbers as strings',
      (client: Readonly<Record<string, unknown>>): Answer => ({
        status: 200,
        body: {
          ...client,
          client_secret: null,
          client_id_issued_at: '1700000000',
          client_secret_expires_at: '0',
          logo_uri: null,
        },
      }),
    ],
    [
      'with a number as client id',
      (client: Readonly<Record<string, unknown>>): Answer => ({ status: 200, body: { ...client, client_id: 4711 } }),
    ],
  ])('F37: %s', async (_, registered) => {
    const at = closing(await visit({ registered, rotation: 'strict' }));
    await expectWholeLife(at);
    expect(at.server.received('register')).toHaveLength(1);
  });
});

describe('Self-hosted servers that answer a dead refresh token in their own way', () => {
  it.each<[string, Answer]>([
    ['401 without a body', { status: 401 }],
    ['400 without a body', { status: 400 }],
    ['404 with an error of its own', refusal('token_not_found', undefined, 404)],
    ['400 invalid_request', refusal('invalid_request')],
    ['400 with a number as error', { status: 400, body: { error: 1234, message: 'No such token' } }],
  ])('F24: %s: a person is asked once, and the call goes on', async (_, answer) => {
    let isDead = false;
    const tokenRequest: Deviation['tokenRequest'] = ({ parameters }) =>
      isDead && parameters.get('grant_type') === 'refresh_token' ? answer : undefined;
    const at = closing(await visit({ tokenRequest }));
    await call(at, at.provider);
    isDead = true;
    at.clock.advance(2 * HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(2);
    expect(at.server.received('token:refresh_token')).toHaveLength(1);
    expect(at.events.filter(({ type }) => type === 'refresh_failed')).toMatchObject([{ final: true }]);
  });

  it.each([
    200, 403, 405,
  ])('F24: %i with a page: it may be the network, so nothing is dropped, and whoever signs in again is not kept from it', async (status) => {
    let isDead = false;
    const page: Answer = { status, body: '<html><body>Forbidden</body></html>' };
    const tokenRequest: Deviation['tokenRequest'] = ({ parameters }) =>
      isDead && parameters.get('grant_type') === 'refresh_token' ? page : undefined;
    const at = closing(await visit({ tokenRequest }));
    await call(at, at.provider);
    isDead = true;
    at.clock.advance(2 * HOUR);
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'server_unavailable', retryable: true });
    expect(error.message).toContain('authorize()');
    expect(at.who.tabs).toHaveLength(1);
    await at.provider.authorize();
    expect(at.who.tabs).toHaveLength(2);
    expect(await call(at, at.provider)).toBe('hi');
  });

  it.each([408, 425, 429, 500, 503])('F4: but %i says nothing about the token, which is kept', async (status) => {
    let isBusy = false;
    const tokenRequest = () => (isBusy ? { status } : undefined);
    const at = closing(await visit({ tokenRequest }));
    await call(at, at.provider);
    isBusy = true;
    at.clock.advance(2 * HOUR);
    expect(await callFailure(at, at.provider)).toMatchObject({ code: 'server_unavailable', retryable: true });
    isBusy = false;
    at.clock.advance(HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(1);
  });
});

describe('Self-hosted servers with a login page at well-known URLs', () => {
  const login: Answer = { status: 200, body: '<!doctype html><html><body><form>Sign in</form></body></html>' };

  it.each([
    ['text/html', {}],
    ['no content type', { headers: { 'content-type': '' } }],
    ['text/plain', { headers: { 'content-type': 'text/plain' } }],
  ])('F30: a page (%s) counts as absent, and the next location is asked', async (_, headers) => {
    const at = closing(
      await visit({
        issuerPath: '/auth',
        metadataAt: 'openid',
        elsewhere: { ...login, ...headers },
        rotation: 'strict',
      }),
    );
    await expectWholeLife(at);
    expect(at.server.received('metadata')).toHaveLength(4);
  });

  it('F30: where there is no metadata behind the pages, the error says what is missing', async () => {
    const at = closing(
      await visit({
        elsewhere: login,
        resourceMetadata: (origin) => ({ authorization_servers: [`${origin}/elsewhere`] }),
      }),
    );
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'authorization_server_not_found' });
    expect(error.message).toContain('has to publish the metadata');
  });
});

describe('Self-hosted servers with a login page where the resource metadata is looked for', () => {
  const login: Answer = { status: 200, body: '<!doctype html><html><body><form>Sign in</form></body></html>' };

  it('F30: at the first location: the next one is asked', async () => {
    const resourceMetadataAt = '/.well-known/oauth-protected-resource';
    const at = closing(
      await visit({ silentChallenge: true, resourceMetadataAt, elsewhere: login, rotation: 'strict' }),
    );
    await expectWholeLife(at);
  });

  it('F30, F31: everywhere: no silent downgrade, but an error that names resourceMetadataUrl, which works', async () => {
    const resourceMetadataAt = '/metadata.json';
    const at = closing(
      await visit({ silentChallenge: true, resourceMetadataAt, elsewhere: login, rotation: 'strict' }),
    );
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'discovery' });
    expect(error.message).toMatch(/text\/html.*`resourceMetadataUrl`/);
    expect(at.who.tabs).toEqual([]);
    const resourceMetadataUrl = `${at.server.origin}/metadata.json`;
    await expectWholeLife(at, at.another({ resourceMetadataUrl }));
  });
});

describe('Self-hosted servers with null members and numbers as strings', () => {
  it('F37: in resource, server and token documents are read as what they mean', async () => {
    const at = closing(
      await visit({
        rotation: 'strict',
        resourceMetadata: () => ({ scopes_supported: null, resource_name: null }),
        metadata: () => ({
          scopes_supported: null,
          device_authorization_endpoint: null,
          introspection_endpoint: null,
          token_endpoint_auth_methods_supported: null,
        }),
        tokenAnswer: ({ status, body }) => ({
          status,
          body: { ...body, expires_in: String(body['expires_in']), scope: null, id_token: null },
        }),
      }),
    );
    await call(at, at.provider);
    const { expiresAt } = await at.provider.session();
    expect((expiresAt ?? 0) - at.clock.now()).toBeGreaterThan(3_500_000);
    await expectWholeLife(at, at.another({}));
  });

  it('F6: no refresh token, and no lifetime, by null: the token is used until it is refused', async () => {
    const at = closing(
      await visit({
        tokenAnswer: ({ status, body }) => ({ status, body: { ...body, refresh_token: null, expires_in: null } }),
      }),
    );
    await call(at, at.provider);
    at.clock.advance(1_000 * HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(1);
    at.server.endAccessTokens();
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(2);
  });
});

describe('Self-hosted servers whose revocation endpoint is the token endpoint', () => {
  it('F43: the sign-out revokes there, by a request without a grant type', async () => {
    const at = closing(await visit({ revocation: 'shared', rotation: 'strict' }));
    await call(at, at.provider);
    const token = (await at.provider.tokens.getAccessToken()) ?? '';
    expect(at.server.grantOf(token)).toBeDefined();
    expect(await expectSignedOut(at)).toMatchObject({ revoked: true });
    expect(at.server.grantOf(token)).toBeUndefined();
    const revocations = at.server.received('token').filter(({ parameters }) => !parameters.has('grant_type'));
    expect(revocations.map(({ parameters }) => parameters.get('token_type_hint'))).toEqual([
      'refresh_token',
      'access_token',
    ]);
  });

  it('F43: where it only pretends to, the sign-out is complete here and says what lives on there', async () => {
    const at = closing(await visit({ revocation: 'pretended' }));
    await call(at, at.provider);
    const { revoked, error } = await expectSignedOut(at);
    expect(revoked).toBe(false);
    expect(error).toMatchObject({ code: 'revocation_failed', oauthError: 'unsupported_grant_type' });
    expect(error?.message).toContain('revoke it on the page');
  });
});
