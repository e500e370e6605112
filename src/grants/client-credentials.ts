import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { formatScope } from '../scope.js';
import type { ClientContext } from './client-authentication.js';
import { machineRefused } from './machine-refusal.js';
import { additionalParameters, type GrantOptions, requestTokens } from './token-request.js';
import { readTokenResponse, type TokenResult, withoutRefreshToken } from './token-response.js';

/** What {@link requestClientCredentials} is given: a client with a secret or a key. */
export interface ClientCredentialsParameters extends ClientContext {
  /** The scopes to ask for; where it is absent or empty, none is sent. RFC 6749 section 4.4.2. */
  scope?: readonly string[] | undefined;
  /** The resource indicator, sent verbatim. */
  resource?: string | undefined;
  /** Further parameters of the token request. */
  tokenParameters?: Readonly<Record<string, string>> | undefined;
}

/**
 * Gets an access token for the client itself. What is temporary is tried up to three times; a refusal is final. A refresh
 * token in the answer is dropped: the credentials give a new access token at any time.
 *
 * @param p - What is asked for, of whom, by which client.
 * @param options - How to make requests, and by which clock.
 * @returns The tokens, without a refresh token.
 * @throws {@link McpOAuthError} `invalid_options` without secret and key, or where one of them cannot be used; `invalid_client`;
 * `token_request_failed` with the server's error; `server_unavailable`, `network_error` or `timeout` where trying again later
 * helps; `invalid_response`; `dpop_failed`; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.4 | RFC 6749 section 4.4},
 * {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-2.2 | RFC 7523 section 2.2},
 * {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2.2 | RFC 8707 section 2.2}
 */
export async function requestClientCredentials(
  p: ClientCredentialsParameters,
  options?: GrantOptions,
): Promise<TokenResult> {
  assertConfidential(p);
  const scope = formatScope(p.scope ?? []);
  const parameters = additionalParameters(p.tokenParameters, {
    resource: p.resource,
    ...(scope === '' ? {} : { scope }),
  });
  const { response, client } = await requestTokens(
    p,
    {
      parameters,
      secrets: [],
      send: (server, protocolClient, authentication, requestOptions) =>
        oauth.clientCredentialsGrantRequest(server, protocolClient, authentication, parameters, requestOptions),
      mayRepeat: () => true,
      afterTemporary: 'Nothing was lost: try again later.',
      afterRefusal: (answer) => machineRefused(answer, p),
    },
    options,
  );
  const result = await readTokenResponse(response, {
    authorizationServer: p.authorizationServer,
    client,
    clock: options?.clock ?? systemClock,
    requestedScope: p.scope,
    dpop: p.dpop,
    process: oauth.processClientCredentialsResponse,
  });
  return withoutRefreshToken(client === p.client ? result : { ...result, client });
}

/** RFC 6749 section 4.4: for confidential clients only. */
function assertConfidential({ client, clientSecret, clientKey }: ClientContext): void {
  if (clientSecret !== undefined || clientKey !== undefined || (client.client_secret ?? '') !== '') return;
  throw new McpOAuthError(
    'invalid_options',
    'A client without secret and key cannot get a token for itself: set `clientSecret`, or use privateKeyJwt() with a ' +
      '`privateKey`.',
    { stage: 'token' },
  );
}
