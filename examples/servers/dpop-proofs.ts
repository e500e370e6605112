import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose';

/** What a valid proof says (RFC 9449 section 4.2). */
export interface ProofClaims {
  readonly alg: string;
  /** The thumbprint of its key. */
  readonly jkt: string;
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly ath: string | undefined;
  readonly nonce: string | undefined;
}

/** The request that a proof has to be for. */
export interface ProvenRequest {
  readonly method: string;
  /** Without query and fragment. */
  readonly url: string;
  readonly accessToken?: string;
}

/** Answered as `invalid_dpop_proof`. */
export class InvalidProofError extends Error {
  override readonly name = 'InvalidProofError';
}

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'];

/**
 * Checks a proof as RFC 9449 section 4.3 says, save for time, nonce and replay, which are the caller's.
 *
 * @throws InvalidProofError
 */
export async function verifyProof(proof: string, request: ProvenRequest): Promise<ProofClaims> {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: ALGORITHMS,
    requiredClaims: ['jti', 'htm', 'htu', 'iat'],
  }).catch((error: unknown) => {
    throw new InvalidProofError(String(error));
  });
  const { jti, iat, htm, htu, ath, nonce } = payload;
  if (typeof jti !== 'string' || typeof iat !== 'number') throw new InvalidProofError('jti or iat');
  if (htm !== request.method) throw new InvalidProofError(`htm is ${String(htm)}`);
  if (htu !== request.url) throw new InvalidProofError(`htu is ${String(htu)}`);
  const wanted =
    request.accessToken === undefined
      ? undefined
      : createHash('sha256').update(request.accessToken).digest('base64url');
  if (ath !== wanted) throw new InvalidProofError('ath');
  if (nonce !== undefined && typeof nonce !== 'string') throw new InvalidProofError('nonce');
  const jkt = await calculateJwkThumbprint(protectedHeader.jwk as JWK);
  return { alg: protectedHeader.alg, jkt, jti, htm, htu, iat, ath: wanted, nonce };
}
