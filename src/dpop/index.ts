export type { ProofAlgorithm } from './algorithm.js';
export { bindingAlgorithm, type DpopOption } from './binding.js';
export { cannotCarryProofs, notBound, proofRefused } from './errors.js';
export { damagedKey, generateProofKey, isProofKey, type ProofKey } from './proof-key.js';
export { isProofError, proofErrorOf, withProofRetries } from './proof-refusal.js';
export { createProver, type DpopHeaders, type DpopProver, type TokenCarrier } from './prover.js';
export { sendWithProof } from './resource-request.js';
export type { ServerClocks } from './server-clocks.js';
