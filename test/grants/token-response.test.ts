import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { refreshTokens } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { ISSUER, json, replies, SERVER } from './support.js';

async function read(body: Record<string, unknown>) {
  const { fetch } = replies(json({ access_token: 'at', token_type: 'bearer', ...body }));
  return refreshTokens(
    { authorizationServer: SERVER, client: { client_id: 'client' }, refreshToken: 'old' },
    { fetch, clock: new InstantClock() },
  );
}

const YEARS_10_MS = 10 * 365 * 24 * 3_600_000;

describe('token responses', () => {
  it.each([
    [3600, 3_600_000],
    ['3600', 3_600_000],
    [0.5, 500],
    [1e300, YEARS_10_MS],
    [Number.MAX_SAFE_INTEGER, YEARS_10_MS],
  ])('F5, F37: makes expires_in %s absolute', async (expires_in, lifetime) => {
    expect((await read({ expires_in })).tokens.expiresAt).toBe(START + lifetime);
  });

  it.each([
    undefined,
    null,
    0,
    -1,
    '-5',
    'never',
    '',
  ])('takes expires_in %j for a token that is valid until a 401', async (expires_in) => {
    expect((await read({ expires_in })).tokens).not.toHaveProperty('expiresAt');
  });

  it('refuses a token type that was not asked for, rather than send it as a Bearer token', async () => {
    await expect(read({ token_type: 'DPoP' })).rejects.toMatchObject({ code: 'invalid_response', stage: 'token' });
  });

  const idToken = (claims: Record<string, unknown>) =>
    new SignJWT({ sub: 'alice', iss: ISSUER, aud: 'client', iat: START / 1000, exp: START / 1000 + 60, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode('x'.repeat(32)))
      // The algorithm is what the server announces; signatures are not what is looked at here.
      .then((jwt) => `${btoa('{"alg":"RS256"}').replace(/=+$/, '')}.${jwt.split('.').slice(1).join('.')}`);

  it('exposes the claims of an ID token, judged by our clock', async () => {
    expect((await read({ id_token: await idToken({}) })).idTokenClaims).toMatchObject({ sub: 'alice' });
  });

  it.each([
    ['of another issuer', { iss: 'https://evil.example.com' }],
    ['for another client', { aud: 'someone' }],
    ['that expired', { exp: START / 1000 - 600 }],
  ])('leaves an ID token %s out, without losing the rotated refresh token', async (_, claims) => {
    const result = await read({ refresh_token: 'new', id_token: await idToken(claims) });
    expect(result.tokens).toMatchObject({ accessToken: 'at', refreshToken: 'new' });
    expect(result).not.toHaveProperty('idTokenClaims');
  });

  it('leaves an ID token that is none out', async () => {
    expect((await read({ id_token: 'garbage' })).tokens.accessToken).toBe('at');
  });
});
