import * as oauth from 'oauth4webapi';
import { McpOAuthError } from '../errors.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../types.js';

/** The server and the client that a grant works with. */
export interface ClientContext {
  authorizationServer: AuthorizationServerMetadata;
  client: ClientInformation;
}

/** How a client proves at the token endpoint who it is. */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';

/** Member of a stored client that remembers in which form its Basic credentials were accepted. */
const BASIC_FORM = 'basic_credentials';

const METHODS: ReadonlySet<unknown> = new Set<ClientAuthMethod>(['none', 'client_secret_basic', 'client_secret_post']);

/**
 * The method that the registration answered; where it did not say, one that the server's metadata lists (Basic where it
 * lists none), if there is a secret at all.
 *
 * @throws {@link McpOAuthError} `invalid_options` for a method that needs more than a client secret.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-2.3.1 | RFC 6749 section 2.3.1}
 */
function clientAuthMethod({ authorizationServer, client }: ClientContext): ClientAuthMethod {
  const registered = client.token_endpoint_auth_method;
  if (registered !== undefined && !METHODS.has(registered)) {
    throw new McpOAuthError(
      'invalid_options',
      'The client is registered with an authentication method that is not supported here. Register it with ' +
        '`none`, `client_secret_basic` or `client_secret_post`.',
      { stage: 'token' },
    );
  }
  // Without a secret the other methods have nothing to send.
  if (client.client_secret === undefined || client.client_secret === '') return 'none';
  if (registered !== undefined) return registered as ClientAuthMethod;
  const listed = authorizationServer.token_endpoint_auth_methods_supported;
  // RFC 8414 section 2: Basic is the default of a server that does not say.
  if (!Array.isArray(listed) || listed.includes('client_secret_basic')) return 'client_secret_basic';
  if (listed.includes('client_secret_post')) return 'client_secret_post';
  return listed.includes('none') ? 'none' : 'client_secret_basic';
}

/** The method as oauth4webapi takes it. */
export function clientAuthentication(context: ClientContext): oauth.ClientAuth {
  const { client } = context;
  const secret = client.client_secret ?? '';
  switch (clientAuthMethod(context)) {
    case 'none':
      return oauth.None();
    case 'client_secret_post':
      return oauth.ClientSecretPost(secret);
    case 'client_secret_basic':
      return basic(client.client_id, secret, client[BASIC_FORM] === 'raw' ? (value) => value : formEncode);
  }
}

/**
 * The client with its Basic credentials in the raw form, for a second try after `invalid_client`: some servers compare
 * them without decoding. `undefined` where that would send the same again, or where the two could not be told apart.
 */
export function withRawCredentials(context: ClientContext): ClientInformation | undefined {
  const { client } = context;
  if (client[BASIC_FORM] === 'raw' || clientAuthMethod(context) !== 'client_secret_basic') return undefined;
  // RFC 7617: everything up to the first colon is the user name.
  if (client.client_id.includes(':')) return undefined;
  const values = [client.client_id, client.client_secret ?? ''];
  return values.some((value) => formEncode(value) !== value) ? { ...client, [BASIC_FORM]: 'raw' } : undefined;
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
