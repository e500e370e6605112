import * as oauth from 'oauth4webapi';
import { describe, expect, it } from 'vitest';
import { createHttp, type Purpose } from '../../src/http/index.js';
import { failure } from '../support/failure.js';
import { fakeFetch } from './support.js';

const JSON_TYPE = { 'content-type': 'application/json' };

/** What comes out of `fetchFor` where the server answers this. */
async function read(purpose: Purpose, body: unknown, init: ResponseInit = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { fetch } = fakeFetch(() => new Response(text, { headers: JSON_TYPE, ...init }));
  const http = createHttp({ anchor: 'https://mcp.example.com/', fetch });
  return http.fetchFor(purpose)('https://auth.example.net/x', { method: 'POST', headers: {} });
}

async function readJson(purpose: Purpose, body: unknown, init?: ResponseInit) {
  const response = await read(purpose, body, init);
  expect(response.headers.get('content-type')).toBe('application/json');
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const form = { headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' } };
const token = (body: unknown, init?: ResponseInit) => readJson('token', body, init);

describe('F37: token answers', () => {
  const plain = {
    access_token: 'at',
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_token: 'rt',
    scope: 'a b',
    custom: { x: null },
  };

  it('that follow RFC 6749 section 5.1 come out as they are', async () => {
    expect(await token(plain)).toEqual({ status: 200, body: plain });
  });

  it('GitHub: form-encoded, with empty members and scopes separated by commas', async () => {
    const body = 'access_token=gho_x%2By&scope=repo%2Cgist&token_type=bearer&refresh_token=';
    expect(await token(body, form)).toEqual({
      status: 200,
      body: { access_token: 'gho_x+y', scope: 'repo gist', token_type: 'bearer' },
    });
    const text = { headers: { 'content-type': 'text/plain' } };
    expect((await token('access_token=a&token_type=bearer&expires_in=28800', text)).body).toMatchObject({
      expires_in: 28800,
    });
  });

  it('GitHub: an error with status 200, form-encoded or as JSON', async () => {
    const body =
      'error=bad_verification_code&error_description=The+code+is+incorrect&error_uri=https%3A%2F%2Fdocs.example%2F';
    expect(await token(body, form)).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'The code is incorrect', error_uri: 'https://docs.example/' },
    });
    expect(await token({ error: 'bad_refresh_token' })).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'bad_refresh_token' },
    });
    expect(await token({ error: 'incorrect_client_credentials' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_client' },
    });
  });

  it('the errors of the device flow with status 200 keep their names (RFC 8628 section 3.5)', async () => {
    for (const error of ['authorization_pending', 'slow_down', 'expired_token', 'access_denied', 'anything_else']) {
      expect(await token({ error })).toEqual({ status: 400, body: { error } });
    }
  });

  it('Slack: the token of a user nested in authed_user', async () => {
    const body = {
      ok: true,
      app_id: 'A1',
      authed_user: {
        id: 'U1',
        scope: 'chat:write,users:read',
        access_token: 'xoxp',
        token_type: 'user',
        expires_in: '43200',
        refresh_token: 'xoxe',
      },
      team: { id: 'T1' },
    };
    const result = await token(body);
    expect(result).toMatchObject({
      status: 200,
      body: {
        access_token: 'xoxp',
        token_type: 'bearer',
        scope: 'chat:write users:read',
        expires_in: 43200,
        refresh_token: 'xoxe',
      },
    });
    expect(result.body['team']).toEqual({ id: 'T1' });
  });

  it('Slack: a token at the top stays the one', async () => {
    const body = {
      ok: true,
      access_token: 'xoxb',
      token_type: 'bot',
      scope: 'a,b',
      authed_user: { access_token: 'xoxp' },
    };
    expect((await token(body)).body).toMatchObject({ access_token: 'xoxb', token_type: 'bearer', scope: 'a b' });
  });

  it('Slack: ok false with status 200', async () => {
    expect(await token({ ok: false, error: 'invalid_refresh_token' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(await token({ ok: false, error: 'bad_client_secret' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_client' },
    });
    expect(await token({ ok: false, error: 'invalid_scope' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    });
  });

  it('F4: an error that says "try again" behind status 200 is no verdict about a credential', async () => {
    for (const error of [
      'internal_error',
      'ratelimited',
      'service_unavailable',
      'temporarily_unavailable',
      'server_error',
    ]) {
      expect(await token({ ok: false, error })).toMatchObject({ status: 503 });
    }
  });

  it.each([
    ['3600', 3600],
    [' 3600.5 ', 3600.5],
    [0, 0],
    ['', undefined],
    ['never', undefined],
    ['-1', undefined],
    [-1, undefined],
    [null, undefined],
    [[1], undefined],
    ['0x10', undefined],
    ['9'.repeat(40), undefined],
  ])('Entra: expires_in %j is read as %j', async (given, expected) => {
    expect((await token({ ...plain, expires_in: given })).body['expires_in']).toBe(expected);
  });

  it('lose their null members', async () => {
    const body = {
      access_token: 'at',
      token_type: null,
      refresh_token: null,
      id_token: null,
      scope: null,
      error: null,
    };
    expect(await token(body)).toEqual({ status: 200, body: { access_token: 'at', token_type: 'bearer' } });
  });

  it('keep a token type that is not Bearer', async () => {
    for (const type of ['DPoP', 'N_A', 'mac'])
      expect((await token({ ...plain, token_type: type })).body['token_type']).toBe(type);
    for (const type of ['', null, 7])
      expect((await token({ ...plain, token_type: type })).body['token_type']).toBe('bearer');
  });

  it('have a scope of the grammar: lists are joined, commas separate only where no space does', async () => {
    expect((await token({ ...plain, scope: ['a', 'b'] })).body['scope']).toBe('a b');
    expect((await token({ ...plain, scope: 'a,b c' })).body['scope']).toBe('a,b c');
    expect((await token({ ...plain, scope: '' })).body['scope']).toBe('');
  });

  it('have status 200 where they hold a token', async () => {
    expect((await token(plain, { status: 201, headers: JSON_TYPE })).status).toBe(200);
  });

  it('of failure keep their status and get their form', async () => {
    const init = { status: 401, headers: { 'content-type': 'text/html', 'www-authenticate': 'Basic' } };
    const response = await read('token', '{"error":"invalid_client","error_description":null}', init);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Basic');
    expect([response.headers.get('content-type'), await response.json()]).toEqual([
      'application/json',
      { error: 'invalid_client' },
    ]);
    expect(await token('error=invalid_grant', { ...form, status: 400 })).toEqual({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(await token({ error: 'server_error' }, { status: 500, headers: JSON_TYPE })).toMatchObject({ status: 500 });
  });

  it.each([
    ['a page', '<html>access_token=x</html>', 200],
    ['an empty body', '', 400],
    ['a text', 'Forbidden', 403],
    ['an array', '[{"access_token":"x"}]', 200],
    ['half of a JSON object', '{"access_token":"x"', 200],
    ['a form about something else', 'a=b', 200],
  ])('that are %s stay as they are', async (_, body, status) => {
    const response = await read('token', body, { status, headers: { 'content-type': 'text/html' } });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      status,
      'text/html',
      body,
    ]);
  });

  it('nested deeper than 32 levels are refused, brackets inside strings do not count', async () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect((await token(nested(32))).status).toBe(200);
    expect(await failure(read('token', nested(33)))).toMatchObject({ code: 'invalid_response', stage: 'token' });
    expect(await failure(read('token', nested(200_000)))).toMatchObject({ code: 'invalid_response' });
    expect((await token({ access_token: `\\"${'['.repeat(50)}\\` })).status).toBe(200);
  });

  it('keep a member named __proto__ a member', async () => {
    const { body } = await token('{"access_token":"x","__proto__":{"polluted":true}}');
    expect(Object.hasOwn(body, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['GitHub', 'access_token=at&scope=repo%2Cgist&token_type=bearer'],
    ['Slack', { ok: true, authed_user: { access_token: 'at', token_type: 'user', scope: 'a,b' } }],
    [
      'nulls and strings',
      { access_token: 'at', token_type: 'bearer', expires_in: '3599', refresh_token: null, id_token: '' },
    ],
  ])('of %s pass the checks of oauth4webapi', async (_, body) => {
    const as = { issuer: 'https://auth.example.net' };
    const result = await oauth.processRefreshTokenResponse(as, { client_id: 'c' }, await read('token', body));
    expect(result).toMatchObject({ access_token: 'at', token_type: 'bearer' });
  });
});

describe('registration answers (RFC 7591 section 3.2)', () => {
  const client = {
    client_id: 'c',
    client_secret: 's',
    client_secret_expires_at: 0,
    redirect_uris: ['http://127.0.0.1/'],
  };
  const registration = (body: unknown, init?: ResponseInit) => readJson('registration', body, init);

  it('count with status 200', async () => {
    expect(await registration(client)).toEqual({ status: 201, body: client });
  });

  it('have numbers as numbers and no nulls', async () => {
    const body = {
      client_id: 12345,
      client_secret: 's',
      client_secret_expires_at: '1893456000',
      client_id_issued_at: '1',
      logo_uri: null,
    };
    expect((await registration(body, { status: 201, headers: JSON_TYPE })).body).toEqual({
      client_id: '12345',
      client_secret: 's',
      client_secret_expires_at: 1893456000,
      client_id_issued_at: 1,
    });
  });

  it('say when a secret expires, and have no empty one', async () => {
    expect((await registration({ client_id: 'c', client_secret: 's' })).body['client_secret_expires_at']).toBe(0);
    expect((await registration({ client_id: 'c', client_secret: '' })).body).toEqual({ client_id: 'c' });
    expect((await registration({ client_id: 'c', client_secret: null })).body).toEqual({ client_id: 'c' });
  });

  it('that are errors with status 200 become errors', async () => {
    const body = { error: 'invalid_redirect_uri', error_description: 'no' };
    expect(await registration(body)).toEqual({ status: 400, body });
  });

  it('of failure stay failures', async () => {
    expect(await registration({ error: 'invalid_client_metadata' }, { status: 422, headers: JSON_TYPE })).toMatchObject(
      { status: 422 },
    );
    expect((await read('registration', 'client_id=x', form)).headers.get('content-type')).toContain('form');
  });

  it('pass the checks of oauth4webapi', async () => {
    const response = await read('registration', { client_id: 'c', client_secret: 's' });
    expect(await oauth.processDynamicClientRegistrationResponse(response)).toMatchObject({ client_id: 'c' });
  });
});

describe('metadata', () => {
  it('loses null members and keeps all else', async () => {
    const body = {
      issuer: 'https://as.example/',
      scopes_supported: null,
      code_challenge_methods_supported: ['S256'],
      x: { y: null },
      n: '7',
    };
    expect(await readJson('metadata', body)).toEqual({
      status: 200,
      body: { issuer: 'https://as.example/', code_challenge_methods_supported: ['S256'], x: { y: null }, n: '7' },
    });
  });

  it('is JSON by its shape, whatever its type says', async () => {
    const init = { headers: { 'content-type': 'application/octet-stream' } };
    expect((await readJson('metadata', '\uFEFF {"issuer":"https://as.example"}', init)).body).toEqual({
      issuer: 'https://as.example',
    });
  });

  it.each([
    ['a login page', '<html>Sign in</html>', 200, 'text/html'],
    ['broken JSON', '{"issuer":', 200, 'application/json'],
    ['an error', '{"error":null}', 404, 'application/json'],
  ])('that is %s stays as it is', async (_, body, status, type) => {
    const response = await read('metadata', body, { status, headers: { 'content-type': type } });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      status,
      type,
      body,
    ]);
  });

  it('nested deeper than 32 levels is refused', async () => {
    const deep = `{"issuer":${'{"a":'.repeat(40)}1${'}'.repeat(41)}`;
    expect(await failure(read('metadata', deep))).toMatchObject({ code: 'invalid_response', stage: 'discovery' });
  });
});

describe('answers to a revocation (RFC 7009 section 2.2)', () => {
  it('stay as they are', async () => {
    const response = await read('revocation', '{"a":null}', { status: 200, headers: { 'content-type': 'text/plain' } });
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/plain', '{"a":null}']);
  });
});
