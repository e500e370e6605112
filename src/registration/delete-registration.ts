import { McpOAuthError } from '../errors.js';
import type { Http } from '../http/index.js';
import { describeAnswer, isTemporary, readErrorAnswer } from '../oauth-error.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../types.js';

/** Where a server that manages registrations takes changes of this one, and what allows them. */
export interface RegistrationManagement {
  /** The client configuration endpoint. */
  readonly uri: string;
  /** The registration access token. */
  readonly accessToken: string;
}

/** What can stand in an `Authorization` header: visible ASCII, and not endless. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;
/** A URL in visible ASCII, without fragment, and not endless: it is kept for as long as the registration. */
const URI = /^[\x21\x22\x24-\x7e]{1,2048}$/;

/**
 * Takes the management part out of a registration answer: it is kept with the registration, and not with every session.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7592.html#section-3 | RFC 7592 section 3}
 */
export function splitManagement(
  answer: ClientInformation,
  { issuer, registration_endpoint: endpoint }: AuthorizationServerMetadata,
): {
  client: ClientInformation;
  management: RegistrationManagement | undefined;
} {
  const { registration_access_token: accessToken, registration_client_uri: uri, ...client } = answer;
  // Elsewhere it would be a request to a server of the answer's choice, with words of its choice.
  const origins = [issuer, endpoint].flatMap((url) => originOf(url) ?? []);
  const offered =
    typeof accessToken === 'string' &&
    TOKEN.test(accessToken) &&
    typeof uri === 'string' &&
    URI.test(uri) &&
    !hasCredentials(uri) &&
    origins.includes(originOf(uri) ?? '');
  return { client: client as ClientInformation, management: offered ? { uri, accessToken } : undefined };
}

function hasCredentials(url: string): boolean {
  const { username = '', password = '' } = URL.canParse(url) ? new URL(url) : {};
  return username !== '' || password !== '';
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;
}

/**
 * Deletes a dynamic registration at the server that made it.
 *
 * @returns Whether it is gone; `false` where the server does not delete this registration.
 * @throws {@link McpOAuthError} `server_unavailable`, `network_error` or `timeout` where trying again later helps;
 * `address_refused` where the server named an address that the address rule forbids.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7592.html#section-2.3 | RFC 7592 section 2.3}
 */
export async function deleteRegistration(
  { uri, accessToken }: RegistrationManagement,
  { http, signal }: { http: Http; signal?: AbortSignal },
): Promise<boolean> {
  const url = http.assertDiscoveredUrl(uri, 'registration');
  const headers = { authorization: `Bearer ${accessToken}` };
  const response = await http.request('registration', url, { method: 'DELETE', headers, signal });
  if (response.ok) return true;
  const answer = await readErrorAnswer(response, [accessToken]);
  if (isTemporary(answer)) {
    throw new McpOAuthError(
      'server_unavailable',
      `The authorization server did not delete the registration of this client: ${describeAnswer(answer)}. The session is over here all the same.`,
      { stage: 'registration', status: answer.status, oauthError: answer.error },
    );
  }
  // Gone already: RFC 7592 section 2.3 wants a 401 then, others say 404.
  return response.status === 404 || response.status === 410;
}
