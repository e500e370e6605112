import { coerceNumber, withoutNulls } from './json.js';
import { errorBehindSuccess } from './normalize-error.js';
import type { Answer } from './normalize-token.js';

/** Names that early implementations of the draft still use. */
const FORMER_NAMES = [
  ['verification_url', 'verification_uri'],
  ['verification_url_complete', 'verification_uri_complete'],
] as const;

/**
 * A device authorization answer as RFC 8628 section 3.2 wants it: an error has a status of failure, numbers are numbers,
 * the URLs have the names of the RFC.
 */
export function normalizeDeviceAuthorization({ status, body }: Answer): Answer {
  const result = withoutNulls(body);
  const succeeded = status >= 200 && status < 300;
  if (result['device_code'] === undefined) {
    const error = result['error'];
    if (succeeded && typeof error === 'string' && error !== '') return errorBehindSuccess(result, error);
    return { status, body: result };
  }
  coerceNumber(result, 'expires_in');
  coerceNumber(result, 'interval');
  for (const [former, name] of FORMER_NAMES) result[name] ??= result[former];
  return { status: succeeded ? 200 : status, body: result };
}
