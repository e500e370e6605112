import type { JsonObject } from './json.js';

/** What providers with error codes of their own answer, with status 200, for what RFC 6749 section 5.2 has a code for. */
const STANDARD_CODES: Readonly<Record<string, string>> = {
  bad_verification_code: 'invalid_grant',
  bad_refresh_token: 'invalid_grant',
  invalid_code: 'invalid_grant',
  code_already_used: 'invalid_grant',
  code_expired: 'invalid_grant',
  invalid_refresh_token: 'invalid_grant',
  incorrect_client_credentials: 'invalid_client',
  bad_client_secret: 'invalid_client',
  invalid_client_id: 'invalid_client',
};

/** What says that the server is at fault, or busy, and that nothing was decided about a credential. */
const TEMPORARY: ReadonlySet<string> = new Set([
  'server_error',
  'temporarily_unavailable',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'ratelimited',
  'rate_limited',
]);

/**
 * An error that came with a status of success, with the status it should have had: 503 where the server is at fault,
 * else 400. A provider's own code is replaced by the standard one and kept in the description.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 | RFC 6749 section 5.2}
 */
export function errorBehindSuccess(body: JsonObject, error: string): { status: number; body: JsonObject } {
  if (TEMPORARY.has(error)) return { status: 503, body };
  const standard = Object.hasOwn(STANDARD_CODES, error) ? STANDARD_CODES[error] : undefined;
  if (standard === undefined) return { status: 400, body };
  return { status: 400, body: { error_description: error, ...body, error: standard } };
}
