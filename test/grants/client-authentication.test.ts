import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import type { ClientKey } from '../../src/client-key.js';
import { type ClientContext, clientAuthentication, refreshTokens, revokeToken } from '../../src/grants/index.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../../src/types.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { createKey, secretsOf } from './keys.js';
import { everythingOf, json, oauthError, type Reply, replies, SERVER } from './support.js';

const TOKENS = { access_token: 'at', token_type: 'bearer' };

async function present(client: ClientInformation, server: Partial<AuthorizationServerMetadata> = {}, queue?: Reply[]) {
  const { fetch, sent } = replies(...(queue ?? [json(TOKENS)]));
  const authorizationServer = { ...SERVER, ...server };
  const result = await refreshTokens(
    { authorizationServer, client, refreshToken: 'rt' },
    { fetch, clock: new InstantClock() },
  );
  return { result, sent };
}

function credentials(headers: Headers | undefined): string | undefined {
  const value = headers?.get('authorization')?.replace(/^Basic /, '');
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}

const SECRET = { client_id: 'id', client_secret: 'secret' };
const lists = (...methods: string[]) => ({ token_endpoint_auth_methods_supported: methods });

describe('client authentication', () => {
  it('a public client names itself in the body', async () => {
    const [request] = (await present({ client_id: 'id' })).sent;
    expect(request?.form.get('client_id')).toBe('id');
    expect(request?.headers.has('authorization')).toBe(false);
  });

  it.each([
    ['client_secret_post', lists('client_secret_basic'), 'post'],
    ['client_secret_basic', lists('client_secret_post'), 'basic'],
    ['none', lists('client_secret_basic'), 'none'],
    [undefined, {}, 'basic'],
    [undefined, lists('client_secret_basic', 'client_secret_post'), 'basic'],
    [undefined, lists('none', 'client_secret_post'), 'post'],
    [undefined, lists('none'), 'none'],
    [undefined, lists('private_key_jwt'), 'basic'],
  ])('F38: registered as %s, server lists %j: %s', async (method, server, used) => {
    const client = { ...SECRET, ...(method === undefined ? {} : { token_endpoint_auth_method: method }) };
    const [request] = (await present(client, server)).sent;
    expect(credentials(request?.headers)).toBe(used === 'basic' ? 'id:secret' : undefined);
    expect(request?.form.get('client_secret')).toBe(used === 'post' ? 'secret' : null);
    expect(request?.form.get('client_id')).toBe(used === 'basic' ? null : 'id');
  });

  it('is a public client where Basic was answered without a secret', async () => {
    const [request] = (await present({ client_id: 'id', token_endpoint_auth_method: 'client_secret_basic' })).sent;
    expect(request?.form.get('client_id')).toBe('id');
    expect(request?.headers.has('authorization')).toBe(false);
  });

  it('refuses a method that needs more than a secret or a key', async () => {
    const client = { ...SECRET, token_endpoint_auth_method: 'tls_client_auth' };
    expect(await failure(present(client, {}, []))).toMatchObject({ code: 'invalid_options' });
  });

  it.each([
    ['0e2d-4c._~x', 's-e_c.r~t', '0e2d-4c._~x:s-e_c.r~t'],
    ['a b', 'p:%/', 'a+b:p%3A%25%2F'],
    ["it's", '(ü)*!', 'it%27s:%28%C3%BC%29%2A%21'],
    ['https://app.example.com/c.json', 'x', 'https%3A%2F%2Fapp.example.com%2Fc.json:x'],
  ])('Basic leaves unreserved characters as they are and encodes the others: %s', async (id, secret, sent) => {
    const client = { client_id: id, client_secret: secret };
    expect(credentials((await present(client)).sent[0]?.headers)).toBe(sent);
  });

  it('keeps a client secret that a server echoes out of the error', async () => {
    const client = { ...SECRET, client_secret: 'very-secret', token_endpoint_auth_method: 'client_secret_post' };
    const error = await failure(present(client, {}, [oauthError('invalid_client', 401, 'very-secret is wrong')]));
    expect(error.code).toBe('invalid_client');
    expect(everythingOf(error)).not.toContain('very-secret');
  });

  describe('servers that compare Basic credentials undecoded', () => {
    const client = { client_id: 'id', client_secret: 'a/b+ü', token_endpoint_auth_method: 'client_secret_basic' };

    it('get the raw ones once after invalid_client, and that is remembered', async () => {
      const { result, sent } = await present(client, {}, [oauthError('invalid_client', 401), json(TOKENS)]);
      expect(sent.map((request) => credentials(request.headers))).toEqual(['id:a%2Fb%2B%C3%BC', 'id:a/b+ü']);
      expect(result.client).toEqual({ ...client, basic_credentials: 'raw' });
      const again = await present(result.client as ClientInformation);
      expect(credentials(again.sent[0]?.headers)).toBe('id:a/b+ü');
      expect(again.result).not.toHaveProperty('client');
    });

    it('are not asked a third time', async () => {
      const { fetch, sent } = replies(oauthError('invalid_client', 401), oauthError('invalid_client', 401));
      const promise = refreshTokens({ authorizationServer: SERVER, client, refreshToken: 'rt' }, { fetch });
      expect(await failure(promise)).toMatchObject({ code: 'invalid_client' });
      expect(sent).toHaveLength(2);
    });

    it('do not hide what the encoded form was refused with, where the raw one counts as malformed', async () => {
      const { fetch, sent } = replies(oauthError('invalid_client', 401, 'expired'), oauthError('invalid_request', 400));
      const promise = refreshTokens({ authorizationServer: SERVER, client, refreshToken: 'rt' }, { fetch });
      expect(await failure(promise)).toMatchObject({ code: 'invalid_client', status: 401 });
      expect(sent).toHaveLength(2);
    });

    it.each([
      ['the two forms are the same', { ...client, client_secret: 'plain-secret' }],
      ['it was not Basic', { ...client, token_endpoint_auth_method: 'client_secret_post' }],
      ['the id has a colon', { ...client, client_id: 'a:b' }],
      ['they were raw', { ...client, basic_credentials: 'raw' }],
      ['it was another error', client],
    ])('are not asked again where %s', async (reason, given) => {
      const error = reason === 'it was another error' ? 'invalid_grant' : 'invalid_client';
      const { fetch, sent } = replies(oauthError(error, 401));
      await failure(refreshTokens({ authorizationServer: SERVER, client: given, refreshToken: 'rt' }, { fetch }));
      expect(sent).toHaveLength(1);
    });
  });
});

