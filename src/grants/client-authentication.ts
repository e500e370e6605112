import * as oauth from 'oauth4webapi';
import type { ClientKey, Secret } from '../client-key.js';
import type { DpopProver } from '../dpop/index.js';
import { McpOAuthError } from '../errors.js';
import { excerpt } from '../http/text.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../types.js';
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from './client-assertion.js';
import { resolveSecret } from './secret.js';
import type { SupplyOptions } from './supplied.js';

/** The server and the client that a grant works with. */
export interface ClientContext {
  /** Its metadata: where the request goes, and how clients may authenticate there. RFC 8414 section 2. */
  authorizationServer: AuthorizationServerMetadata;
  /** What is registered. It may be stored with a session; nothing else in here that is secret ever is. */
  client: ClientInformation;
  /** The secret, in place of one in `client`; a function is called for each request. */
  clientSecret?: Secret | undefined;
  /** Signs the client's assertions, where it is one of `private_key_jwt`, or of no stated method and without a secret. */
  clientKey?: ClientKey | undefined;
  /** Proves the key that the tokens are, or are to be, bound to. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5 | RFC 9449 section 5} */
  dpop?: DpopProver | undefined;
}

/** How a client proves at the token endpoint who it is. */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** Stands in a context where a request names no client at all: RFC 7521 section 4.1. */
export const NO_CLIENT: ClientInformation = { client_id: '' };

/** Member of a stored client that remembers in which form its Basic credentials were accepted. */
const BASIC_FORM = 'basic_credentials';

const METHODS: ReadonlySet<unknown> = new Set<ClientAuthMethod>([
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
]);

/**
 * The method that the registration answered; where it did not say, one that the server's metadata lists (Basic where it
 * lists none), if there is a secret at all; else the key, if there is one.
 *
 * @throws {@link McpOAuthError} `invalid_options` for a method that is not supported, or without the key that it needs.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-2.3.1 | RFC 6749 section 2.3.1}
 */
function clientAuthMethod(context: ClientContext): ClientAuthMethod {
  const { authorizationServer, client, clientKey } = context;
  const registered = client.token_endpoint_auth_method;
  if (registered !== undefined && !METHODS.has(registered)) throw unsupported();
  if (registered === 'private_key_jwt') {
    if (clientKey === undefined) throw keyMissing();
    return registered;
  }
  if (!hasSecret(context)) {
    // Without a secret the other methods have nothing to send.
    return registered === undefined && clientKey !== undefined ? 'private_key_jwt' : 'none';
  }
  if (registered !== undefined) return registered as ClientAuthMethod;
  const listed = authorizationServer.token_endpoint_auth_methods_supported;
  // RFC 8414 section 2: Basic is the default of a server that does not say.
  if (!Array.isArray(listed) || listed.includes('client_secret_basic')) return 'client_secret_basic';
  if (listed.includes('client_secret_post')) return 'client_secret_post';
  return listed.includes('none') ? 'none' : 'client_secret_basic';
}

function hasSecret({ client, clientSecret }: ClientContext): boolean {
  return clientSecret !== undefined || (client.client_secret ?? '') !== '';
}

/** The method as oauth4webapi takes it. */
export function clientAuthentication(context: ClientContext, options?: SupplyOptions): oauth.ClientAuth {
  const { client } = context;
  if (client.client_id === NO_CLIENT.client_id) return () => {};
  const method = clientAuthMethod(context);
  if (method === 'none') return oauth.None();
  if (method === 'private_key_jwt') return assertion(context, options);
  return async (server, protocolClient, body, headers) => {
    const secret = (await withSecret(context, options)).client.client_secret ?? '';
    const present =
      method === 'client_secret_post'
        ? oauth.ClientSecretPost(secret)
        : basic(client.client_id, secret, client[BASIC_FORM] === 'raw' ? (value) => value : formEncode);
    await present(server, protocolClient, body, headers);
  };
}

/**
 * The context with the secret in the client, if its method wants one: for one request, and to be stored nowhere.
 *
 * @throws {@link McpOAuthError} `invalid_options` where there is none to be had; `timeout`; `aborted`.
 */
