import { describe, expect, it } from 'vitest';
import { verifyProof } from '../../examples/servers/dpop-proofs.js';
import { createProver, generateProofKey } from '../../src/dpop/index.js';
import {
  classifyRefreshFailure,
  exchangeCode,
  refreshTokens,
  revokeToken,
  validateCallback,
} from '../../src/grants/index.js';
import {
  everythingOf,
  ISSUER,
  json,
  networkError,
  oauthError,
  type Reply,
  replies,
  SERVER,
  type Sent,
} from '../grants/support.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';

const TOKENS = { access_token: 'at', token_type: 'DPoP', refresh_token: 'rt2' };
const nonceWanted = (nonce = 'n1', status = 400) => json({ error: 'use_dpop_nonce' }, status, { 'dpop-nonce': nonce });
const clock = new InstantClock();

const proofOf = ({ headers, url }: Sent) => verifyProof(headers.get('dpop') ?? '', { method: 'POST', url });

async function refreshing(...answers: Reply[]) {
  const dpop = await createProver(await generateProofKey('ES256'), clock);
  const { fetch, sent } = replies(...answers);
  const refresh = (client: Record<string, string> = {}) =>
    refreshTokens(
      {
        authorizationServer: SERVER,
        client: { client_id: 'client', ...client },
        refreshToken: 'old-refresh-token',
        dpop,
      },
      { fetch, clock },
    );
  return { dpop, sent, refresh, fetch };
}

describe('a token request with a proof', () => {
  it('proves the key for the token endpoint, without ath, and takes the bound token', async () => {
    const { dpop, sent, refresh } = await refreshing(json(TOKENS));
    const { tokens } = await refresh();
    expect(tokens).toMatchObject({ accessToken: 'at', tokenType: 'dpop', refreshToken: 'rt2' });
    expect(await proofOf(sent[0] as Sent)).toMatchObject({ jkt: dpop.thumbprint, ath: undefined, iat: START / 1000 });
  });

  it.each([
    400, 401,
  ])('answers a nonce that is asked for by HTTP %i with exactly one retry, and remembers it', async (status) => {
    const { sent, refresh } = await refreshing(
      nonceWanted('n1', status),
      json(TOKENS),
      json(TOKENS, 200, { 'dpop-nonce': 'n2' }),
      json(TOKENS),
    );
    for (let request = 0; request < 3; request += 1) await refresh();
    const proofs = await Promise.all(sent.map(proofOf));
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n1', 'n2']);
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(4);
  });

  it('does the same for the code, which nobody has looked at', async () => {
    const { dpop, sent, fetch } = await refreshing(nonceWanted(), json(TOKENS));
    const url = new URL(`http://127.0.0.1/callback?code=the-code&state=${'s'.repeat(43)}`);
    const callbackParameters = validateCallback({
      authorizationServer: SERVER,
      clientId: 'client',
      url,
      state: 's'.repeat(43),
    });
    const redirectUri = 'http://127.0.0.1/callback';
    const leg = { authorizationServer: SERVER, client: { client_id: 'client' }, callbackParameters, redirectUri, dpop };
    expect((await exchangeCode({ ...leg, codeVerifier: 'v'.repeat(43) }, { fetch, clock })).tokens.tokenType).toBe(
      'dpop',
    );
    expect(sent.map(({ form }) => form.get('code'))).toEqual(['the-code', 'the-code']);
  });

  it.each([
    ['every nonce', [nonceWanted('n1'), nonceWanted('n2')]],
    ['a proof without giving a nonce', [oauthError('use_dpop_nonce')]],
    [
      'a proof at the right time',
      [json({ error: 'invalid_dpop_proof' }, 400, { date: new Date(START).toUTCString() })],
    ],
  ])('refused %s is a typed error that says nothing against the refresh token', async (_, answers) => {
    const { sent, refresh } = await refreshing(...answers);
    const error = await failure(refresh());
    expect(error).toMatchObject({ code: 'dpop_failed', stage: 'token', status: 400, retryable: false });
    expect(classifyRefreshFailure(error)).toBe('other');
    expect(sent).toHaveLength(answers.length);
    expect(everythingOf(error)).not.toContain('old-refresh-token');
  });

  it('is sent once more with the time of the server, where that is another one', async () => {
    const late = json({ error: 'invalid_dpop_proof' }, 400, { date: new Date(START - 3_600_000).toUTCString() });
    const { sent, refresh } = await refreshing(late, json(TOKENS));
    await refresh();
    const proofs = await Promise.all(sent.map(proofOf));
    expect(proofs.map(({ iat }) => iat)).toEqual([START / 1000, START / 1000 - 3600]);
  });

  it('keeps its bounds: what is temporary is repeated as ever, each time with another proof', async () => {
    const { sent, refresh } = await refreshing(json({}, 503), networkError(), json(TOKENS));
    await refresh();
    expect(new Set((await Promise.all(sent.map(proofOf))).map(({ jti }) => jti)).size).toBe(3);
  });

  it('with raw Basic credentials comes after the nonce, and has a proof too', async () => {
    const { sent, refresh } = await refreshing(nonceWanted(), oauthError('invalid_client', 401), json(TOKENS));
    await refresh({ client_secret: 'a secret', token_endpoint_auth_method: 'client_secret_basic' });
    expect((await Promise.all(sent.map(proofOf))).map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n1']);
    expect(new Set(sent.map(({ headers }) => headers.get('authorization'))).size).toBe(2);
  });

  it.each(['Bearer', 'bearer', null, 'user'])('refuses a token of type %j: it is not bound', async (token_type) => {
    const { refresh } = await refreshing(json({ ...TOKENS, token_type }));
    const error = await failure(refresh());
    expect(error).toMatchObject({ code: 'dpop_failed', stage: 'token' });
    expect(classifyRefreshFailure(error)).toBe('other');
  });

  it('refuses a token of a type that nobody asked for', async () => {
    const { refresh } = await refreshing(json({ ...TOKENS, token_type: 'mac' }));
    expect(await failure(refresh())).toMatchObject({ code: 'invalid_response' });
  });
});

describe('a revocation', () => {
  it('of a bound token has a proof for its endpoint, with the nonce that is asked for', async () => {
    const { dpop, sent, fetch } = await refreshing(nonceWanted(), new Response(null));
    const request = {
      authorizationServer: SERVER,
      client: { client_id: 'client' },
      token: 't',
      tokenTypeHint: 'refresh_token',
      dpop,
    } as const;
    expect(await revokeToken(request, { fetch, clock })).toBe(true);
    const proofs = await Promise.all(sent.map(proofOf));
    expect(proofs.map(({ nonce, htu }) => [nonce, htu])).toEqual([
      [undefined, `${ISSUER}/revoke`],
      ['n1', `${ISSUER}/revoke`],
    ]);
    expect(sent.map(({ form }) => form.get('token'))).toEqual(['t', 't']);
  });

  it('of a Bearer token has none', async () => {
    const { fetch, sent } = replies(new Response(null));
    const request = {
      authorizationServer: SERVER,
      client: { client_id: 'client' },
      token: 't',
      tokenTypeHint: 'refresh_token',
    } as const;
    await revokeToken(request, { fetch, clock });
    expect(sent[0]?.headers.has('dpop')).toBe(false);
  });
});
