import { McpOAuthError, type Stage } from '../errors.js';

/** The authorization server answered a request with a proof by a token that is not bound. */
export function notBound(): McpOAuthError {
  return new McpOAuthError(
    'dpop_failed',
    'The authorization server did not bind the token to the key of this session (it issued a Bearer token where a DPoP one was ' +
      'asked for), so the token is not used. If its operator gave DPoP up on purpose, leave the `dpop` option out, call signOut() and sign in again.',
    { stage: 'token' },
  );
}

/** A server refuses every proof. */
export function proofRefused(
  who: 'authorization' | 'MCP',
  stage: Stage,
  { status, error }: { readonly status: number; readonly error: string | undefined },
): McpOAuthError {
  const why =
    error === 'use_dpop_nonce'
      ? 'it asks for a nonce and does not take the one that it gave'
      : 'it says that they are not valid';
  return new McpOAuthError(
    'dpop_failed',
    `The ${who} server refuses the proofs (DPoP) of this session: ${why}. Nothing was lost; check its clock and this machine's, ` +
      'and ask its operator about it.',
    { stage, status, oauthError: error },
  );
}

/** The MCP server takes bound tokens alone, and the option that gets them is not set. */
export function optionMissing(): McpOAuthError {
  return new McpOAuthError(
    'invalid_options',
    "The MCP server takes DPoP-bound tokens only (`dpop_bound_access_tokens_required`). Set the option `dpop` to true or 'auto'.",
    { stage: 'configuration' },
  );
}

/** The MCP server takes bound tokens alone, and its authorization server does not say that it issues any. */
export function notOffered(): McpOAuthError {
  return new McpOAuthError(
    'dpop_failed',
    'The MCP server takes DPoP-bound tokens only, but its authorization server does not say that it issues them ' +
      '(`dpop_signing_alg_values_supported`). Set the option `dpop` to true to try all the same, or ask its operator about it.',
    { stage: 'discovery' },
  );
}

/** No algorithm that all sides know. */
export function noAlgorithm(): McpOAuthError {
  return new McpOAuthError(
    'dpop_failed',
    'The MCP server and its authorization server take DPoP proofs by no algorithm that this library signs with ' +
      '(ES256, EdDSA, RS256, PS256). Leave the `dpop` option out, or ask their operators about it.',
    { stage: 'discovery' },
  );
}

/** A token that is worth nothing without a proof was asked for by a way that cannot carry one. */
export function cannotCarryProofs(way: string): McpOAuthError {
  return new McpOAuthError(
    'invalid_options',
    `The tokens of this session are bound to a key (the \`dpop\` option), and ${way} cannot carry the proof that each request needs. ` +
      'Use withOAuth() or the `fetch` of the auth provider.',
    { stage: 'configuration' },
  );
}
