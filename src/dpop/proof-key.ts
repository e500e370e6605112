import { McpOAuthError } from '../errors.js';
import { isProofAlgorithm, type ProofAlgorithm } from './algorithm.js';

/** The private key of a session as a JWK with its `alg`. A secret: it is stored where the refresh token is, and nowhere else. */
export interface ProofKey extends Readonly<JsonWebKey> {
  /** The type of the key: `EC`, `OKP` or `RSA`. RFC 7517 section 4.1. */
  readonly kty: string;
  /** What proofs are signed with. RFC 7517 section 4.4. */
  readonly alg: ProofAlgorithm;
}

const RSA = { hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
const PARAMETERS: Readonly<Record<ProofAlgorithm, RsaHashedKeyGenParams | EcKeyGenParams | Algorithm>> = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' } as EcKeyGenParams,
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', ...RSA },
  PS256: { name: 'RSA-PSS', ...RSA },
};
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;

/**
 * A fresh key for one session.
 *
 * @param algorithm - What its proofs will be signed with.
 * @returns The private key, of 256 bits on a curve or 2048 bits of RSA.
 * @throws `NotSupportedError` of the platform where it does not know the algorithm
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-4.2 | RFC 9449 section 4.2}
 */
export async function generateProofKey(algorithm: ProofAlgorithm): Promise<ProofKey> {
  const pair = (await crypto.subtle.generateKey(PARAMETERS[algorithm], true, ['sign', 'verify'])) as CryptoKeyPair;
  const exported = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const key = pick(exported, [...PUBLIC_MEMBERS, ...PRIVATE_MEMBERS]);
  return { ...key, kty: exported.kty ?? '', alg: algorithm };
}

/**
 * The key as it is used: its private half cannot be exported any more.
 *
 * @throws McpOAuthError `store_unreadable` where it is no key
 */
export async function importProofKey(key: ProofKey): Promise<CryptoKeyPair> {
  const parameters = PARAMETERS[key.alg];
  try {
    const [privateKey, publicKey] = await Promise.all([
      crypto.subtle.importKey('jwk', pick(key, [...PUBLIC_MEMBERS, ...PRIVATE_MEMBERS]), parameters, false, ['sign']),
      crypto.subtle.importKey('jwk', pick(key, PUBLIC_MEMBERS), parameters, true, ['verify']),
    ]);
    return { privateKey, publicKey };
  } catch {
    // The platform's own error may quote what it could not read.
    throw damagedKey();
  }
}

/** Whether a stored value has the shape of a {@link ProofKey}. */
export function isProofKey(value: unknown): value is ProofKey {
  if (typeof value !== 'object' || value === null) return false;
  const { kty, alg, d } = value as Partial<ProofKey>;
  return typeof kty === 'string' && typeof d === 'string' && isProofAlgorithm(alg);
}

/** The key that tokens are bound to is not there, or is none. */
export function damagedKey(): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    'The stored session is bound to a key (DPoP) that is missing or damaged, so its tokens cannot be used. Sign out and sign in again.',
    { stage: 'store' },
  );
}

function pick(key: JsonWebKey, members: readonly (keyof JsonWebKey)[]): JsonWebKey {
  return Object.fromEntries(members.filter((name) => key[name] !== undefined).map((name) => [name, key[name]]));
}
