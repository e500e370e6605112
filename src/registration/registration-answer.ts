import { McpOAuthError } from '../errors.js';
import type { ClientInformation } from '../types.js';

/** RFC 6749 appendix A.1 and A.2, with bounds of our own: the id has to fit into a URL, and servers put whole JWTs into it. */
const CLIENT_ID = /^[\x20-\x7e]{1,4096}$/;
const CLIENT_SECRET = /^[\x20-\x7e]{1,8192}$/;
/** How a client can authenticate that has nothing but what the answer gave it. */
const METHODS: ReadonlySet<unknown> = new Set(['none', 'client_secret_basic', 'client_secret_post']);
/** All that is needed of it later. A server could put a megabyte beside that, which would be stored with each session. */
const KEPT = [
  'client_id',
  'client_id_issued_at',
  'client_secret',
  'client_secret_expires_at',
  'token_endpoint_auth_method',
] as const;

/**
 * Checks what a server registered before anybody signs in with it.
 *
 * @throws {@link McpOAuthError} `invalid_response` where id or secret have characters that none may have, or are endless;
 * `registration_failed` where the client is to authenticate in a way that it has no means for.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3.2.1 | RFC 7591 section 3.2.1}
 */
export function assertUsable(client: ClientInformation, request: Readonly<Record<string, unknown>>): void {
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: method } = client;
  if (!CLIENT_ID.test(id) || (secret !== undefined && !CLIENT_SECRET.test(secret))) {
    throw new McpOAuthError(
      'invalid_response',
      'The authorization server registered a client id or secret that is too long or has characters that none may have. ' +
        'Its operator has to correct that; or bring a client id along in `clientInformation`.',
      { stage: 'registration' },
    );
  }
  // What the application asked for itself, it can do.
  if (method === undefined || METHODS.has(method) || method === request['token_endpoint_auth_method']) return;
  throw new McpOAuthError(
    'registration_failed',
    'The authorization server registered this client for another way to authenticate than the one asked for, and the client ' +
      'has no means for it. Set `clientMetadata.token_endpoint_auth_method` to one that it takes, or `clientInformation`.',
    { stage: 'registration' },
  );
}

/** What of a registration is kept: nothing that a server could fill the store with. */
export function keptClient(client: ClientInformation): ClientInformation {
  const kept: Record<string, unknown> = {};
  for (const member of KEPT) if (client[member] !== undefined) kept[member] = client[member];
  const { application_type: type } = client;
  if (type === 'native' || type === 'web') kept['application_type'] = type;
  return { ...kept, client_id: client.client_id };
}
