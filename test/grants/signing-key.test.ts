import { createPrivateKey, generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { importJWK, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import type { ClientKey, SigningAlgorithm } from '../../src/client-key.js';
import { createClientAssertion } from '../../src/grants/client-assertion.js';
import { signingKey } from '../../src/grants/signing-key.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { ALGORITHMS, createKey, secretsOf, type TestKey } from './keys.js';
import { everythingOf, SERVER } from './support.js';

const KEYS = Object.fromEntries(ALGORITHMS.map((name) => [name, createKey(name)])) as Record<SigningAlgorithm, TestKey>;

const assertion = (clientKey: ClientKey) =>
  createClientAssertion({ authorizationServer: SERVER, clientId: 'robot', clientKey }, { clock: new InstantClock() });

async function verified(jwt: string, { publicJwk }: TestKey, algorithm: string) {
  const key = await importJWK({ ...publicJwk, alg: algorithm } as Parameters<typeof importJWK>[0]);
  return jwtVerify(jwt, key, { algorithms: [algorithm], currentDate: new Date(START) });
}

/** A Node signature in the form of RFC 7518. */
function remotely({ pem }: TestKey, algorithm: SigningAlgorithm, data: Uint8Array): Buffer {
  const key = createPrivateKey(pem);
  if (algorithm === 'EdDSA') return nodeSign(null, data, key);
  if (algorithm === 'ES256') return nodeSign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
  return nodeSign('sha256', data, {
    key,
    ...(algorithm === 'PS256' ? { padding: 6, saltLength: 32 } : { padding: 1 }),
  });
}

const SUBTLE = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  EdDSA: { name: 'Ed25519' },
} as const;

const cryptoKey = ({ jwk }: TestKey, as: SigningAlgorithm) =>
  crypto.subtle.importKey('jwk', jwk, SUBTLE[as], false, ['sign']);

describe.each(ALGORITHMS)('a key for %s', (algorithm) => {
  const key = KEYS[algorithm];
  const isRsa = algorithm === 'RS256' || algorithm === 'PS256';
  const named = isRsa ? { algorithm } : {};

  it.each<[string, () => ClientKey | Promise<ClientKey>]>([
    ['PEM', () => ({ privateKey: key.pem, ...named })],
    [
      'PEM with the line breaks of an environment variable',
      () => ({ privateKey: key.pem.replaceAll('\n', '\\n'), ...named }),
    ],
    ['PEM with Windows line breaks', () => ({ privateKey: key.pem.replaceAll('\n', '\r\n'), ...named })],
    [
      'a JWK that names its algorithm',
      () => ({ privateKey: { ...key.jwk, alg: algorithm, key_ops: ['sign'], use: 'sig' } }),
    ],
    ['a JWK', () => ({ privateKey: key.jwk, algorithm })],
    ['a CryptoKey', async () => ({ privateKey: await cryptoKey(key, algorithm) })],
    ['a function that gives PEM', () => ({ privateKey: () => key.pem, ...named })],
    ['a function that gives a JWK in time', () => ({ privateKey: async () => key.jwk, algorithm })],
    [
      'a function that signs elsewhere',
      () => ({ privateKey: { sign: async (input, name) => remotely(key, name, input) }, algorithm }),
    ],
  ])('signs, given as %s (RFC 7518 §3.1)', async (_, given) => {
    const { protectedHeader } = await verified(await assertion(await given()), key, algorithm);
    expect(protectedHeader.alg).toBe(algorithm);
  });

  it('is not left readable in what signs', async () => {
    const ready = await signingKey({ privateKey: key.pem, algorithm });
    expect(Object.keys(ready).sort()).toEqual(['algorithm', 'keyId', 'sign']);
    for (const secret of secretsOf(key)) expect(JSON.stringify(ready)).not.toContain(secret);
  });
});

describe('a key that cannot be used is refused before anything is sent', () => {
  const rsa = KEYS.RS256;
  const ec = KEYS.ES256;
  const pkcs1 = createPrivateKey(rsa.pem).export({ type: 'pkcs1', format: 'pem' }) as string;
  const sec1 = createPrivateKey(ec.pem).export({ type: 'sec1', format: 'pem' }) as string;
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'p' } as const;
  const locked = createPrivateKey(rsa.pem).export({ type: 'pkcs8', format: 'pem', ...cipher }) as string;
  const lockedPkcs1 = createPrivateKey(rsa.pem).export({ type: 'pkcs1', format: 'pem', ...cipher }) as string;
  const publicPem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    type: 'spki',
    format: 'pem',
  }) as string;
  const pem = (type: 'ec' | 'ed448' | 'rsa', options: object) =>
    (
      generateKeyPairSync as unknown as (
        type: string,
        options: object,
      ) => { privateKey: ReturnType<typeof createPrivateKey> }
    )(type, options).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const { d: _private, ...publicJwk } = ec.jwk;

  it.each<[string, unknown, RegExp]>([
    ['PKCS #1', { privateKey: pkcs1, algorithm: 'RS256' }, /PKCS #1.*openssl pkcs8 -topk8 -nocrypt/],
    ['SEC1', { privateKey: sec1 }, /SEC1.*openssl pkcs8 -topk8/],
    ['encrypted PKCS #8', { privateKey: locked, algorithm: 'RS256' }, /passphrase.*openssl pkey/],
    ['encrypted PKCS #1', { privateKey: lockedPkcs1, algorithm: 'RS256' }, /passphrase.*openssl pkey/],
    ['a public key', { privateKey: publicPem }, /public key only/],
    ['a file name', { privateKey: '/etc/keys/robot.pem' }, /not the name of its file/],
    ['half a PEM', { privateKey: ec.pem.slice(0, 90) }, /incomplete/],
    ['a PEM with a damaged body', { privateKey: ec.pem.replace(/\nM/, '\nA') }, /./],
    ['a JWK as a text', { privateKey: JSON.stringify(ec.jwk) }, /JSON\.parse/],
    ['the public half', { privateKey: publicJwk }, /public half/],
    ['a shared secret', { privateKey: { kty: 'oct', k: 'c2VjcmV0LXNlY3JldA' } }, /shared secret/],
    ['a JWK for encryption', { privateKey: { ...ec.jwk, use: 'enc' } }, /not for signing/],
    ['a damaged JWK', { privateKey: { ...ec.jwk, x: 'AA' } }, /damaged/],
    ['a JWK of no kind', { privateKey: { kty: 'constructor', d: 'x' } }, /kind/],
    ['RSA with ES256', { privateKey: rsa.pem, algorithm: 'ES256' }, /RSA.*RS256 or PS256, not with ES256/],
    ['EC with RS256', { privateKey: ec.pem, algorithm: 'RS256' }, /EC P-256.*ES256, not with RS256/],
    ['EC with EdDSA, as JWK', { privateKey: ec.jwk, algorithm: 'EdDSA' }, /ES256, not with EdDSA/],
    [
      'a JWK that names another algorithm',
      { privateKey: { ...rsa.jwk, alg: 'PS256' }, algorithm: 'RS256' },
      /do not match/,
    ],
    [
      'a CryptoKey of another algorithm',
      () => cryptoKey(rsa, 'PS256').then((privateKey) => ({ privateKey, algorithm: 'RS256' })),
      /PS256, not with RS256/,
    ],
    [
      'a CryptoKey that may not sign',
      () =>
        crypto.subtle
          .generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits'])
          .then(({ privateKey }) => ({ privateKey })),
      /may not sign/,
    ],
    ['RSA without an algorithm', { privateKey: rsa.pem }, /set `algorithm` to RS256 or PS256/],
    ['an unknown algorithm', { privateKey: ec.pem, algorithm: 'HS256' }, /one of RS256, PS256, ES256, EdDSA/],
    ['P-384', { privateKey: pem('ec', { namedCurve: 'P-384' }) }, /EC P-384/],
    ['Ed448', { privateKey: pem('ed448', {}) }, /Ed448/],
    ['RSA of 1024 bits', { privateKey: pem('rsa', { modulusLength: 1024 }), algorithm: 'RS256' }, /1024 bits/],
    ['nothing', { privateKey: undefined }, /neither a PEM text/],
    ['a function that gives nothing', { privateKey: () => undefined }, /neither a PEM text/],
    ['a signer without an algorithm', { privateKey: { sign: async () => new Uint8Array(64) } }, /Set `algorithm`/],
  ])('%s', async (_, given, message) => {
    const key = (await (typeof given === 'function' ? given() : given)) as ClientKey;
    const error = await failure(assertion(key));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toMatch(message);
    const said = everythingOf(error);
    for (const secret of [...secretsOf(rsa), ...secretsOf(ec)]) expect(said).not.toContain(secret);
    expect(said).not.toContain('undefined.');
  });

  it.each<[string, () => unknown, RegExp]>([
    ['in DER', () => nodeSign('sha256', Buffer.from('x'), createPrivateKey(ec.pem)), /DER.*R and S/],
    ['of another length', () => new Uint8Array(63), /63 bytes/],
    ['as a text', () => 'c2lnbmF0dXJl', /no Uint8Array/],
    ['that never came', () => undefined, /no Uint8Array/],
  ])('a signature %s', async (_, sign, message) => {
    const error = await failure(
      assertion({ privateKey: { sign: async () => sign() as Uint8Array }, algorithm: 'ES256' }),
    );
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toMatch(message);
  });

  it('reports a KMS that fails with the kind of its error, and without what it says', async () => {
    const sign = async () => {
      throw Object.assign(new Error(`AccessDenied for ${ec.jwk.d}`), { code: 'EACCES', request: { key: ec.pem } });
    };
    const error = await failure(assertion({ privateKey: { sign }, algorithm: 'ES256' }));
    expect(error).toMatchObject({ code: 'invalid_options', cause: { name: 'Error', code: 'EACCES' } });
    for (const secret of secretsOf(ec)) expect(everythingOf(error)).not.toContain(secret);
  });

  it('asks a KMS client by its own method, so that it finds what it holds', async () => {
    class Kms {
      readonly #region = 'eu-central-1';
      calls = 0;
      async sign(): Promise<Uint8Array> {
        this.calls += this.#region.length > 0 ? 1 : 0;
        return new Uint8Array(64);
      }
    }
    const privateKey = new Kms();
    await assertion({ privateKey, algorithm: 'ES256' });
    expect(privateKey.calls).toBe(1);
  });

  it('reports a function that could not parse what its secret manager said, without quoting it', async () => {
    const privateKey = () => JSON.parse(`${ec.jwk.d?.slice(0, 12)} is the key`) as JsonWebKey;
    const error = await failure(assertion({ privateKey }));
    expect(error.message).toContain('`privateKey`');
    expect(everythingOf(error)).not.toContain(ec.jwk.d?.slice(0, 6));
  });
});
