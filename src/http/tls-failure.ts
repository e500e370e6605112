import { findMcpOAuthError, McpOAuthError, type Stage } from '../errors.js';
import { networkFailure, safeCause } from './failure.js';

const UNKNOWN_AUTHORITY =
  'Its certificate comes from an authority that this machine does not know. Where a company or a proxy that looks into TLS has one of its own, start the program with NODE_EXTRA_CA_CERTS set to the file of its CA certificates (PEM)';

/** What Node and OpenSSL call it where a certificate is not trusted, and what can be done about it. */
const REASONS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is for another host name. Check the URL, or ask its operator',
  CERT_HAS_EXPIRED: "Its certificate has expired. Check this machine's clock, then ask its operator to renew it",
  CERT_NOT_YET_VALID: "Its certificate is not valid yet. Check this machine's clock, then ask its operator",
  CERT_REVOKED: 'Its certificate was revoked. Ask its operator',
};
const OTHER_REASON = 'The TLS handshake failed. Check that https is spoken on this host and port, or ask its operator';
const NO_TLS = 'It does not speak TLS; for a server on this machine write http://';
const NO_TLS_CODES: ReadonlySet<string> = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);
const NO_TLS_WORDS = /wrong version number|packet length too long/i;
const HANDSHAKE = /^(ERR_SSL_|ERR_TLS_|EPROTO$|CERT_|CRL_|INVALID_CA$|PATH_LENGTH_EXCEEDED$|INVALID_PURPOSE$)/;

/** What a failed `fetch` means. */
export function connectionFailure(
  error: unknown,
  stage: Stage,
  what: string,
  secrets: readonly (string | undefined)[] = [],
): McpOAuthError {
  return tlsFailure(error, stage, what, secrets) ?? networkFailure(error, stage, what, secrets);
}

/**
 * The error of a request that ended in the TLS handshake; `undefined` where it ended elsewhere.
 *
 * @param what The URL, as it may stand in a message.
 */
export function tlsFailure(
  error: unknown,
  stage: Stage,
  what: string,
  secrets: readonly (string | undefined)[] = [],
): McpOAuthError | undefined {
  // What this library said inside is nearer to the truth.
  if (findMcpOAuthError(error) !== undefined) return undefined;
  const cause = safeCause(error, secrets);
  const code = errorCode(cause);
  if (code === undefined) return undefined;
  const reason = reasonFor(code, cause);
  if (reason === undefined) return undefined;
  return new McpOAuthError('network_error', `${what} could not be trusted (${code}). ${reason}. Nothing was sent.`, {
    stage,
    cause,
  });
}

function reasonFor(code: string, cause: Error | undefined): string | undefined {
  if (Object.hasOwn(REASONS, code)) return REASONS[code];
  if (NO_TLS_CODES.has(code) || (code === 'EPROTO' && saysNoTls(cause))) return NO_TLS;
  return HANDSHAKE.test(code) ? OTHER_REASON : undefined;
}

/** Some versions of Node have one code for every failure of the handshake. */
function saysNoTls(error: Error | undefined): boolean {
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    if (NO_TLS_WORDS.test(current.message)) return true;
  }
  return false;
}

/** The first code in a chain of causes. */
export function errorCode(error: Error | undefined): string | undefined {
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    if ('code' in current && typeof current.code === 'string') return current.code;
  }
  return undefined;
}
