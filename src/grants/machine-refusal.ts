import type { McpOAuthError } from '../errors.js';
import type { OAuthErrorAnswer } from '../oauth-error.js';
import { type ClientContext, keyRemedy } from './client-authentication.js';
import { clientRefused, requestRefused } from './token-request.js';

/**
 * A refused request of a grant without a person, with what helps.
 *
 * @param afterInvalidGrant - What helps against `invalid_grant`, a sentence.
 */
export function machineRefused(
  answer: OAuthErrorAnswer,
  context: ClientContext,
  afterInvalidGrant?: string,
): McpOAuthError {
  if (answer.error === 'invalid_client')
    return clientRefused(answer, 'token', keyRemedy(context) ?? secretRemedy(context));
  if (answer.error === 'invalid_grant' && afterInvalidGrant !== undefined) {
    return requestRefused(answer, afterInvalidGrant);
  }
  return requestRefused(answer, remedy(answer.error));
}

function secretRemedy({ clientSecret, client }: ClientContext): string {
  if (clientSecret === undefined && client.client_secret === undefined) {
    return 'It wants to know the client: set `clientId`, and `clientSecret` if it gave one.';
  }
  return (
    'Check `clientId` and `clientSecret`: the secret may have expired or been replaced, so get the present one from its ' +
    'operator, or set a function that does.'
  );
}

function remedy(error: string | undefined): string {
  switch (error) {
    case 'invalid_scope':
      return 'Set `scope` to scopes that this client may have.';
    case 'invalid_target':
      return 'Set `resource` to the identifier that it knows for this MCP server, or to `false` to omit it.';
    case 'unauthorized_client':
    case 'unsupported_grant_type':
      return 'Its operator has to allow this grant for this client, or set another `grant`.';
    default:
      return 'Its operator can tell what is missing.';
  }
}
