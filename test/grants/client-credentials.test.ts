import { describe, expect, it } from 'vitest';
import { type ClientCredentialsParameters, requestClientCredentials } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { createKey } from './keys.js';
import { everythingOf, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

const SECRET = 'client-secret-4711';
const TOKENS = { access_token: 'at', token_type: 'Bearer', expires_in: 600 };

function request(queue: Reply[], overrides: Partial<ClientCredentialsParameters> = {}) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const parameters = {
    authorizationServer: SERVER,
    client: { client_id: 'robot' },
    clientSecret: SECRET,
    ...overrides,
  };
  return { result: requestClientCredentials(parameters, { fetch, clock }), sent, clock };
}

describe('requestClientCredentials (RFC 6749 §4.4)', () => {
  it('sends scope, resource and further parameters, and the secret by Basic', async () => {
    const { result, sent } = request([json(TOKENS)], {
      scope: ['a', 'b'],
      resource: 'https://mcp.example.com/mcp',
      tokenParameters: { audience: 'api' },
    });
    expect(await result).toEqual({
      tokens: {
        accessToken: 'at',
        tokenType: 'bearer',
        issuedAt: START,
        expiresAt: START + 600_000,
        scope: ['a', 'b'],
      },
    });
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      resource: 'https://mcp.example.com/mcp',
      audience: 'api',
    });
    expect(sent[0]?.headers.get('authorization')).toBe(`Basic ${btoa(`robot:${SECRET}`)}`);
  });

  it.each([
    [['client_secret_post'], undefined, SECRET],
    [['client_secret_basic'], 'client_secret_post', SECRET],
    [['client_secret_post'], 'client_secret_basic', null],
    [undefined, undefined, null],
  ])('server lists %j, set is %s', async (listed, method, posted) => {
    const { result, sent } = request([json(TOKENS)], {
      authorizationServer: { ...SERVER, ...(listed && { token_endpoint_auth_methods_supported: listed }) },
      client: { client_id: 'robot', ...(method && { token_endpoint_auth_method: method }) },
    });
    await result;
    expect(sent[0]?.form.get('client_secret')).toBe(posted);
    expect(sent[0]?.headers.has('authorization')).toBe(posted === null);
  });

  it('sends no scope and no resource where there is none', async () => {
    const { result, sent } = request([json(TOKENS)]);
    expect((await result).tokens).not.toHaveProperty('scope');
    expect([...(sent[0]?.form.keys() ?? [])]).toEqual(['grant_type']);
  });

  it('drops a refresh token (§4.4.3)', async () => {
    const { result } = request([json({ ...TOKENS, refresh_token: 'rt' })]);
    expect((await result).tokens).not.toHaveProperty('refreshToken');
  });

  it('wants a secret or a key', async () => {
    const { result, sent } = request([], { clientSecret: undefined });
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'invalid_options' });
    expect(error.message).toMatch(/clientSecret.*privateKeyJwt/);
    expect(sent).toHaveLength(0);
  });

  it('tries again what is temporary, three times in all', async () => {
    const { result, sent, clock } = request([json({}, 429, { 'retry-after': '7' }), networkError(), json(TOKENS)]);
    await result;
    expect(sent).toHaveLength(3);
    expect(clock.waits).toEqual([7_000, 2_000]);
    const later = request([json({}, 500), json({}, 503), json({}, 502)]);
    const error = await failure(later.result);
    expect(error).toMatchObject({ code: 'server_unavailable', retryable: true });
    expect(error.message).toContain('try again later');
  });

  it.each([
    ['invalid_client', 401, 'invalid_client', /`clientSecret`.*expired/],
    ['invalid_scope', 400, 'token_request_failed', /`scope`/],
    ['invalid_target', 400, 'token_request_failed', /`resource`/],
    ['unauthorized_client', 400, 'token_request_failed', /allow this grant/],
    ['invalid_grant', 400, 'token_request_failed', /operator/],
  ])('does not repeat a request that was refused with %s, and says what helps', async (oauth, status, code, message) => {
    const { result, sent } = request([oauthError(oauth, status, `${SECRET} is not good`)]);
    const error = await failure(result);
    expect(error).toMatchObject({ code, oauthError: oauth, status, stage: 'token', retryable: false });
    expect(error.message).toMatch(message);
    expect(everythingOf(error)).not.toContain(SECRET);
    expect(sent).toHaveLength(1);
  });

  it('keeps its credentials out of the error where the server echoes them as they were sent', async () => {
    const basic = btoa(`robot:${SECRET}`);
    for (const reply of [
      oauthError('invalid_client', 401, `unknown credentials Basic ${basic}`),
      new Response(`<p>authorization: Basic ${basic}</p>`, { status: 401 }),
    ]) {
      const error = await failure(request([reply]).result);
      expect(everythingOf(error)).not.toContain(basic);
      expect(everythingOf(error)).not.toContain(basic.slice(8, 24));
    }
  });

  it('asks for a secret that does not come once, and no longer than a request may take', async () => {
    let asked = 0;
    const limits: number[] = [];
    const { fetch, sent } = replies();
    const schedule = (ms: number, fn: () => void) => {
      limits.push(ms);
      queueMicrotask(fn);
      return () => {};
    };
    const never = () => {
      asked += 1;
      return new Promise<string>(() => {});
    };
    const parameters = { authorizationServer: SERVER, client: { client_id: 'robot' }, clientSecret: never };
    const clock = { now: () => START, schedule };
    const error = await failure(requestClientCredentials(parameters, { fetch, clock, timeoutMs: 5_000 }));
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toContain('`clientSecret`');
    expect({ asked, limits, sent: sent.length }).toEqual({ asked: 1, limits: [5_000], sent: 0 });
  });

  it('tells a client with a key what to check of it', async () => {
    const { result } = request([oauthError('invalid_client', 401)], {
      clientSecret: undefined,
      clientKey: { privateKey: createKey('ES256').jwk },
    });
    expect((await failure(result)).message).toMatch(/public key is registered/);
  });
});
