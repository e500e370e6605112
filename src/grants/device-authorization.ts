import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { type Http, resolveHttp, retryAfterMs, withRetry } from '../http/index.js';
import { ATTEMPTS, ownWaitMs } from '../http/retry.js';
import {
  describeAnswer,
  isNoEndpoint,
  isPage,
  isTemporary,
  type OAuthErrorAnswer,
  protocolError,
  readObject,
} from '../oauth-error.js';
import { formatScope } from '../scope.js';
import { type AuthenticatedRequest, sendAuthenticated } from './authenticated-request.js';
import { assertAuthorizationParameters } from './authorization-url.js';
import type { ClientContext } from './client-authentication.js';
import { clientRefused, type GrantOptions } from './token-request.js';

/** What {@link requestDeviceAuthorization} is given. */
export interface RequestDeviceAuthorizationParameters extends ClientContext {
  /** The scopes to ask for; where it is absent or empty, none is sent. RFC 8628 section 3.1. */
  scope?: readonly string[];
  /** The resource indicator, sent verbatim. */
  resource?: string | undefined;
  /** Further parameters, such as `audience`; they may replace `scope`. */
  parameters?: Readonly<Record<string, string>>;
}

/** What the person is shown, and what the tokens are asked for with. */
export interface DeviceAuthorization {
  /** Presented to the token endpoint by {@link pollDeviceTokens}. A secret. */
  readonly deviceCode: string;
  /** What the person enters: up to 64 printable ASCII characters. */
  readonly userCode: string;
  /** Where the person enters it. Fit for a browser. */
  readonly verificationUri: string;
  /** The same with the code filled in, where the server offers that. */
  readonly verificationUriComplete?: string;
  /** When both codes run out, in ms since the epoch. */
  readonly expiresAt: number;
  /** How long to wait between two token requests, in ms. */
  readonly intervalMs: number;
}

/** RFC 8628 section 3.2. */
const DEFAULT_INTERVAL_S = 5;
const SHORTEST_INTERVAL_S = 1;
/** Nobody can enter a code in less. */
const SHORTEST_LIFETIME_S = 10;
const LONGEST_LIFETIME_S = 24 * 3600;
/** Somebody has to type it. */
const USER_CODE = /^[\x20-\x7e]{1,64}$/;
const DEVICE_CODE = /^[\x20-\x7e]{1,16384}$/;

/**
 * Asks for a code that a person enters in a browser on any device. A repeated request makes another code and does no harm,
 * so what is temporary is tried up to three times.
 *
 * Both verification URIs keep the address rule and are fit for a browser; a `verification_uri_complete` that is not is left
 * out. The interval is at least 1 s (default 5 s) and at most the lifetime, which is at most a day.
 *
 * @param p - What is asked for, of whom, by which client.
 * @param options - How to make requests, and by which clock.
 * @returns The codes and their end, in ms since the epoch.
 * @throws {@link McpOAuthError} `authorization_failed` with the server's error, also where it offers no device authorization;
 * `access_denied`; `invalid_client`; `server_unavailable`, `network_error` or `timeout` where trying again later helps;
 * `invalid_response`; `address_refused`; `invalid_options`; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-3.1 | RFC 8628 section 3.1},
 * {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2 | RFC 8707 section 2}
 */
export async function requestDeviceAuthorization(
  p: RequestDeviceAuthorizationParameters,
  options?: GrantOptions,
): Promise<DeviceAuthorization> {
  if (p.authorizationServer.device_authorization_endpoint === undefined) throw deviceNotOffered();
  assertAuthorizationParameters(p.parameters);
  const http = resolveHttp(p.authorizationServer.issuer, options);
  const response = await send(http, p, options);
  return readAuthorization(response, p, http, (options?.clock ?? systemClock).now());
}

/** Sends the request, repeats it where the failure is temporary, and answers with a success or throws. */
function send(http: Http, p: RequestDeviceAuthorizationParameters, options?: GrantOptions): Promise<Response> {
  const { clock = systemClock, signal } = options ?? {};
  const request = requestOf(p);
  let waitMs: number | undefined;
  const attempt = async () => {
    waitMs = undefined;
    const { response, refusal } = await sendAuthenticated(http, p, request, signal);
    const mayBeForeign = refusal === undefined || !(isTemporary(refusal) || isNoEndpoint(refusal.status));
    if (mayBeForeign && (await isPage(response))) throw pageInstead(response.status);
    if (refusal === undefined) return response;
    if (!isTemporary(refusal) || isNoEndpoint(refusal.status)) throw refused(refusal);
    waitMs = retryAfterMs(response, clock.now());
    throw new McpOAuthError(
      'server_unavailable',
      `The authorization server gives out no codes at the moment: ${describeAnswer(refusal)}. Start the sign-in again later.`,
      { stage: 'authorization', status: refusal.status, oauthError: refusal.error },
    );
  };
  return withRetry(attempt, {
    attempts: ATTEMPTS,
    clock,
    signal,
    retryAfter: (error, number) => (error.retryable ? (waitMs ?? ownWaitMs(number)) : undefined),
  });
}

function pageInstead(status: number): McpOAuthError {
  const message =
    `A web page came in place of the authorization server's code (HTTP ${status}). It may be from a proxy, or the sign-in page of ` +
    'this network. Start the sign-in again later.';
  return new McpOAuthError('server_unavailable', message, { stage: 'authorization', status });
}

