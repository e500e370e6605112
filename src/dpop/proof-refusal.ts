import { parseChallenges } from '../challenge.js';
import { isUsableNonce } from './nonce.js';
import type { DpopProver } from './prover.js';
import { differ } from './server-clocks.js';

/** An answer that refuses a proof. */
export interface ProofRefusal {
  /** The `error` of the challenge or of the body. */
  readonly error: string | undefined;
  readonly response: Response;
}

const ERRORS: ReadonlySet<string | undefined> = new Set(['use_dpop_nonce', 'invalid_dpop_proof']);

/** Whether an OAuth error is about the proof, so that nothing is said about token, code or client. */
export function isProofError(error: string | undefined): boolean {
  return ERRORS.has(error);
}

/**
 * The error by which a resource refuses a proof, where it does.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-7.1 | RFC 9449 sections 7.1 and 9}
 */
export function proofErrorOf(response: Response): string | undefined {
  if (response.status !== 401) return undefined;
  const errors = parseChallenges(response).map(({ scheme, parameters }) =>
    scheme === 'dpop' ? parameters['error'] : undefined,
  );
  return errors.find(isProofError);
}

/**
 * Sends, and sends again where another proof may do: once with the nonce that the server gave, and once with the server's time.
 * Each proof is made anew, so that no `jti` is sent twice.
 *
 * @param origin - Where the requests go.
 * @param refusalIn - What refuses the proof in an answer; `undefined` where nothing does, or where the request cannot be sent again.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-8 | RFC 9449 sections 8 and 11.1}
 */
export async function withProofRetries<T>(
  { clocks }: DpopProver,
  origin: string,
  send: () => Promise<T>,
  refusalIn: (answer: T) => ProofRefusal | undefined,
): Promise<T> {
  const tried = new Set<string>();
  for (;;) {
    const offset = clocks.offsetAt(origin);
    const answer = await send();
    const refusal = refusalIn(answer);
    if (refusal?.error === 'invalid_dpop_proof') clocks.learn(origin, refusal.response);
    // Another request may have learnt it meanwhile: what counts is the time that this proof had.
    const isLate = differ(clocks.offsetAt(origin), offset);
    const remedy = refusal && remedyFor(refusal, isLate);
    if (refusal === undefined || remedy === undefined || tried.has(remedy)) return answer;
    tried.add(remedy);
    // Not awaited: the next proof takes the nonce of this answer, and not of one that comes meanwhile.
    refusal.response.body?.cancel().catch(() => undefined);
  }
}

function remedyFor({ error, response }: ProofRefusal, isLate: boolean): 'nonce' | 'time' | undefined {
  if (error === 'use_dpop_nonce') return isUsableNonce(response.headers.get('dpop-nonce')) ? 'nonce' : undefined;
  return error === 'invalid_dpop_proof' && isLate ? 'time' : undefined;
}
