import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import type { ClientKey } from '../../src/client-key.js';
import { createClientAssertion } from '../../src/grants/client-assertion.js';
import type { AuthorizationServerMetadata } from '../../src/types.js';
import { InstantClock, START } from '../support/clock.js';
import { createKey } from './keys.js';
import { ISSUER, SERVER } from './support.js';

const KEY = createKey('ES256');
const ED = createKey('EdDSA');

const create = (clientKey: Partial<ClientKey> = {}, server: Partial<AuthorizationServerMetadata> = {}) =>
  createClientAssertion(
    {
      authorizationServer: { ...SERVER, ...server },
      clientId: 'robot',
      clientKey: { privateKey: KEY.jwk, ...clientKey },
    },
    { clock: new InstantClock() },
  );

describe('the client assertion (RFC 7523 §3, draft-ietf-oauth-rfc7523bis)', () => {
  it('names the client, the issuer identifier as one text, and lives for a minute of the clock', async () => {
    const jwt = await create();
    const key = await importJWK({ ...KEY.publicJwk, alg: 'ES256' } as Parameters<typeof importJWK>[0]);
    const { payload, protectedHeader } = await jwtVerify(jwt, key, { currentDate: new Date(START) });
    expect(payload).toEqual({
      iss: 'robot',
      sub: 'robot',
      aud: ISSUER,
      iat: START / 1000,
      exp: START / 1000 + 60,
      jti: expect.stringMatching(/^[\w-]{20,}$/),
    });
    // Libraries that check the type know `JWT` or none; the one of the draft is refused.
    expect(protectedHeader).toEqual({ alg: 'ES256' });
  });

  it('is another one each time', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => decodeJwt(await create()).jti));
    expect(new Set(ids).size).toBe(20);
  });

  it('says which key signed', async () => {
    const privateKey = { ...KEY.jwk, kid: 'of-the-jwk' };
    expect(decodeProtectedHeader(await create({ privateKey }))).toMatchObject({ kid: 'of-the-jwk' });
    expect(decodeProtectedHeader(await create({ privateKey, keyId: 'set' }))).toMatchObject({ kid: 'set' });
  });

  it('takes another audience', async () => {
    const jwt = await create({ audience: `${ISSUER}/token` });
    expect(decodeJwt(jwt).aud).toBe(`${ISSUER}/token`);
  });

  it.each([
    [undefined, 'EdDSA'],
    [['ES256', 'EdDSA', 'Ed25519'], 'EdDSA'],
    [['ES256', 'Ed25519'], 'Ed25519'],
    ['Ed25519', 'EdDSA'],
  ])('RFC 9864: where the server lists %j, Ed25519 is called %s', async (listed, alg) => {
    const jwt = await create({ privateKey: ED.jwk }, { token_endpoint_auth_signing_alg_values_supported: listed });
    expect(decodeProtectedHeader(jwt).alg).toBe(alg);
  });
});
