import * as oauth from 'oauth4webapi';
import { type DpopProver, withProofRetries } from '../dpop/index.js';
import type { Http, ProtocolFetch, Purpose } from '../http/index.js';
import { STAGE_OF } from '../http/purpose.js';
import { type OAuthErrorAnswer, protocolError, readErrorAnswer } from '../oauth-error.js';
import type { ClientInformation } from '../types.js';
import {
  asRaw,
  type ClientContext,
  clientAuthentication,
  mayTryRaw,
  protocolClient,
  withSecret,
} from './client-authentication.js';
import type { SupplyOptions } from './supplied.js';

/** A request to an endpoint of the authorization server where the client has to say who it is. */
export interface AuthenticatedRequest {
  readonly purpose: Extract<Purpose, 'device authorization' | 'token' | 'revocation'>;
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
  supply?: SupplyOptions,
): Promise<Exchange> {
  const { client } = context;
  const options = { ...supply, signal };
  const ready = await withSecret(context, options);
  const first = await presentProven(http, ready, request, options);
  // The client as it was given: a secret that was got for this request is none of what may be stored.
  if (first.refusal?.error !== 'invalid_client' || !mayTryRaw(ready)) return { ...first, client };
  const second = await presentProven(http, { ...ready, client: asRaw(ready.client) }, request, options);
  return NOT_RECOGNISED.has(second.refusal?.error) ? { ...first, client } : { ...second, client: asRaw(client) };
}

/** Raw credentials that did not help either: some servers call those malformed. */
const NOT_RECOGNISED: ReadonlySet<string | undefined> = new Set(['invalid_client', 'invalid_request']);

const BASIC = /^Basic /;

type Answered = Omit<Exchange, 'client'>;

const ENDPOINTS = {
  'device authorization': 'device_authorization_endpoint',
  token: 'token_endpoint',
  revocation: 'revocation_endpoint',
} as const;

/** Sends the request, and again where the server wants another proof of the key: with its nonce, or with its time. */
function presentProven(
  http: Http,
  context: ClientContext,
  request: AuthenticatedRequest,
  options: SupplyOptions,
): Promise<Answered> {
  const send = () => present(http, context, request, options);
  if (context.dpop === undefined) return send();
  const endpoint = context.authorizationServer[ENDPOINTS[request.purpose]] ?? context.authorizationServer.issuer;
  return withProofRetries(context.dpop, originOf(endpoint), send, ({ refusal, response }) =>
    refusal === undefined ? undefined : { error: refusal.error, response },
  );
}

/** What is no URL is refused when it is sent to. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : '';
}

/** The handle of oauth4webapi proves the key at the token endpoint alone. */
function withProof(fetch: ProtocolFetch, dpop: DpopProver): ProtocolFetch {
  return (url, init) =>
    dpop.sendProof(new URL(url), (proof) => fetch(url, { ...init, headers: { ...init.headers, dpop: proof } }));
}

async function present(
  http: Http,
  context: ClientContext,
  { purpose, parameters, secrets, send }: AuthenticatedRequest,
  options: SupplyOptions,
): Promise<Answered> {
  const { authorizationServer, client, dpop } = context;
  const authentication = clientAuthentication(context, options);
  const sent = [...secrets, client.client_secret];
  const authenticate: oauth.ClientAuth = async (server, named, body, headers) => {
    await authentication(server, named, body, headers);
    // Credentials too: the assertion until it expires, and the secret as Basic encodes it.
    sent.push(body.get('client_assertion') ?? undefined, headers.get('authorization')?.replace(BASIC, ''));
  };
  let response: Response;
  try {
    // Nothing of a registration answer but the id: members such as `require_auth_time` would change what is accepted.
    const named = protocolClient(client);
    const fetch = http.fetchFor(purpose, options.signal);
    response = await send(authorizationServer as oauth.AuthorizationServer, named, authenticate, {
      [oauth.customFetch]: dpop !== undefined && purpose === 'revocation' ? withProof(fetch, dpop) : fetch,
      ...(dpop !== undefined && purpose === 'token' ? { DPoP: dpop.handle } : {}),
      [oauth.allowInsecureRequests]: true,
      additionalParameters: { ...parameters },
    });
  } catch (error) {
    throw protocolError(error, STAGE_OF[purpose], `The ${purpose} request`);
  }
  if (response.ok) return { response, refusal: undefined };
  return { response, refusal: await readErrorAnswer(response, sent) };
}
