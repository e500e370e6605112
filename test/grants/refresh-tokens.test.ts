import { describe, expect, it } from 'vitest';
import { McpOAuthError, type McpOAuthErrorCode } from '../../src/errors.js';
import { classifyRefreshFailure, refreshTokens } from '../../src/grants/index.js';
import { askedWaitMs } from '../../src/http/retry.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

function refresh(queue: Reply[], overrides: Partial<Parameters<typeof refreshTokens>[0]> = {}, random = () => 0) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const result = refreshTokens(
    { authorizationServer: SERVER, client: { client_id: 'client' }, refreshToken: 'old-refresh-token', ...overrides },
    { fetch, clock, random },
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
      const { result, clock } = refresh([json({}, 429, { 'retry-after': '3' }), json({}, 500), json(TOKENS)]);
      await result;
      expect(clock.waits).toEqual([3_000, 2_000]);
    });

    it('spreads its waits by chance: never before Retry-After says, and its own between half and whole', async () => {
      const busy = () => json({}, 429, { 'retry-after': '3' });
      const { result, clock } = refresh([busy(), json({}, 500), json(TOKENS)], {}, () => 0.5);
      await result;
      expect(clock.waits).toEqual([3_375, 1_500]);
      const by = async (random: () => number) => {
        const one = refresh([busy(), json({}, 503), json(TOKENS)], {}, random);
        await one.result;
        return one.clock.waits;
      };
      for (let part = 0; part < 1; part += 0.05) {
        const [asked = 0, own = 0] = await by(() => part);
        expect([asked >= 3_000 && asked <= 3_750, own >= 1_000 && own <= 2_000]).toEqual([true, true]);
      }
    });

    it.each([
      ['6', 6_000],
      ['30', 30_000],
      ['3600', 300_000],
    ])('Retry-After: %s is not waited for under the lock: it fails at once, and carries the wait', async (value, ms) => {
      const { result, sent, clock } = refresh([json({}, 503, { 'retry-after': value })]);
      const error = await failure(result);
      expect(error).toMatchObject({ code: 'server_unavailable', status: 503, retryable: true });
      expect(error.message).toContain(`no request for ${ms / 1_000} s`);
      expect(askedWaitMs(error)).toBe(ms);
      expect([sent.length, clock.waits]).toEqual([1, []]);
    });

    it('presents the token to a proxy that wants a password (407) as often as to a busy server', async () => {
      const { result, sent } = refresh([json({}, 407), json({}, 407), json({}, 407)]);
      expect(classifyRefreshFailure(await failure(result))).toBe('temporary');
      expect(sent).toHaveLength(3);
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
      ['a list with 400', json([], 400), 'dead'],
      ['words with 400', new Response('no such token', { status: 400 }), 'dead'],
      [
        'invalid_grant in a header of HTML',
        json({ error: 'invalid_grant' }, 400, { 'content-type': 'text/html' }),
        'dead',
      ],
      ['no resource that it knows', oauthError('invalid_target'), 'other'],
      ['AADSTS9010010', oauthError('invalid_request', 400, 'AADSTS9010010: The resource does not match.'), 'other'],
      ['AADSTS9010010 as invalid_grant', oauthError('invalid_grant', 400, 'AADSTS9010010: The resource.'), 'other'],
      ['a path that is not there', json({ message: 'no Route matched' }, 404), 'other'],
      ['a method that is not there', new Response(null, { status: 405 }), 'other'],
      ['a redirect', new Response(null, { status: 302, headers: { location: 'https://as.example.com/x' } }), 'other'],
    ])('%s is definitive or not, and is not asked twice', async (_, reply, meaning) => {
      const { result, sent } = refresh([reply]);
      expect(classifyRefreshFailure(await failure(result))).toBe(meaning);
      expect(sent).toHaveLength(1);
    });

    it.each([
      ['the page of a captive portal with 200', 200, '<!doctype html><html>Sign in to the Wi-Fi</html>'],
      ['the page of a proxy with 400', 400, '<html>blocked</html>'],
      ['the page of a proxy with 401', 401, '\n  <HTML>blocked</HTML>'],
      ['the page of a proxy with 403', 403, '\uFEFF<html>Forbidden</html>'],
      ['the page of a proxy with 404', 404, '<html>Not Found</html>'],
      ['the document of a cloud with 403', 403, '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'],
      ['nothing with 200', 200, ''],
      ['half an answer with 200', 200, '{"access_token":"new-access-tok'],
      ['a list with 200', 200, '[]'],
    ])('F4: %s says nothing about the token, which is presented once', async (_, status, body) => {
      const { result, sent } = refresh([new Response(body, { status })]);
      const error = await failure(result);
      expect(error).toMatchObject({ code: 'server_unavailable', status, stage: 'token', retryable: true });
      expect(error.message).toContain('Nothing was lost: try again later.');
      expect(everythingOf(error)).not.toMatch(/[<>]|new-access-tok/);
      expect(classifyRefreshFailure(error)).toBe('temporary');
      expect(sent).toHaveLength(1);
    });

    it('a refusal that is about the resource indicator names the option, and does not send anyone to sign in', async () => {
      const error = await failure(refresh([oauthError('invalid_target', 400, 'AADSTS9010010: mismatch')]).result);
      expect(error.message).toContain('set `resource: false`');
      expect(error.message).not.toContain('Sign in again');
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
