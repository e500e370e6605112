/** The algorithms that proofs are signed with here. `EdDSA` and `Ed25519` are two names for one. */
export type ProofAlgorithm = 'ES256' | 'EdDSA' | 'Ed25519' | 'RS256' | 'PS256';

/** The first that every server takes is used. */
const PREFERENCE: readonly ProofAlgorithm[] = ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'];

/**
 * The algorithm for proofs, or `undefined` where there is none that all lists have.
 *
 * @param lists - `dpop_signing_alg_values_supported` of each server; `undefined` where it has none, which allows every algorithm.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5.1 | RFC 9449 section 5.1}
 */
export function proofAlgorithm(...lists: readonly (readonly string[] | undefined)[]): ProofAlgorithm | undefined {
  return PREFERENCE.find((name) => lists.every((list) => list === undefined || list.includes(name)));
}

/** Whether `value` names an algorithm that this library signs proofs with. */
export function isProofAlgorithm(value: unknown): value is ProofAlgorithm {
  return PREFERENCE.some((name) => name === value);
}