export async function withSecret(context: ClientContext, options?: SupplyOptions): Promise<ClientContext> {
  const { client, clientSecret, ...rest } = context;
  if (clientSecret === undefined || !clientAuthMethod(context).startsWith('client_secret_')) return context;
  return { ...rest, client: { ...client, client_secret: await resolveSecret(clientSecret, 'clientSecret', options) } };
}

/** The client as oauth4webapi takes it, which wants a name even where none is sent. */
export function protocolClient({ client_id }: ClientInformation): { client_id: string } {
  return { client_id: client_id === NO_CLIENT.client_id ? 'none' : client_id };
}

/**
 * Whether a second try with the Basic credentials in the raw form may help after `invalid_client`: some servers compare
 * them without decoding. Not where that would send the same again, or where the two could not be told apart.
 *
 * @param context - With the secret in the client.
 */
export function mayTryRaw(context: ClientContext): boolean {
  const { client } = context;
  if (client[BASIC_FORM] === 'raw' || clientAuthMethod(context) !== 'client_secret_basic') return false;
  // RFC 7617: everything up to the first colon is the user name.
  if (client.client_id.includes(':')) return false;
  return [client.client_id, client.client_secret ?? ''].some((value) => formEncode(value) !== value);
}

/** The client, to present its Basic credentials in the raw form from now on. */
export function asRaw(client: ClientInformation): ClientInformation {
  return { ...client, [BASIC_FORM]: 'raw' };
}

/**
 * What helps a client of `private_key_jwt` that is not recognised, a sentence; `undefined` for the other methods.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-3.2 | RFC 7523 section 3.2}
 */
export function keyRemedy(context: ClientContext): string | undefined {
  if (context.clientKey === undefined || clientAuthMethod(context) !== 'private_key_jwt') return undefined;
  const listed = context.authorizationServer.token_endpoint_auth_signing_alg_values_supported;
  const algorithms = Array.isArray(listed) ? ` (it takes ${excerpt(listed.join(', '), 100)})` : '';
  return (
    'Check the client id and that the public key is registered there, with the `keyId` and `algorithm` that are set ' +
    `here${algorithms}; a server that wants another audience than its issuer identifier needs \`audience\`. A clock of this machine that is minutes off has the same effect.`
  );
}

/** Besides `client_assertion` also `client_id`: RFC 7521 section 4.2 allows it, and several servers demand it. */
function assertion(context: ClientContext, options: SupplyOptions | undefined): oauth.ClientAuth {
  const { authorizationServer, client, clientKey } = context;
  return async (_server, _client, body) => {
    if (clientKey === undefined) throw keyMissing();
    const parameters = { authorizationServer, clientId: client.client_id, clientKey };
    body.set('client_id', client.client_id);
    body.set('client_assertion_type', CLIENT_ASSERTION_TYPE);
    body.set('client_assertion', await createClientAssertion(parameters, options));
  };
}

function unsupported(): McpOAuthError {
  return new McpOAuthError(
    'invalid_options',
    'The client is registered with an authentication method that is not supported here. Register it with ' +
      '`none`, `client_secret_basic`, `client_secret_post` or `private_key_jwt`.',
    { stage: 'token' },
  );
}

function keyMissing(): McpOAuthError {
  return new McpOAuthError(
    'invalid_options',
    'The client is registered with `private_key_jwt`, but there is no key to sign with: set `clientKey` to the private ' +
      'key that belongs to its registered public key.',
    { stage: 'token' },
  );
}

function basic(clientId: string, secret: string, encode: (value: string) => string): oauth.ClientAuth {
  return (_server, _client, _body, headers) => {
    const bytes = new TextEncoder().encode(`${encode(clientId)}:${encode(secret)}`);
    headers.set('authorization', `Basic ${btoa(String.fromCharCode(...bytes))}`);
  };
}

/**
 * `application/x-www-form-urlencoded` as RFC 6749 appendix B wants it, with the unreserved characters of RFC 3986 left
 * as they are: escaping them too is allowed, but a server that compares without decoding then refuses every UUID.
 */
function formEncode(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
