import { describe, expect, it } from 'vitest';
import { refreshTokens } from '../../src/grants/index.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../../src/types.js';
import { everythingOf, failure, json, oauthError, type Reply, replies, SERVER, testClock } from './support.js';

const TOKENS = { access_token: 'at', token_type: 'bearer' };

async function present(client: ClientInformation, server: Partial<AuthorizationServerMetadata> = {}, queue?: Reply[]) {
  const { fetch, sent } = replies(...(queue ?? [json(TOKENS)]));
  const authorizationServer = { ...SERVER, ...server };
  const result = await refreshTokens(
    { authorizationServer, client, refreshToken: 'rt' },
    { fetch, clock: testClock() },
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

  it('refuses a method that needs more than a secret', async () => {
    const client = { ...SECRET, token_endpoint_auth_method: 'private_key_jwt' };
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