describe('private_key_jwt (RFC 7523 §2.2)', () => {
  const key = createKey('ES256');
  const clientKey: ClientKey = { privateKey: key.jwk };
  const client = { client_id: 'id', token_endpoint_auth_method: 'private_key_jwt' };
  const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

  async function refresh(context: Partial<ClientContext>, ...queue: Reply[]) {
    const { fetch, sent } = replies(...queue);
    const clock = new InstantClock();
    const parameters = { authorizationServer: SERVER, client, refreshToken: 'rt', ...context };
    const result = refreshTokens(parameters, { fetch, clock });
    return { result, sent, clock };
  }

  it('sends an assertion and the client id, and no secret', async () => {
    const { result, sent } = await refresh({ clientKey }, json(TOKENS));
    expect(await result).not.toHaveProperty('client');
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'rt',
      client_id: 'id',
      client_assertion_type: assertionType,
      client_assertion: expect.any(String),
    });
    expect(sent[0]?.headers.has('authorization')).toBe(false);
    expect(decodeJwt(sent[0]?.form.get('client_assertion') ?? '')).toMatchObject({ iss: 'id', sub: 'id' });
  });

  it('revokes with it too, by the issuer as audience', async () => {
    const { fetch, sent } = replies(json({}));
    const parameters = {
      authorizationServer: SERVER,
      client,
      clientKey,
      token: 't',
      tokenTypeHint: 'access_token',
    } as const;
    expect(await revokeToken(parameters, { fetch, clock: new InstantClock() })).toBe(true);
    expect(sent[0]?.form.get('client_assertion_type')).toBe(assertionType);
    expect(decodeJwt(sent[0]?.form.get('client_assertion') ?? '').aud).toBe(SERVER.issuer);
  });

  it('signs another assertion when the request is repeated: one is good for one use', async () => {
    const { result, sent } = await refresh({ clientKey }, json({}, 503), json(TOKENS));
    await result;
    const [first, second] = sent.map(({ form }) => form.get('client_assertion'));
    expect(first).not.toBe(second);
  });

  it('names the option where there is no key', async () => {
    const { result, sent } = await refresh({});
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toContain('set `clientKey`');
    expect(sent).toHaveLength(0);
  });

  it('sends nothing where key and algorithm do not match', async () => {
    const { result, sent } = await refresh({ clientKey: { ...clientKey, algorithm: 'RS256' } });
    expect(await failure(result)).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(sent).toHaveLength(0);
  });

  it.each<[string, Partial<ClientContext['client']>, string | null]>([
    ['says nothing and has no secret', {}, 'id'],
    ['is public', { token_endpoint_auth_method: 'none' }, null],
    ['has a secret', { client_secret: 's' }, null],
  ])('a key that is there is used for a client that %s: %#', async (_, members, subject) => {
    const { result, sent } = await refresh({ clientKey, client: { client_id: 'id', ...members } }, json(TOKENS));
    await result;
    const assertion = sent[0]?.form.get('client_assertion') ?? null;
    expect(assertion === null ? null : decodeJwt(assertion).sub).toBe(subject);
  });

  it('says what to check after invalid_client, and repeats neither key nor assertion', async () => {
    const authorizationServer = { ...SERVER, token_endpoint_auth_signing_alg_values_supported: ['PS256'] };
    const { result, sent } = await refresh({ clientKey, authorizationServer }, (request) =>
      oauthError('invalid_client', 401, `${request.form.get('client_assertion')} is bad`),
    );
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'invalid_client', oauthError: 'invalid_client', status: 401 });
    expect(error.message).toMatch(/keyId.*algorithm.*it takes PS256.*audience/);
    const said = everythingOf(error);
    expect(said).not.toContain(sent[0]?.form.get('client_assertion')?.slice(0, 40));
    for (const secret of secretsOf(key)) expect(said).not.toContain(secret);
    expect(sent).toHaveLength(1);
  });
});

