import { coerceNumber, type JsonObject, joinList, withoutNulls } from './json.js';
import { errorBehindSuccess } from './normalize-error.js';
import type { Answer } from './normalize-token.js';

/** No error code has spaces or quotes in it. */
const SENTENCE = /[\s"]/;
const UNKNOWN_MEMBER = /\b(?:unrecogni[sz]ed|unknown|unexpected|unsupported) (?:field|member|parameter|property)\b/i;
/** Statuses of a request that was understood and refused for what is in it. */
const REFUSED_CONTENT: ReadonlySet<number> = new Set([400, 422]);

/**
 * A registration answer as RFC 7591 section 3.2 wants it: 201 for a client, a status of failure for an error, numbers
 * as numbers.
 */
export function normalizeRegistration({ status, body }: Answer): Answer {
  const result = withoutNulls(body);
  const succeeded = status >= 200 && status < 300;
  const id = result['client_id'];
  if (Number.isSafeInteger(id)) result['client_id'] = String(id);
  if (typeof result['client_id'] !== 'string') {
    const error = result['error'];
    if (succeeded && typeof error === 'string' && error !== '') return errorBehindSuccess(result, error);
    return { status, body: REFUSED_CONTENT.has(status) ? withStandardCode(result) : result };
  }
  coerceNumber(result, 'client_id_issued_at');
  coerceNumber(result, 'client_secret_expires_at');
  joinList(result, 'scope');
  // A public client has no secret; an empty one is how some servers say so.
  if (result['client_secret'] === '') delete result['client_secret'];
  // Required beside a secret, and often left out: then nothing says that it expires.
  if ('client_secret' in result) result['client_secret_expires_at'] ??= 0;
  return { status: succeeded ? 201 : status, body: result };
}

/**
 * Keycloak puts a sentence where the code belongs when it does not know a member: what RFC 7591 has a code for gets it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3.2.2 | RFC 7591 section 3.2.2}
 */
function withStandardCode(body: JsonObject): JsonObject {
  const { error, error_description: description } = body;
  if (typeof error !== 'string') return body;
  const isAboutMember = typeof description === 'string' && UNKNOWN_MEMBER.test(description);
  if (!SENTENCE.test(error) && !isAboutMember) return body;
  return { error_description: error, ...body, error: 'invalid_client_metadata' };
}
