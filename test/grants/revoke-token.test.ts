import { describe, expect, it } from 'vitest';
import { revokeToken } from '../../src/grants/index.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

function revoke(queue: Reply[], authorizationServer = SERVER) {
  const { fetch, sent } = replies(...queue);
  const client = { client_id: 'id', client_secret: 'a/b', token_endpoint_auth_method: 'client_secret_basic' };
  const result = revokeToken(
    { authorizationServer, client, token: 'the-token', tokenTypeHint: 'refresh_token' },
    { fetch, clock: new InstantClock() },
  );
  return { result, sent };
}

describe('revokeToken (RFC 7009 §2)', () => {
  it('F43: names the token and its type', async () => {
    const { result, sent } = revoke([new Response(null)]);
    expect(await result).toBe(true);
    expect(sent[0]?.url).toBe('https://as.example.com/revoke');
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({ token: 'the-token', token_type_hint: 'refresh_token' });
    expect(sent[0]?.headers.get('authorization')).toMatch(/^Basic /);
  });

  it('does nothing where there is no endpoint', async () => {
    const { revocation_endpoint: _, ...without } = SERVER;
    const { result, sent } = revoke([], without);
    expect(await result).toBe(false);
    expect(sent).toHaveLength(0);
  });

  it.each([
    ['204', new Response(null, { status: 204 }), true],
    ['a page with 200', new Response('<html>ok</html>'), true],
    ['a token that is gone already', oauthError('invalid_token'), true],
    ['unsupported_token_type', oauthError('unsupported_token_type'), false],
  ])('%s', async (_, reply, revoked) => {
    expect(await revoke([reply]).result).toBe(revoked);
  });

  it('tries again on what is temporary', async () => {
    const { result, sent } = revoke([json({}, 503), networkError(), new Response(null)]);
    expect(await result).toBe(true);
    expect(sent).toHaveLength(3);
    const failing = revoke([json({}, 503), json({}, 503), json({}, 503)]);
    expect(await failure(failing.result)).toMatchObject({ code: 'server_unavailable', retryable: true });
  });

  it('tries raw Basic credentials after invalid_client', async () => {
    const { result, sent } = revoke([oauthError('invalid_client', 401), new Response(null)]);
    expect(await result).toBe(true);
    expect(sent).toHaveLength(2);
  });

  it('tells a refusal, without the token', async () => {
    const error = await failure(revoke([oauthError('invalid_request', 400, 'cannot revoke the-token')]).result);
    expect(error).toMatchObject({ code: 'revocation_failed', oauthError: 'invalid_request', status: 400 });
    expect(everythingOf(error)).not.toContain('the-token');
  });
});
