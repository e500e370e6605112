import * as oauth from 'oauth4webapi';
import { McpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import { redact } from '../http/redact.js';
import { excerpt } from '../http/text.js';
import { numberedRemedy, oauthErrorCode } from '../oauth-error.js';
import type { AuthorizationServerMetadata } from '../types.js';

/** What {@link validateCallback} is given. */
export interface CallbackParameters {
  /** Its metadata: the `issuer` that `iss` has to name, and whether there has to be an `iss`. RFC 9207 section 2.4. */
  authorizationServer: AuthorizationServerMetadata;
  /** The client id of the authorization request. RFC 6749 section 2.2. */
  clientId: string;
  /** The whole URL that the browser was sent to. */
  url: URL;
  /** The `state` of the sign-in that the callback is to complete. */
  state: string;
}

/** RFC 6749 section 3.1: none of them more than once. */
const SINGLE = ['code', 'error', 'error_description', 'error_uri', 'response', 'id_token', 'token', 'access_token'];
/** RFC 6749 appendix A.11. */
const CODE = /^[\x20-\x7e]+$/;

/**
 * Checks an authorization response: `state` before anything else, `iss` before the code or an error is looked at. Where
 * one of them is wrong, no text of the server is repeated.
 *
 * @param parameters - The callback, and what it has to match.
 * @returns The parameters, for `exchangeCode`.
 * @throws {@link McpOAuthError} `state_mismatch`; `issuer_mismatch`, also where `iss` is missing although the server
 * announces it; `access_denied` or `authorization_failed` with the server's error; `invalid_callback`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2 | RFC 6749 section 4.1.2},
 * {@link https://www.rfc-editor.org/rfc/rfc9207.html#section-2.4 | RFC 9207 section 2.4}
 */
export function validateCallback({ authorizationServer, clientId, url, state }: CallbackParameters): URLSearchParams {
  const parameters = url.searchParams;
  assertState(parameters, state);
  assertIssuer(parameters, authorizationServer);
  if (SINGLE.some((name) => parameters.getAll(name).length > 1)) throw invalid('contains a parameter twice');
  if (parameters.has('error')) throw refused(parameters, state);
  if (!CODE.test(parameters.get('code') ?? '')) throw invalid('contains no authorization code');
  try {
    return oauth.validateAuthResponse(
      authorizationServer as oauth.AuthorizationServer,
      { client_id: clientId },
      parameters,
      state,
    );
  } catch {
    // Only forms of response remain that were not asked for; what was thrown carries the code.
    throw invalid('is of another kind than the one that was asked for');
  }
}

function assertState(parameters: URLSearchParams, expected: string): void {
  const states = parameters.getAll('state');
  if (expected !== '' && states.length === 1 && states[0] === expected) return;
  if (states.length > 1) throw invalid('contains `state` twice');
  throw mismatch('state_mismatch', 'The callback belongs to no sign-in that is under way here.');
}

function assertIssuer(parameters: URLSearchParams, authorizationServer: AuthorizationServerMetadata): void {
  const issuers = parameters.getAll('iss');
  if (issuers.length > 1) throw invalid('contains `iss` twice');
  const [issuer] = issuers;
  if (issuer === undefined && authorizationServer.authorization_response_iss_parameter_supported !== true) return;
  // Compared as plain strings: a normalised issuer could be another server's.
  if (issuer === authorizationServer.issuer) return;
  throw mismatch(
    'issuer_mismatch',
    issuer === undefined
      ? 'The callback does not name its issuer although the authorization server says that it always does.'
      : 'The callback comes from another authorization server than the one that the sign-in was sent to.',
  );
}

function refused(parameters: URLSearchParams, state: string): McpOAuthError {
  const oauthError = oauthErrorCode(parameters.get('error'));
  const description = excerpt(redact(parameters.get('error_description') ?? '', [state])).trim();
  const said = [oauthError, description].filter((part) => part !== undefined && part !== '').join(': ');
  if (oauthError === 'access_denied') {
    return new McpOAuthError('access_denied', `Access was denied (${said}). Sign in again to be asked once more.`, {
      stage: 'callback',
      oauthError,
    });
  }
  return new McpOAuthError(
    'authorization_failed',
    `The authorization server ended the sign-in with an error (${said === '' ? 'unreadable' : said}). ${remedy(oauthError, description)}`,
    { stage: 'callback', oauthError },
  );
}

function remedy(oauthError: string | undefined, description: string): string {
  const numbered = numberedRemedy(description);
  if (numbered !== undefined) return `${numbered}.`;
  switch (oauthError) {
    case 'invalid_scope':
      return "Set `scope` to scopes that it knows; `scope: { override: '…' }` where the MCP server names others.";
    case 'invalid_target':
      return 'Set `resource` to the identifier that it knows for this MCP server, or to `false` to omit it.';
    case 'unauthorized_client':
    case 'invalid_client':
      return 'It does not accept this client: check `clientInformation`, or register anew.';
    case 'server_error':
    case 'temporarily_unavailable':
      return 'Try again later.';
    default:
      return 'Try again; if it stays, its operator can tell what is missing.';
  }
}

function mismatch(code: McpOAuthErrorCode, what: string): McpOAuthError {
  return new McpOAuthError(code, `${what} It was ignored. Start the sign-in again.`, { stage: 'callback' });
}

function invalid(what: string): McpOAuthError {
  return new McpOAuthError('invalid_callback', `The callback ${what}. Start the sign-in again.`, { stage: 'callback' });
}
