import { McpOAuthError } from '../errors.js';

/** Another caller signed in, or nothing but the sign-in was left to do: there is no token request for the SDK. */
export class SignedInElsewhere extends McpOAuthError {}

export function signedInElsewhere(): McpOAuthError {
  return new SignedInElsewhere('aborted', 'Another request signed in meanwhile. Send this one again.', {
    stage: 'token',
  });
}

export function renewedByMachine(): McpOAuthError {
  return new McpOAuthError(
    'aborted',
    'The token was refused and another one was obtained, of which the SDK has no part. Send the request again; withOAuth() does that by itself.',
    { stage: 'token' },
  );
}

export function nothingToPost(): McpOAuthError {
  return new McpOAuthError(
    'authorization_failed',
    'The sign-in by device code succeeded, but without a refresh token the SDK has nothing to post in the middle of a request. ' +
      'The tokens are stored: connect again. To avoid it, call authorize() first, or use withOAuth().',
    { stage: 'token' },
  );
}

export function clientRefused(): McpOAuthError {
  return new McpOAuthError(
    'invalid_client',
    'The authorization server does not accept this client. Check `clientInformation` (id, secret, authentication method).',
    { stage: 'token', oauthError: 'invalid_client' },
  );
}

export function refusedForGood(): McpOAuthError {
  return new McpOAuthError('token_request_failed', 'The authorization server refused the token request of the SDK.', {
    stage: 'token',
    oauthError: 'invalid_grant',
  });
}

export function neverAsked(): never {
  throw new McpOAuthError(
    'invalid_options',
    'This provider signs in inside prepareTokenRequest(); the SDK has no part in the redirect.',
    {
      stage: 'authorization',
    },
  );
}
