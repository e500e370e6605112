import { proofErrorOf, withProofRetries } from './proof-refusal.js';
import type { DpopHeaders, DpopProver, TokenCarrier } from './prover.js';

/** A request to the protected resource, and whether it can be sent again. */
export interface ResourceRequest extends TokenCarrier {
  readonly replayable: boolean;
}

/**
 * Sends a request with a bound token: with a fresh proof each time, and once more where the resource wants its nonce or its time in it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-7.1 | RFC 9449 section 7.1}
 */
export function sendWithProof(
  prover: DpopProver,
  request: ResourceRequest,
  send: (headers: DpopHeaders) => Promise<Response>,
): Promise<Response> {
  return withProofRetries(
    prover,
    request.url.origin,
    () => prover.sendToken(request, send),
    (response) => {
      const error = request.replayable ? proofErrorOf(response) : undefined;
      return error === undefined ? undefined : { error, response };
    },
  );
}
