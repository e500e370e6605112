import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { createDpopGuard, type DpopGuardSettings } from '../../examples/servers/dpop-guard.js';
import { listenOnLoopback } from '../../examples/servers/loopback-server.js';
import { closers } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A guard before a resource that takes everything, and a client that makes proofs by hand. */
async function guarded(settings: Partial<DpopGuardSettings> = {}) {
  const guard = createDpopGuard(settings);
  const server = closing(
    await listenOnLoopback(async (request, response) => {
      if ((await guard.intercept(request, response)) === true) return;
      response.end(request.headers.authorization);
    }),
  );
  const url = `${server.origin}/mcp`;
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const token = await new SignJWT({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(privateKey);
  const ath = createHash('sha256').update(token).digest('base64url');
  const proof = (claims: Record<string, unknown> = {}, typ = 'dpop+jwt') =>
    new SignJWT({ jti: randomUUID(), htm: 'POST', htu: url, ath, iat: Math.floor(Date.now() / 1000), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ, jwk })
      .sign(privateKey);
  const send = async (dpop: string, authorization = `DPoP ${token}`) => {
    const response = await fetch(`${url}?query=1`, { method: 'POST', headers: { authorization, dpop } });
    const challenge = response.headers.get('www-authenticate') ?? '';
    const error = /error="(\w+)"/.exec(challenge)?.[1];
    return { status: response.status, error, nonce: response.headers.get('dpop-nonce') ?? undefined };
  };
  return { url, token, ath, proof, send };
}

describe('the DPoP guard', () => {
  it('takes a proof once', async () => {
    const { proof, send } = await guarded();
    const once = await proof();
    expect(await send(once)).toMatchObject({ status: 200 });
    expect(await send(once)).toMatchObject({ status: 401, error: 'invalid_dpop_proof' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['method', { htm: 'GET' }],
    ['URL', { htu: 'https://other.example.com/mcp' }],
    ['URL with its query', { htu: undefined }],
    ['token', { ath: 'AAAA' }],
    ['time', { iat: 1 }],
  ])('refuses one for another %s', async (_, claims) => {
    const { proof, send, url } = await guarded();
    const changed = 'htu' in claims && claims['htu'] === undefined ? { htu: `${url}?query=1` } : claims;
    expect(await send(await proof(changed))).toMatchObject({ status: 401, error: 'invalid_dpop_proof' });
  });

  it('refuses a JWT that is none, a key that the token is not bound to, and a Bearer token', async () => {
    const { proof, send, token, url, ath } = await guarded();
    expect(await send(await proof({}, 'JWT'))).toMatchObject({ error: 'invalid_dpop_proof' });
    const stranger = await guarded();
    expect(await send(await stranger.proof({ htu: url, ath }))).toMatchObject({ status: 401, error: 'invalid_token' });
    expect(await send(await proof(), `Bearer ${token}`)).toMatchObject({ status: 401, error: 'invalid_token' });
  });

  it('gives a nonce with each answer that is good for one request', async () => {
    const { proof, send } = await guarded({ nonces: 'each' });
    const first = await send(await proof());
    expect(first).toMatchObject({ status: 401, error: 'use_dpop_nonce' });
    const second = await send(await proof({ nonce: first.nonce }));
    expect(second.status).toBe(200);
    expect(await send(await proof({ nonce: first.nonce }))).toMatchObject({ error: 'use_dpop_nonce' });
    expect(await send(await proof({ nonce: second.nonce }))).toMatchObject({ status: 200 });
  });
});
