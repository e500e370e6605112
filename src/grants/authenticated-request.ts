import * as oauth from 'oauth4webapi';
import type { Http, Purpose } from '../http/index.js';
import { type OAuthErrorAnswer, protocolError, readErrorAnswer } from '../oauth-error.js';
import type { ClientInformation } from '../types.js';
import { type ClientContext, clientAuthentication, withRawCredentials } from './client-authentication.js';

/** A request to an endpoint of the authorization server where the client has to say who it is. */
export interface AuthenticatedRequest {
  readonly purpose: Extract<Purpose, 'token' | 'revocation'>;
  readonly parameters: Readonly<Record<string, string>>;
  /** Values that an error message must not repeat, should the server echo them. */
  readonly secrets: readonly (string | undefined)[];
  /** Sends the request with oauth4webapi. */
  readonly send: (
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    authentication: oauth.ClientAuth,
    options: oauth.TokenEndpointRequestOptions,
  ) => Promise<Response>;
}

/** How a request was answered. */
export interface Exchange {
  readonly response: Response;
  /** The client as it had to be presented. */
  readonly client: ClientInformation;
  /** What the server refused with; `undefined` after a success. */
  readonly refusal: OAuthErrorAnswer | undefined;
}

/**
 * Sends the request; where the server does not recognise the client, once more with raw Basic credentials, if those
 * differ.
 */
export async function sendAuthenticated(
  http: Http,
  context: ClientContext,
  request: AuthenticatedRequest,
  signal: AbortSignal | undefined,
): Promise<Exchange> {
  const first = await present(http, context, request, signal);
  if (first.refusal?.error !== 'invalid_client') return first;
  const client = withRawCredentials(context);
  if (client === undefined) return first;
  const second = await present(http, { ...context, client }, request, signal);
  return second.refusal?.error === 'invalid_client' ? first : second;
}

async function present(
  http: Http,
  context: ClientContext,
  { purpose, parameters, secrets, send }: AuthenticatedRequest,
  signal: AbortSignal | undefined,
): Promise<Exchange> {
  const { authorizationServer, client } = context;
  const authentication = clientAuthentication(context);
  let response: Response;
  try {
    // Nothing of a registration answer but the id: members such as `require_auth_time` would change what is accepted.
    const protocolClient = { client_id: client.client_id };
    response = await send(authorizationServer as oauth.AuthorizationServer, protocolClient, authentication, {
      [oauth.customFetch]: http.fetchFor(purpose, signal),
      [oauth.allowInsecureRequests]: true,
      additionalParameters: { ...parameters },
    });
  } catch (error) {
    throw protocolError(error, 'token', `The ${purpose} request`);
  }
  if (response.ok) return { response, client, refusal: undefined };
  return { response, client, refusal: await readErrorAnswer(response, [...secrets, client.client_secret]) };
}
