import type { SigningAlgorithm } from '../client-key.js';
import { McpOAuthError } from '../errors.js';

/** An algorithm in the terms of WebCrypto. */
export interface Primitive {
  readonly importAs: RsaHashedImportParams | EcKeyImportParams | Algorithm;
  readonly signWith: RsaPssParams | EcdsaParams | Algorithm;
}

const SHA256 = 'SHA-256';

/** @see {@link https://www.rfc-editor.org/rfc/rfc7518.html#section-3.1 | RFC 7518 section 3.1}, {@link https://www.rfc-editor.org/rfc/rfc8037.html#section-3.1 | RFC 8037 section 3.1} */
export const PRIMITIVES: Readonly<Record<SigningAlgorithm, Primitive>> = {
  RS256: {
    importAs: { name: 'RSASSA-PKCS1-v1_5', hash: SHA256 },
    signWith: { name: 'RSASSA-PKCS1-v1_5' },
  },
  PS256: {
    importAs: { name: 'RSA-PSS', hash: SHA256 },
    signWith: { name: 'RSA-PSS', saltLength: 32 },
  },
  ES256: {
    importAs: { name: 'ECDSA', namedCurve: 'P-256' },
    signWith: { name: 'ECDSA', hash: SHA256 },
  },
  EdDSA: { importAs: { name: 'Ed25519' }, signWith: { name: 'Ed25519' } },
};

/** The kinds of key, as messages name them, and what each can sign with. */
const FITTING: Readonly<Record<string, readonly SigningAlgorithm[]>> = {
  RSA: ['RS256', 'PS256'],
  'EC P-256': ['ES256'],
  Ed25519: ['EdDSA'],
  'RSASSA-PKCS1-v1_5 SHA-256': ['RS256'],
  'RSA-PSS SHA-256': ['PS256'],
};

/**
 * The algorithm for a key: the one that was asked for, else the only one that fits.
 *
 * @param kind - The kind of the key, as above or otherwise.
 * @throws {@link McpOAuthError} `invalid_options` where the two do not match, or where it has to be said which.
 */
export function algorithmFor(kind: string, asked: SigningAlgorithm | undefined): SigningAlgorithm {
  assertKnown(asked);
  const fitting = Object.hasOwn(FITTING, kind) ? FITTING[kind] : undefined;
  if (fitting === undefined) {
    throw invalidKey(`is of a kind that nothing supported here signs with (${kind}): use RSA, EC P-256 or Ed25519`);
  }
  const names = fitting.join(' or ');
  if (asked !== undefined) {
    if (fitting.includes(asked)) return asked;
    throw invalidKey(`and \`algorithm\` do not match: the key (${kind}) signs with ${names}, not with ${asked}`);
  }
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return only;
  throw invalidKey(`(${kind}) fits more than one algorithm: set \`algorithm\` to ${names}, as it is registered`);
}

/** Throws `invalid_options` for an algorithm that is not one of ours. */
export function assertKnown(algorithm: SigningAlgorithm | undefined): void {
  if (algorithm === undefined || Object.hasOwn(PRIMITIVES, algorithm)) return;
  const known = Object.keys(PRIMITIVES).join(', ');
  throw new McpOAuthError('invalid_options', `\`algorithm\` must be one of ${known}.`, { stage: 'token' });
}

/** An error about the private key; `problem` follows its name, without a full stop. */
export function invalidKey(problem: string): McpOAuthError {
  return new McpOAuthError('invalid_options', `The \`privateKey\` ${problem}.`, { stage: 'token' });
}
