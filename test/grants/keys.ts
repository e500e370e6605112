import { generateKeyPairSync } from 'node:crypto';
import type { SigningAlgorithm } from '../../src/client-key.js';

/** A key pair in the forms that applications have it in. */
export interface TestKey {
  readonly algorithm: SigningAlgorithm;
  /** PKCS #8. */
  readonly pem: string;
  readonly jwk: JsonWebKey;
  readonly publicJwk: JsonWebKey;
}

const MAKERS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
} as const;

export const ALGORITHMS = Object.keys(MAKERS) as SigningAlgorithm[];

export function createKey(algorithm: SigningAlgorithm): TestKey {
  const { privateKey, publicKey } = MAKERS[algorithm]();
  return {
    algorithm,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    jwk: privateKey.export({ format: 'jwk' }) as JsonWebKey,
    publicJwk: publicKey.export({ format: 'jwk' }) as JsonWebKey,
  };
}

/** What no message may contain of a key: the lines of its PEM and the private members of its JWK. */
export function secretsOf({ pem, jwk }: TestKey): string[] {
  const lines = pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
  const { d, p, q, dp, dq, qi } = jwk;
  return [...lines, d, p, q, dp, dq, qi].filter((one) => one !== undefined);
}
