import type { ClientKey, PrivateKey, Signer, SigningAlgorithm } from '../client-key.js';
import { McpOAuthError } from '../errors.js';
import { readPkcs8 } from './private-key-pem.js';
import { algorithmFor, assertKnown, invalidKey, PRIMITIVES } from './signing-algorithm.js';
import { type SupplyOptions, supplied } from './supplied.js';

/** Something that signs. */
export interface SigningKey {
  readonly algorithm: SigningAlgorithm;
  readonly keyId: string | undefined;
  /** Signs, in the form of RFC 7518. */
  readonly sign: (input: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;
}

/** RFC 7518 sections 3.3 and 3.5. */
const SHORTEST_RSA_BITS = 2048;
const LONGEST_SIGNATURE = 2048;

/**
 * Makes the application's key ready to sign. Nothing of it is kept.
 *
 * @throws {@link McpOAuthError} `invalid_options` where the key cannot be used, or does not match the algorithm; `timeout`
 * and `aborted` while a function gets it. No key is in any of them.
 */
export async function signingKey(key: ClientKey, options?: SupplyOptions): Promise<SigningKey> {
  assertKnown(key.algorithm);
  const given: unknown = key.privateKey;
  if (isSigner(given)) return remoteKey(given, key, options);
  const supply = given as PrivateKey | (() => PrivateKey | Promise<PrivateKey>);
  const own = typeof supply === 'function' ? await supplied(supply, 'The function in `privateKey`', options) : supply;
  const { cryptoKey, algorithm, keyId } = await usableKey(own, key.algorithm);
  assertStrength(cryptoKey);
  return {
    algorithm,
    keyId: key.keyId ?? keyId,
    sign: async (input) => new Uint8Array(await crypto.subtle.sign(PRIMITIVES[algorithm].signWith, cryptoKey, input)),
  };
}

interface UsableKey {
  readonly cryptoKey: CryptoKey;
  readonly algorithm: SigningAlgorithm;
  readonly keyId?: string | undefined;
}

async function usableKey(key: unknown, asked: SigningAlgorithm | undefined): Promise<UsableKey> {
  if (typeof key === 'string') {
    const { der, kind } = readPkcs8(key);
    const algorithm = algorithmFor(kind, asked);
    const cryptoKey = await imported(() =>
      crypto.subtle.importKey('pkcs8', der, PRIMITIVES[algorithm].importAs, false, ['sign']),
    );
    return { cryptoKey, algorithm };
  }
  if (isCryptoKey(key)) return { cryptoKey: key, algorithm: algorithmFor(kindOfCryptoKey(key), asked) };
  if (isJwk(key)) return fromJwk(key, asked);
  throw invalidKey('is neither a PEM text, nor a JWK, nor a CryptoKey, nor a function that gives one, nor { sign }');
}

async function fromJwk(jwk: JsonWebKey & { kid?: unknown }, asked: SigningAlgorithm | undefined): Promise<UsableKey> {
  if (jwk.kty === 'oct') throw invalidKey('is a shared secret, not the private key of a pair');
  if (typeof jwk.d !== 'string') throw invalidKey('is the public half of the pair: give the JWK that has `d`');
  if (jwk.use !== undefined && jwk.use !== 'sig') throw invalidKey('is not for signing: its `use` is another one');
  // Its newer name: RFC 9864 section 2.2.
  const own = jwk.alg === 'Ed25519' ? 'EdDSA' : jwk.alg;
  if (own !== undefined && asked !== undefined && own !== asked) {
    throw invalidKey(`and \`algorithm\` do not match: the JWK says another \`alg\` than ${asked}`);
  }
  const kind = jwk.kty === 'EC' ? `EC ${named(jwk.crv)}` : jwk.kty === 'OKP' ? named(jwk.crv) : named(jwk.kty);
  const algorithm = algorithmFor(kind, asked ?? (own as SigningAlgorithm | undefined));
  // Only the key: members about its use would have to be spelt as this WebCrypto spells them.
  const { kty, crv, x, y, d, n, e, p, q, dp, dq, qi } = jwk;
  const members = Object.entries({ kty, crv, x, y, d, n, e, p, q, dp, dq, qi });
  const bare: JsonWebKey = Object.fromEntries(members.filter(([, value]) => value !== undefined));
  const cryptoKey = await imported(() =>
    crypto.subtle.importKey('jwk', bare, PRIMITIVES[algorithm].importAs, false, ['sign']),
  );
  return { cryptoKey, algorithm, keyId: typeof jwk.kid === 'string' ? jwk.kid : undefined };
}

/** What goes wrong in here may quote the key, so that nothing of it is kept. */
async function imported(importKey: () => Promise<CryptoKey>): Promise<CryptoKey> {
  try {
    return await importKey();
  } catch {
    throw invalidKey('cannot be read: it is damaged, or this platform does not support its kind');
  }
}

function kindOfCryptoKey(key: CryptoKey): string {
  if (key.type !== 'private') throw invalidKey('is not the private half of the pair');
  if (!key.usages.includes('sign')) throw invalidKey('may not sign: create or import it with the usage `sign`');
  const { name, namedCurve, hash } = key.algorithm as Partial<EcKeyAlgorithm & RsaHashedKeyAlgorithm>;
  if (name === 'ECDSA') return `EC ${namedCurve}`;
  return hash === undefined ? named(name) : `${name} ${hash.name}`;
}

/** A name out of a key for a message, where it is one; a key that was put together wrongly could have anything there. */
function named(value: unknown): string {
  return typeof value === 'string' && /^[\w-]{1,20}$/.test(value) ? value : 'unknown';
}

function assertStrength(key: CryptoKey): void {
  const { modulusLength } = key.algorithm as Partial<RsaKeyAlgorithm>;
  if (modulusLength === undefined || modulusLength >= SHORTEST_RSA_BITS) return;
  throw invalidKey(`has ${modulusLength} bits; RS256 and PS256 need ${SHORTEST_RSA_BITS} or more: create a longer one`);
}

function remoteKey(
  signer: { readonly sign: Signer },
  { algorithm, keyId }: ClientKey,
  options: SupplyOptions | undefined,
): SigningKey {
  if (algorithm === undefined) {
    throw new McpOAuthError('invalid_options', 'Set `algorithm` to what `privateKey.sign` signs with.', {
      stage: 'token',
    });
  }
  return {
    algorithm,
    keyId,
    sign: async (input) => {
      const signature: unknown = await supplied(
        // As a method: a KMS client may need its `this`.
        () => signer.sign(input, algorithm),
        'The function in `privateKey.sign`',
        options,
      );
      return checkedSignature(signature, algorithm);
    },
  };
}

function checkedSignature(signature: unknown, algorithm: SigningAlgorithm): Uint8Array {
  const wrong = (problem: string) =>
    new McpOAuthError('invalid_options', `The function in \`privateKey.sign\` gave ${problem}.`, { stage: 'token' });
  if (!(signature instanceof Uint8Array)) throw wrong('no Uint8Array');
  const { length } = signature;
  if (algorithm === 'RS256' || algorithm === 'PS256') {
    if (length >= SHORTEST_RSA_BITS / 8 && length <= LONGEST_SIGNATURE) return signature;
    throw wrong(`${length} bytes, which are no ${algorithm} signature`);
  }
  if (length === 64) return signature;
  const der = algorithm === 'ES256' && signature[0] === 0x30;
  throw wrong(
    der
      ? 'an ES256 signature in DER: turn it into R and S, 32 bytes each'
      : `${length} bytes; an ${algorithm} signature has 64`,
  );
}

function isSigner(value: unknown): value is { readonly sign: Signer } {
  return typeof value === 'object' && value !== null && 'sign' in value && typeof value.sign === 'function';
}

function isCryptoKey(value: unknown): value is CryptoKey {
  return typeof value === 'object' && value !== null && 'algorithm' in value && 'usages' in value;
}

function isJwk(value: unknown): value is JsonWebKey & { kid?: unknown } {
  return typeof value === 'object' && value !== null && 'kty' in value;
}
