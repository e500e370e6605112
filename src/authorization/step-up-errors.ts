import type { Challenge } from '../challenge.js';
import { McpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import { formatScope, parseScope } from '../scope.js';

/** No consent dialog can show more scopes than this so that a person can judge them. */
const MOST_SCOPES = 50;
/** What all of them together may take, in characters: they travel in a URL, beside those that the session has. */
const LONGEST_SCOPE = 4_096;

/**
 * The scopes that a refused operation needs: what of the challenge follows the grammar.
 *
 * @throws McpOAuthError `insufficient_scope` where it names none, or more than a person can judge
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-3.3 | RFC 6749 section 3.3}
 */
export function requiredScope({ parameters }: Challenge): string[] {
  const scope = parameters['scope'];
  const required = parseScope(scope);
  if (required.length > MOST_SCOPES || (scope?.length ?? 0) > LONGEST_SCOPE) {
    throw failure(
      'insufficient_scope',
      `The MCP server asks for more scopes at once (${required.length} or more, ${scope?.length ?? 0} characters) than a person can judge, so nobody was asked. At most ${MOST_SCOPES} are; its operator has to ask for less, or call authorize({ scope }) with those that are really needed.`,
    );
  }
  if (required.length > 0) return required;
  throw failure(
    'insufficient_scope',
    'The MCP server refused the request for lack of scope but did not say which scope it needs. Ask for it by authorize({ scope }).',
  );
}

/** Asking the user again would not help. */
export function stillInsufficient({ parameters }: Challenge): McpOAuthError {
  return failure(
    'insufficient_scope',
    `The MCP server still asks for more scope (${formatScope(parseScope(parameters['scope']))}) after several step-ups and questions within ten minutes, so nobody is asked for now. Check which scopes the account may grant; authorize({ scope }) asks at once.`,
  );
}

/** Somebody refused, here or at the authorization server. */
export function denied(required: readonly string[], cause?: McpOAuthError): McpOAuthError {
  return failure(
    'step_up_denied',
    `More scope (${formatScope(required)}) was asked for and not granted. It is not asked for again until authorize() is called.`,
    cause,
  );
}

/** Somebody did not want to decide now. */
export function postponed(required: readonly string[]): McpOAuthError {
  return failure(
    'step_up_postponed',
    `More scope (${formatScope(required)}) is needed, and the answer was "not now". An attempt after a minute asks again; authorize({ scope }) asks at once.`,
  );
}

function failure(code: McpOAuthErrorCode, message: string, cause?: McpOAuthError): McpOAuthError {
  return new McpOAuthError(code, message, {
    stage: 'step-up',
    status: 403,
    oauthError: 'insufficient_scope',
    cause,
  });
}
