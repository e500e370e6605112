import type { AuthorizationServerMetadata, ResourceMetadata } from '../types.js';
import { type ProofAlgorithm, proofAlgorithm } from './algorithm.js';
import { noAlgorithm, notOffered, optionMissing } from './errors.js';

/** The `dpop` option: always, where both servers advertise it, or (`false`, `undefined`) never; a session that is bound stays so. */
export type DpopOption = boolean | 'auto';

/** What decides whether tokens are bound. */
export interface BindingFacts {
  readonly option: DpopOption | undefined;
  readonly authorizationServer: AuthorizationServerMetadata;
  readonly resource: ResourceMetadata | undefined;
  /** Whether the session is bound already: neither what servers advertise nor a window without the option undoes that. */
  readonly bound: boolean;
}

/**
 * The algorithm by which new tokens are to be bound, or `undefined` where Bearer tokens are asked for.
 *
 * @throws McpOAuthError `invalid_options` where the MCP server needs bound tokens and the option is not set; `dpop_failed` where
 * the servers allow none that this library could use
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5.1 | RFC 9449 section 5.1}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-2 | RFC 9728 section 2}
 */
export function bindingAlgorithm({
  option = false,
  authorizationServer,
  resource,
  bound,
}: BindingFacts): ProofAlgorithm | undefined {
  const issued = listOf(authorizationServer.dpop_signing_alg_values_supported);
  const taken = listOf(resource?.dpop_signing_alg_values_supported);
  const required = resource?.dpop_bound_access_tokens_required === true;
  if (option === false && !bound) {
    if (required) throw optionMissing();
    return undefined;
  }
  const optional = option === 'auto' && !bound;
  if (optional && issued === undefined && required) throw notOffered();
  if (optional && (issued === undefined || (taken === undefined && !required))) return undefined;
  const algorithm = proofAlgorithm(issued, taken);
  if (algorithm === undefined && !(optional && !required)) throw noAlgorithm();
  return algorithm;
}

/** A list that says something. */
function listOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const names = value.filter((name) => typeof name === 'string');
  return names.length === 0 ? undefined : names;
}
