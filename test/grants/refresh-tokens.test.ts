import { describe, expect, it } from 'vitest';
import { McpOAuthError, type McpOAuthErrorCode } from '../../src/errors.js';
import { classifyRefreshFailure, refreshTokens } from '../../src/grants/index.js';
import {
  everythingOf,
  failure,
  json,
  networkError,
  oauthError,
  type Reply,
  replies,
  SERVER,
  testClock,
} from './support.js';

function refresh(queue: Reply[], overrides: Partial<Parameters<typeof refreshTokens>[0]> = {}) {
  const { fetch, sent } = replies(...queue);
  const clock = testClock();
  const result = refreshTokens(
    { authorizationServer: SERVER, client: { client_id: 'client' }, refreshToken: 'old-refresh-token', ...overrides },
    { fetch, clock },
  );
  return { result, sent, clock };
}

const TOKENS = { access_token: 'at', token_type: 'bearer' };

describe('refreshTokens', () => {
  it('F11: replays the resource and sends no scope (RFC 6749 §6, RFC 8707 §2.2)', async () => {
    const resource = 'https://mcp.example.com/mcp';
    const { result, sent } = refresh([json(TOKENS)], { resource, previousScope: ['a', 'b'] });
    expect((await result).tokens.scope).toEqual(['a', 'b']);
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'old-refresh-token',
      resource,
      client_id: 'client',
    });
  });

  it('F11: sends scopes when told to', async () => {
    const { result, sent } = refresh([json(TOKENS)], { scope: ['a'], previousScope: ['a', 'b'] });
    expect((await result).tokens.scope).toEqual(['a']);
    expect(sent[0]?.form.get('scope')).toBe('a');
  });

  it('keeps the old refresh token where none is returned, and takes a new one where one is', async () => {
    expect((await refresh([json(TOKENS)]).result).tokens.refreshToken).toBe('old-refresh-token');
    expect((await refresh([json({ ...TOKENS, refresh_token: null })]).result).tokens.refreshToken).toBe(
      'old-refresh-token',
    );
    expect((await refresh([json({ ...TOKENS, refresh_token: 'new' })]).result).tokens.refreshToken).toBe('new');
  });

  describe('F4: what is temporary', () => {
    it.each([408, 425, 429, 500, 503])('tries three times on %d, then says that nothing was lost', async (status) => {
      const { result, sent } = refresh([json({}, status), json({}, status), json({}, status)]);
      const error = await failure(result);
      expect(error).toMatchObject({ code: 'server_unavailable', status, retryable: true, stage: 'token' });
      expect(error.message).toContain('Nothing was lost');
      expect(sent).toHaveLength(3);
      expect(classifyRefreshFailure(error)).toBe('temporary');
    });

    it('waits as Retry-After says, else longer each time', async () => {
      const { result, clock } = refresh([json({}, 429, { 'retry-after': '9' }), json({}, 500), json(TOKENS)]);
      await result;
      expect(clock.waits).toEqual([9_000, 2_000]);
    });

    it.each([
      ['a network error', networkError],
      ['502', () => json({}, 502)],
      ['504', () => json({}, 504)],
    ])('presents the token once more at most after %s: the answer may have been lost', async (_, reply) => {
      const { result, sent } = refresh([reply(), reply(), json(TOKENS)]);
      const error = await failure(result);
      expect(sent).toHaveLength(2);
      expect(error.retryable).toBe(true);
      expect(error.message).toContain('Nothing was lost');
      expect(classifyRefreshFailure(error)).toBe('temporary');
    });

    it('succeeds where the second presentation is answered', async () => {
      const { result, sent } = refresh([networkError(), json({ ...TOKENS, refresh_token: 'new' })]);
      expect((await result).tokens.refreshToken).toBe('new');
      expect(sent).toHaveLength(2);
    });

    it.each(['temporarily_unavailable', 'server_error'])('takes %s with HTTP 400 for temporary', async (code) => {
      const { result } = refresh([oauthError(code), oauthError(code), oauthError(code)]);
      const error = await failure(result);
      expect(error).toMatchObject({ code: 'server_unavailable', oauthError: code });
      expect(classifyRefreshFailure(error)).toBe('temporary');
    });

    it('does not call a token dead because a failing server says so', async () => {
      const { result } = refresh([
        oauthError('invalid_grant', 500),
        oauthError('invalid_grant', 500),
        oauthError('invalid_grant', 500),
      ]);
      expect(classifyRefreshFailure(await failure(result))).toBe('temporary');
    });

    it('ends a wait with the signal', async () => {
      const controller = new AbortController();
      const { fetch } = replies(() => {
        controller.abort();
        return json({}, 503);
      });
      const promise = refreshTokens(
        { authorizationServer: SERVER, client: { client_id: 'client' }, refreshToken: 'old' },
        { fetch, signal: controller.signal },
      );
      expect(await failure(promise)).toMatchObject({ code: 'aborted' });
    });
  });

  describe('what an answer means for the refresh token', () => {
    it.each([
      ['invalid_grant', oauthError('invalid_grant'), 'dead'],
      ['invalid_grant with 401', oauthError('invalid_grant', 401), 'dead'],
      ['invalid_grant with 200', oauthError('invalid_grant', 200), 'dead'],
      ['an error of its own', oauthError('token_not_found', 404), 'dead'],
      ['invalid_request', oauthError('invalid_request'), 'dead'],
      ['an empty 400', new Response(null, { status: 400 }), 'dead'],
      ['an empty 401', new Response(null, { status: 401 }), 'dead'],
      ['invalid_client', oauthError('invalid_client', 401), 'client'],
      ['unauthorized_client', oauthError('unauthorized_client'), 'client'],
      ['a page with 200', new Response('<html></html>'), 'other'],
      ['a redirect', new Response(null, { status: 302, headers: { location: 'https://as.example.com/x' } }), 'other'],
    ])('%s is definitive or not, and is not asked twice', async (_, reply, meaning) => {
      const { result, sent } = refresh([reply]);
      expect(classifyRefreshFailure(await failure(result))).toBe(meaning);
      expect(sent).toHaveLength(1);
    });

    it.each<[McpOAuthErrorCode, string]>([
      ['network_error', 'temporary'],
      ['timeout', 'temporary'],
      ['lock_timeout', 'temporary'],
      ['aborted', 'other'],
      ['address_refused', 'other'],
      ['invalid_response', 'other'],
      ['store_failed', 'other'],
    ])('%s is %s', (code, meaning) => {
      expect(classifyRefreshFailure(new McpOAuthError(code, 'm', { stage: 'token' }))).toBe(meaning);
    });

    it('knows nothing about other errors', () => {
      expect(classifyRefreshFailure(new Error('invalid_grant'))).toBe('other');
      expect(classifyRefreshFailure(undefined)).toBe('other');
    });
  });

  it('keeps the refresh token out of every error', async () => {
    const echo = oauthError('invalid_grant', 400, 'old-refresh-token is unknown');
    expect(everythingOf(await failure(refresh([echo]).result))).not.toContain('old-refresh-token');
    const other = json({ refresh_token: 'old-refresh-token' });
    expect(everythingOf(await failure(refresh([other]).result))).not.toContain('old-refresh-token');
  });
});