function requestOf(p: RequestDeviceAuthorizationParameters): AuthenticatedRequest {
  const scope = formatScope(p.scope ?? []);
  const parameters = {
    ...(scope === '' ? {} : { scope }),
    ...(p.resource === undefined ? {} : { resource: p.resource }),
    ...p.parameters,
  };
  return {
    purpose: 'device authorization',
    parameters,
    secrets: [],
    send: (server, client, authentication, options) =>
      oauth.deviceAuthorizationRequest(server, client, authentication, new URLSearchParams(parameters), options),
  };
}

async function readAuthorization(
  response: Response,
  { authorizationServer, client }: ClientContext,
  http: Http,
  now: number,
): Promise<DeviceAuthorization> {
  const answer = await process(response, authorizationServer, client.client_id);
  if (!USER_CODE.test(answer.user_code) || answer.user_code.trim() === '') throw unusable('the user code');
  if (!DEVICE_CODE.test(answer.device_code)) throw unusable('the device code');
  if (!(answer.expires_in >= SHORTEST_LIFETIME_S)) throw unusable('the lifetime');
  const lifetimeS = Math.min(answer.expires_in, LONGEST_LIFETIME_S);
  const verificationUri = browserUrl(http, answer.verification_uri);
  const complete = optionalBrowserUrl(http, answer.verification_uri_complete);
  return {
    deviceCode: answer.device_code,
    userCode: answer.user_code,
    verificationUri,
    expiresAt: now + Math.floor(lifetimeS * 1000),
    intervalMs: intervalMs(answer.interval, lifetimeS),
    ...(complete === undefined ? {} : { verificationUriComplete: complete }),
  };
}

async function process(
  response: Response,
  authorizationServer: ClientContext['authorizationServer'],
  clientId: string,
): Promise<oauth.DeviceAuthorizationResponse> {
  try {
    const server = authorizationServer as oauth.AuthorizationServer;
    return await oauth.processDeviceAuthorizationResponse(server, { client_id: clientId }, await paced(response));
  } catch (error) {
    throw protocolError(error, 'authorization', 'The device authorization response');
  }
}

/** An interval of zero stands in answers of servers that do not limit the pace; it is no reason to refuse the code. */
async function paced(response: Response): Promise<Response> {
  const body = await readObject(response);
  if (body?.['interval'] !== 0) return response;
  return Response.json({ ...body, interval: SHORTEST_INTERVAL_S });
}

/** What the server says is the least (RFC 8628 section 3.2); beyond the lifetime of the code it means nothing. */
function intervalMs(interval: number | undefined, lifetimeS: number): number {
  return Math.ceil(Math.min(Math.max(interval ?? DEFAULT_INTERVAL_S, SHORTEST_INTERVAL_S), lifetimeS) * 1000);
}

/** By the address rule too: a public server sends nobody's browser into the private network. */
function browserUrl(http: Http, url: string): string {
  return http.assertBrowserUrl(http.assertDiscoveredUrl(url, 'authorization')).href;
}

function optionalBrowserUrl(http: Http, url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  try {
    return browserUrl(http, url);
  } catch (error) {
    if (isMcpOAuthError(error)) return undefined;
    throw error;
  }
}

/** The server has no such endpoint. */
export function deviceNotOffered(): McpOAuthError {
  return new McpOAuthError(
    'authorization_failed',
    'The authorization server offers no sign-in by device code: its metadata has no `device_authorization_endpoint`. ' +
      'Leave `grant` out or set it to authorizationCode(): the URL can be opened in a browser on any machine, and ' +
      'finishAuthorization() takes the URL that it ends at.',
    { stage: 'authorization' },
  );
}

function refused(answer: OAuthErrorAnswer): McpOAuthError {
  const { status, error: oauthError } = answer;
  const said = describeAnswer(answer);
  const init = { stage: 'authorization', status, oauthError } as const;
  if (oauthError === 'invalid_client') return clientRefused(answer, 'authorization');
  if (oauthError === 'access_denied') {
    return new McpOAuthError(
      'access_denied',
      `The authorization server denied the sign-in by device code: ${said}.`,
      init,
    );
  }
  return new McpOAuthError(
    'authorization_failed',
    `The authorization server gave out no code for the sign-in: ${said}. ${remedy(answer)}`,
    init,
  );
}

function remedy({ error, status }: OAuthErrorAnswer): string {
  if (error === 'invalid_scope') return 'Set `scope` to scopes that it knows.';
  if (error === 'invalid_target') {
    return 'Set `resource` to the identifier that it knows for this MCP server, or to `false` to omit it.';
  }
  if (error === 'unauthorized_client' || error === 'unsupported_grant_type' || isNoEndpoint(status)) {
    return 'This client may not sign in by device code: set `grant` to authorizationCode(), or have its operator allow it.';
  }
  return 'Set `grant` to authorizationCode() to sign in by the browser instead.';
}

function unusable(what: string): McpOAuthError {
  return new McpOAuthError(
    'invalid_response',
    `The device authorization response is not what the protocol allows: ${what} cannot be used. The authorization server ` +
      'has to be corrected.',
    { stage: 'authorization' },
  );
}
