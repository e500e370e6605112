import { coerceNumber, joinList, withoutNulls } from './json.js';
import { errorBehindSuccess } from './normalize-error.js';
import type { Answer } from './normalize-token.js';

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
    return { status, body: result };
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