describe('a secret that is got at run time', () => {
  const client = { client_id: 'id', token_endpoint_auth_method: 'client_secret_basic' };

  it('is asked for at each request and given back with no client', async () => {
    let number = 0;
    const clientSecret = async () => `secret-${++number}`;
    const { fetch, sent } = replies(json({}, 503), json(TOKENS));
    const parameters = { authorizationServer: SERVER, client, clientSecret, refreshToken: 'rt' };
    const result = await refreshTokens(parameters, { fetch, clock: new InstantClock() });
    expect(sent.map((request) => credentials(request.headers))).toEqual(['id:secret-1', 'id:secret-2']);
    expect(JSON.stringify(result)).not.toContain('secret-');
  });

  it('stays out of the client whose raw form was learnt', async () => {
    const { fetch, sent } = replies(oauthError('invalid_client', 401), json(TOKENS));
    const parameters = { authorizationServer: SERVER, client, clientSecret: () => 'a/b+c', refreshToken: 'rt' };
    const result = await refreshTokens(parameters, { fetch, clock: new InstantClock() });
    expect(sent.map((request) => credentials(request.headers))).toEqual(['id:a%2Fb%2Bc', 'id:a/b+c']);
    expect(result.client).toEqual({ ...client, basic_credentials: 'raw' });
  });

  it('is not asked for where the client is public', async () => {
    const { fetch } = replies(json(TOKENS));
    const clientSecret = () => Promise.reject(new Error('not needed'));
    const parameters = {
      authorizationServer: SERVER,
      client: { client_id: 'id', token_endpoint_auth_method: 'none' },
      clientSecret,
      refreshToken: 'rt',
    };
    await refreshTokens(parameters, { fetch, clock: new InstantClock() });
  });

  it('that a server echoes stays out of the error', async () => {
    const { fetch } = replies(oauthError('invalid_client', 401, 'very-secret is wrong'));
    const parameters = { authorizationServer: SERVER, client, clientSecret: () => 'very-secret', refreshToken: 'rt' };
    const error = await failure(refreshTokens(parameters, { fetch, clock: new InstantClock() }));
    expect(everythingOf(error)).not.toContain('very-secret');
  });

  it('is presented by whoever posts the request, as the SDKs do', async () => {
    const body = new URLSearchParams();
    const context = {
      authorizationServer: SERVER,
      client: { client_id: 'id', token_endpoint_auth_method: 'client_secret_post' },
    };
    const authenticate = clientAuthentication({ ...context, clientSecret: async () => 's' });
    await authenticate(SERVER as never, { client_id: 'id' }, body, new Headers());
    expect(body.get('client_secret')).toBe('s');
  });
});
