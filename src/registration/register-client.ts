import * as oauth from 'oauth4webapi';
import { type Clock, systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { type Http, type RequestOptions, resolveHttp, retryAfterMs, withRetry } from '../http/index.js';
import { ATTEMPTS, ownWaitMs } from '../http/retry.js';
import {
  describeAnswer,
  isNoEndpoint,
  isPage,
  isTemporary,
  type OAuthErrorAnswer,
  protocolError,
  readErrorAnswer,
} from '../oauth-error.js';
import type { AuthorizationServerMetadata, ClientInformation, ClientMetadata } from '../types.js';
import { matchesRedirectUri } from './redirect-uri.js';
import { assertUsable } from './registration-answer.js';
import { minimalRequest, registrationRequest } from './registration-request.js';

/** Options of {@link registerClient}. */
export interface RegisterClientOptions extends RequestOptions {
  /** For servers that register nobody without one. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3 | RFC 7591 section 3} */
  initialAccessToken?: string;
  /** Time as the waits between attempts see it. */
  clock?: Clock;
}

/** A registration is not idempotent, so it is repeated only where the server certainly did not act. */
const NOT_PROCESSED: ReadonlySet<number> = new Set([429, 503]);

/**
 * Registers the client with an authorization server.
 *
 * Grant types, response types, `application_type` and the authentication method (negotiated against the server's
 * metadata, `none` preferred) are filled in where `metadata` does not name them. A server that answers
 * `invalid_client_metadata` is asked once more with the indispensable members only.
 *
 * @param authorizationServer - Metadata with a `registration_endpoint`.
 * @param metadata - At least `redirect_uris`, or `grant_types` that need none.
 * @param options - How to make requests, and what allows the registration.
 * @returns What the server answered; its `token_endpoint_auth_method` counts, whatever was asked for. Its
 * `registration_access_token`, where there is one, is a secret like the `client_secret` (RFC 7592).
 * @throws {@link McpOAuthError} `registration_unavailable` without an endpoint; `registration_failed` where the server refuses, or
 * registers a client that nobody could sign in with; `server_unavailable`, `network_error` or `timeout` where trying again later
 * helps; `invalid_response`; `invalid_options` without `redirect_uris` where a grant needs them; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3 | RFC 7591 section 3}
 */
export async function registerClient(
  authorizationServer: AuthorizationServerMetadata,
  metadata: ClientMetadata,
  options?: RegisterClientOptions,
): Promise<ClientInformation> {
  if (authorizationServer.registration_endpoint === undefined) {
    throw new McpOAuthError(
      'registration_unavailable',
      'The authorization server has no registration endpoint. Set `clientInformation` or `clientMetadataUrl`.',
      { stage: 'registration' },
    );
  }
  const http = resolveHttp(authorizationServer.issuer, options);
  const request = registrationRequest(authorizationServer, metadata);
  const first = await send(http, authorizationServer, request, options);
  if (first instanceof Response) return readRegistration(first, request);
  const minimal = first.error === 'invalid_client_metadata' ? minimalRequest(authorizationServer, request) : undefined;
  if (minimal === undefined) throw refused(first);
  const second = await send(http, authorizationServer, minimal, options);
  if (second instanceof Response) return readRegistration(second, minimal);
  throw refused(second);
}

/** The successful response, or what the server refused with. What is temporary is tried again and then thrown. */
function send(
  http: Http,
  authorizationServer: AuthorizationServerMetadata,
  request: Readonly<Record<string, unknown>>,
  options: RegisterClientOptions | undefined,
): Promise<Response | OAuthErrorAnswer> {
  const { initialAccessToken, signal, clock = systemClock } = options ?? {};
  let waitMs: number | undefined;
  const attempt = async () => {
    waitMs = undefined;
    const response = await post(http, authorizationServer, request, options);
    const mayBeForeign = !isNoEndpoint(response.status) && (await isPage(response));
    if (response.ok && !mayBeForeign) return response;
    const answer = await readErrorAnswer(response, [initialAccessToken]);
    if (mayBeForeign) throw pageInstead(answer);
    if (!isTemporary(answer) || isNoEndpoint(answer.status)) return answer;
    waitMs = NOT_PROCESSED.has(answer.status) ? (retryAfterMs(response, clock.now()) ?? -1) : undefined;
    throw new McpOAuthError(
      'server_unavailable',
      `The authorization server cannot register clients at the moment: ${describeAnswer(answer)}. Try again later.`,
      { stage: 'registration', status: answer.status, oauthError: answer.error },
    );
  };
  return withRetry(attempt, {
    attempts: ATTEMPTS,
    clock,
    ...(signal === undefined ? {} : { signal }),
    retryAfter: ({ code }, number) => {
      if (code !== 'server_unavailable' || waitMs === undefined) return undefined;
      return waitMs >= 0 ? waitMs : ownWaitMs(number);
    },
  });
}

/** Nothing was decided: the next attempt may meet the server itself. */
function pageInstead(answer: OAuthErrorAnswer): McpOAuthError {
  const message =
    `A web page came in place of the registration answer: ${describeAnswer(answer)}. It may be from a proxy, or the sign-in page ` +
    'of this network. Try again later; where it stays although the network is fine, set `clientInformation`.';
  return new McpOAuthError('server_unavailable', message, { stage: 'registration', status: answer.status });
}

async function post(
  http: Http,
  authorizationServer: AuthorizationServerMetadata,
  request: Readonly<Record<string, unknown>>,
  options: RegisterClientOptions | undefined,
): Promise<Response> {
  const { initialAccessToken, signal } = options ?? {};
  try {
    return await oauth.dynamicClientRegistrationRequest(
      authorizationServer as oauth.AuthorizationServer,
      request as Partial<oauth.Client>,
      {
        [oauth.customFetch]: http.fetchFor('registration', signal),
        [oauth.allowInsecureRequests]: true,
        ...(initialAccessToken === undefined ? {} : { initialAccessToken }),
      },
    );
  } catch (error) {
    throw protocolError(error, 'registration', 'The registration endpoint in the metadata');
  }
}

async function readRegistration(
  response: Response,
  request: Readonly<Record<string, unknown>>,
): Promise<ClientInformation> {
  let answer: oauth.OmitSymbolProperties<oauth.Client>;
  try {
    answer = await oauth.processDynamicClientRegistrationResponse(response);
  } catch (error) {
    throw protocolError(error, 'registration', 'The registration answer');
  }
  assertRedirectUris(answer, request);
  const { token_endpoint_auth_method: _method, ...members } = answer;
  const client = { ...members, ...authMethod(answer, request) } as ClientInformation;
  assertUsable(client, request);
  return client;
}

/** Where the answer does not say how to authenticate, what was asked for stands. */
function authMethod(client: { readonly [member: string]: unknown }, request: Readonly<Record<string, unknown>>) {
  const answered = client['token_endpoint_auth_method'];
  if (typeof answered === 'string') return { token_endpoint_auth_method: answered };
  if (client['client_secret'] === undefined) return { token_endpoint_auth_method: 'none' };
  const asked = request['token_endpoint_auth_method'];
  // Asked for none, but given a secret: the server's metadata decides when it is used.
  return typeof asked === 'string' && asked !== 'none' ? { token_endpoint_auth_method: asked } : {};
}

/** A server that registered other redirects would show the user an error page and never call back. */
function assertRedirectUris(client: object, request: Readonly<Record<string, unknown>>): void {
  const answered: unknown = (client as { redirect_uris?: unknown }).redirect_uris;
  if (!Array.isArray(answered) || answered.length === 0) return;
  const asked = (request['redirect_uris'] ?? []) as readonly string[];
  const isAnswered = (one: string) => answered.some((uri) => typeof uri === 'string' && matchesRedirectUri(uri, one));
  if (asked.length === 0 || asked.some(isAnswered)) return;
  throw new McpOAuthError(
    'registration_failed',
    'The authorization server registered other redirect URIs than the one asked for. Use one that it accepts: ' +
      'set `loopback` or `redirectUrl`, or bring a client id along in `clientInformation`.',
    { stage: 'registration' },
  );
}

function refused(answer: OAuthErrorAnswer): McpOAuthError {
  return new McpOAuthError(
    'registration_failed',
    `The authorization server did not register this client: ${describeAnswer(answer)}. ${remedy(answer)}`,
    { stage: 'registration', status: answer.status, oauthError: answer.error },
  );
}

function remedy({ error, status }: OAuthErrorAnswer): string {
  if (error === 'invalid_redirect_uri') {
    return (
      'It does not take this redirect URI: try `loopback: { host: "localhost" }`, a fixed `loopback.port`, another ' +
      '`redirectUrl` or another `clientMetadata.application_type`.'
    );
  }
  if (error === 'invalid_client_metadata') {
    return 'Correct `clientMetadata` (some servers want a `client_name`), or set `clientInformation`.';
  }
  if (error === 'invalid_scope' || error === 'insufficient_scope') {
    return 'It does not register these scopes: leave out or correct `clientMetadata.scope`, or set `clientInformation`.';
  }
  if (status === 401 || status === 403) {
    return (
      'It registers only clients that it knows or that bring a token: set `initialAccessToken`, or get a client id ' +
      'from its operator and set `clientInformation`.'
    );
  }
  if (isNoEndpoint(status)) {
    return 'There is no registration at the endpoint that its metadata names: set `clientInformation`.';
  }
  return 'It may register only clients that it knows: set `clientInformation` to a client id from its operator.';
}
