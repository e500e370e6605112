import { describe, expect, it } from 'vitest';
import { exchangeCode, validateCallback } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

const CODE = 'code-4711-secret';
const VERIFIER = 'verifier-secret-0123456789-0123456789-0123456789';

function parameters() {
  const url = new URL(`http://127.0.0.1:4711/callback?state=s&code=${CODE}`);
  return {
    authorizationServer: SERVER,
    client: { client_id: 'client' },
    callbackParameters: validateCallback({ authorizationServer: SERVER, clientId: 'client', url, state: 's' }),
    redirectUri: 'http://127.0.0.1:4711/callback',
    codeVerifier: VERIFIER,
    resource: 'https://mcp.example.com/mcp',
    scope: ['a', 'b'],
  };
}

function exchange(queue: Reply[], overrides: Partial<Parameters<typeof exchangeCode>[0]> = {}) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const result = exchangeCode({ ...parameters(), ...overrides }, { fetch, clock });
  return { result, sent, clock };
}

const TOKENS = { access_token: 'at', token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt', scope: 'a' };

describe('exchangeCode', () => {
  it('sends code, verifier, redirect URI and resource (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2)', async () => {
    const { result, sent } = exchange([json(TOKENS)], { tokenParameters: { audience: 'api' } });
    expect(await result).toEqual({
      tokens: {
        accessToken: 'at',
        tokenType: 'bearer',
        issuedAt: START,
        expiresAt: START + 3_600_000,
        refreshToken: 'rt',
        scope: ['a'],
      },
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.url).toBe('https://as.example.com/token');
    expect(sent[0]?.headers.get('accept')).toBe('application/json');
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'authorization_code',
      code: CODE,
      code_verifier: VERIFIER,
      redirect_uri: 'http://127.0.0.1:4711/callback',
      resource: 'https://mcp.example.com/mcp',
      client_id: 'client',
      audience: 'api',
    });
  });

  it('F10: sends no resource where it is omitted', async () => {
    const { result, sent } = exchange([json(TOKENS)], { resource: undefined });
    await result;
    expect(sent[0]?.form.has('resource')).toBe(false);
  });

  it('takes the requested scopes for granted where the server does not say (RFC 6749 §5.1)', async () => {
    const { access_token, token_type } = TOKENS;
    expect((await exchange([json({ access_token, token_type })]).result).tokens.scope).toEqual(['a', 'b']);
    expect((await exchange([json({ access_token, token_type, scope: '' })]).result).tokens.scope).toEqual(['a', 'b']);
  });

  it.each([
    'grant_type',
    'code',
    'code_verifier',
    'redirect_uri',
    'client_id',
    'client_secret',
    'refresh_token',
    'resource',
  ])('refuses a token parameter %s', async (name) => {
    const { result, sent } = exchange([], { tokenParameters: { [name]: 'x' } });
    expect(await failure(result)).toMatchObject({ code: 'invalid_options' });
    expect(sent).toHaveLength(0);
  });

  describe('repeating', () => {
    it.each([
      ['a network error', networkError()],
      ['500', json({}, 500)],
      ['502', json({}, 502)],
    ])('never presents a code again after %s: it may have been used', async (_, reply) => {
      const { result, sent } = exchange([reply]);
      const error = await failure(result);
      expect(error.retryable).toBe(true);
      expect(error.message).toContain('Start the sign-in again');
      expect(sent).toHaveLength(1);
    });

    it.each([429, 503])('tries again after %d, as Retry-After says', async (status) => {
      const busy = () => json({ error: 'slow_down' }, status, { 'retry-after': '7' });
      const { result, sent, clock } = exchange([busy(), busy(), json(TOKENS)]);
      await result;
      expect(sent).toHaveLength(3);
      expect(clock.waits).toEqual([7_000, 7_000]);
    });

    it('gives up after the third attempt', async () => {
      const { result, sent } = exchange([json({}, 503), json({}, 503), json({}, 503)]);
      expect(await failure(result)).toMatchObject({ code: 'server_unavailable', status: 503, stage: 'token' });
      expect(sent).toHaveLength(3);
    });
  });

  describe('errors', () => {
    it('names the server error', async () => {
      const error = await failure(exchange([oauthError('invalid_grant', 400, 'code is stale')]).result);
      expect(error).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_grant', status: 400 });
      expect(error.message).toContain('code is stale');
    });

    it('F37: finds an error that came with HTTP 200', async () => {
      const error = await failure(exchange([oauthError('invalid_grant', 200)]).result);
      expect(error).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_grant' });
    });

    it('sees invalid_client behind a 401 with a challenge', async () => {
      const reply = json({ error: 'invalid_client' }, 401, { 'www-authenticate': 'Basic realm="as"' });
      const error = await failure(exchange([reply]).result);
      expect(error).toMatchObject({ code: 'invalid_client', oauthError: 'invalid_client', status: 401 });
    });

    it.each([
      ['a page', new Response('<html>log in</html>', { headers: { 'content-type': 'text/html' } })],
      ['broken JSON', new Response('{"access_token":"sec', { headers: { 'content-type': 'application/json' } })],
      ['a list', json([1])],
      ['no token', json({ token_type: 'bearer' })],
      ['a token that is a number', json({ access_token: 1, token_type: 'bearer' })],
      ['another token type', json({ access_token: 'sec', token_type: 'mac' })],
      ['a token with a line break', json({ access_token: 'sec\r\nX: y', token_type: 'bearer' })],
      ['a token with a space', json({ access_token: 'sec ret', token_type: 'bearer' })],
      ['a token that is no ASCII', json({ access_token: 'secä', token_type: 'bearer' })],
      ['an endless token', json({ access_token: `sec${'x'.repeat(64 * 1024)}`, token_type: 'bearer' })],
      ['a refresh token with a NUL', json({ access_token: 'sec', token_type: 'bearer', refresh_token: 'a\0' })],
    ])('refuses %s', async (_, reply) => {
      const error = await failure(exchange([reply]).result);
      expect(error).toMatchObject({ code: 'invalid_response', stage: 'token' });
      expect(everythingOf(error)).not.toMatch(/\bsec|log in/);
    });

    it('keeps secrets that a server echoes out of the error, its properties and its causes', async () => {
      const reply = oauthError('invalid_grant', 400, `code ${CODE} does not match verifier ${VERIFIER}`);
      const text = everythingOf(await failure(exchange([reply]).result));
      expect(text).not.toContain(CODE);
      expect(text).not.toContain(VERIFIER);
      const asCode = await failure(exchange([oauthError(CODE)]).result);
      expect(everythingOf(asCode)).not.toContain(CODE);
    });

    it('bounds what it repeats of a server', async () => {
      const error = await failure(exchange([oauthError('x'.repeat(101), 400, 'y'.repeat(9_999))]).result);
      expect(error.oauthError).toBeUndefined();
      expect(error.message.length).toBeLessThan(400);
    });
  });
});
