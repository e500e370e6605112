import { isMcpOAuthError, McpOAuthError } from '../errors.js';

/** The MCP server and its authorization server disagree; nobody is asked again because of it. */
export function tokenRejected(): McpOAuthError {
  return new McpOAuthError(
    'token_rejected',
    'The MCP server refuses tokens that its authorization server has just issued. Check that both agree on the resource and on the time; some authorization servers want an `audience` in `authorizationParameters`. authorize() tries again.',
    { stage: 'resource', status: 401 },
  );
}

/** A person was asked often enough in vain; what the last answer was stays true. */
export function notAgain({ code, message, stage, status, oauthError, url }: McpOAuthError): McpOAuthError {
  const why = 'Several sign-ins in a row did not help, so no other is started now; authorize() starts one.';
  return new McpOAuthError(code, `${message} ${why}`, { stage, status, oauthError, url });
}

/** Nobody finished the sign-in in time. */
export function signInTimeout(ms: number): McpOAuthError {
  return new McpOAuthError(
    'sign_in_timeout',
    `Nobody finished the sign-in within ${Math.round(ms / 1000)} s (timeouts.signIn). Start it again.`,
    { stage: 'authorization' },
  );
}

/** The same, where nobody could have finished it: the application did not listen for the event that shows where to go. */
export function unseen(
  { code, message, stage, status, oauthError }: McpOAuthError,
  event: 'authorization_url' | 'device_code',
): McpOAuthError {
  const what = event === 'device_code' ? 'code' : 'URL';
  const why = `No browser could be opened here, and nobody was shown the ${what} (\`onEvent\`: \`${event}\`).`;
  return new McpOAuthError(code, `${why} ${message}`, { stage, status, oauthError });
}

/** The account signed out, here or in another window. */
export function signedOut(): McpOAuthError {
  return new McpOAuthError(
    'signed_out',
    'This account signed out. Call authorize() of the provider to sign in again (with withOAuth: getAuthProvider(transport)?.authorize()).',
    { stage: 'authorization' },
  );
}

/** What a function of the application threw, as an error of this library: a caller meets one kind of error. */
export function asMcpOAuthError(error: unknown): McpOAuthError {
  if (isMcpOAuthError(error)) return error;
  return new McpOAuthError(
    'authorization_failed',
    'A function that the application gave (interactive, onStepUp, clientInformation) failed; its error is the cause.',
    { stage: 'authorization', cause: error },
  );
}

/** A person has to be brought to `url` by the application itself. */
export function authorizationRequired(url: string): McpOAuthError {
  return new McpOAuthError(
    'authorization_required',
    'A person has to sign in: send them to `url`, then call finishAuthorization() with the URL they come back to.',
    { stage: 'authorization', url },
  );
}
