import { coerceNumber, isJsonObject, type JsonObject, joinList, withoutNulls } from './json.js';
import { errorBehindSuccess } from './normalize-error.js';

/** The token types of providers that mean a bearer token by them. */
const BEARER_BY_ANOTHER_NAME: ReadonlySet<string> = new Set(['user', 'bot']);

/** An answer on its way to what the RFCs say. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/**
 * A token answer as RFC 6749 sections 5.1 and 5.2 want it: an error has a status of failure, a success 200, the token
 * is at the top, numbers are numbers, scopes are separated by spaces.
 */
export function normalizeToken({ status, body }: Answer): Answer {
  const result = liftNestedToken(withoutNulls(body));
  const succeeded = status >= 200 && status < 300;
  const error = result['error'];
  // `ok: false` is how Slack says that nothing else in the answer counts.
  const isError = typeof result['access_token'] !== 'string' || result['ok'] === false;
  if (isError) {
    if (succeeded && typeof error === 'string' && error !== '') return errorBehindSuccess(result, error);
    return { status, body: result };
  }
  coerceNumber(result, 'expires_in');
  normalizeTokenType(result);
  normalizeScope(result);
  // Form-encoded answers have empty members where JSON has none.
  for (const name of ['refresh_token', 'id_token']) if (result[name] === '') delete result[name];
  return { status: succeeded ? 200 : status, body: result };
}

/** `oauth.v2.access` of Slack has a user's token, with all that belongs to it, inside `authed_user`. */
function liftNestedToken(body: JsonObject): JsonObject {
  const nested = body['authed_user'];
  if ('access_token' in body || !isJsonObject(nested) || typeof nested['access_token'] !== 'string') return body;
  const { access_token, token_type, scope, refresh_token, expires_in } = nested;
  const lifted = withoutNulls({
    access_token,
    token_type: token_type ?? null,
    scope: scope ?? null,
    refresh_token: refresh_token ?? null,
    expires_in: expires_in ?? null,
  });
  return { ...body, ...lifted };
}

function normalizeTokenType(body: JsonObject): void {
  const { token_type: type = '' } = body;
  // A list of types is not none: nobody knows what such a token is.
  if (typeof type === 'object') return;
  const known = typeof type === 'string' && !BEARER_BY_ANOTHER_NAME.has(type.toLowerCase());
  if (!known || type === '') body['token_type'] = 'bearer';
}

/** GitHub and Slack separate scopes by commas. A comma may be part of a scope, but none is known that has one. */
function normalizeScope(body: JsonObject): void {
  joinList(body, 'scope');
  const scope = body['scope'];
  if (typeof scope === 'string' && scope.includes(',') && !scope.trim().includes(' ')) {
    body['scope'] = scope.split(',').filter(Boolean).join(' ');
  }
}

/** The members of a form-encoded token answer, or `undefined` where the text is something else. */
export function parseForm(text: string): JsonObject | undefined {
  if (!/^[\w.%+~-]+=[^\s<>{}]*$/.test(text.trim())) return undefined;
  const members = Object.fromEntries(new URLSearchParams(text.trim()));
  return 'access_token' in members || 'error' in members ? members : undefined;
}
