import type { Discovery } from '../../discovery/index.js';
import { isMcpOAuthError, McpOAuthError } from '../../errors.js';
import type { Http } from '../../http/index.js';
import { type JsonObject, parseJsonObject } from '../../http/json.js';
import { resolveClient } from '../../registration/index.js';
import { MemoryTokenStore } from '../../stores/memory-token-store.js';
import { DEFAULT_CLIENT_NAME } from '../../types.js';
import type { Examination } from './examination.js';

/** Which way to a client id a sign-in would take. */
export type RegistrationWay =
  | { readonly kind: 'pre-registered' }
  | { readonly kind: 'cimd' }
  /** `request`: what would be sent. */
  | { readonly kind: 'dynamic'; readonly request: JsonObject }
  | { readonly kind: undefined; readonly error: McpOAuthError };

/** The redirect of the default listener; its port is chosen when it is opened. */
export const DEFAULT_REDIRECT = 'http://127.0.0.1/callback';

/** Has the library's own `resolveClient()` choose; where it would register, what it would send is caught and not sent. */
export async function chooseRegistration(
  { options, server, recorder }: Examination,
  { issuer, authorizationServer }: Discovery,
): Promise<RegistrationWay> {
  const { clock, clientId, clientMetadataUrl, signal } = options;
  let request: JsonObject | undefined;
  const http: Http = {
    ...recorder.http,
    fetchFor:
      () =>
      async (_url, { body }) => {
        request = parseJsonObject(String(body), 'registration') ?? {};
        throw new McpOAuthError('closed', 'Nothing is registered here.', { stage: 'registration' });
      },
  };
  try {
    const { kind } = await resolveClient({
      http,
      clock,
      issuer,
      authorizationServer,
      serverUrl: server.href,
      redirectUri: DEFAULT_REDIRECT,
      store: new MemoryTokenStore({ clock }),
      onEvent: () => undefined,
      mode: 'auto',
      clientMetadata: { client_name: DEFAULT_CLIENT_NAME },
      ...(signal === undefined ? {} : { signal }),
      ...(clientId === undefined ? {} : { clientInformation: { client_id: clientId } }),
      ...(clientMetadataUrl === undefined ? {} : { clientMetadataUrl }),
    });
    if (kind === 'pre-registered') return { kind };
    if (kind === 'cimd') return { kind };
    return { kind: 'dynamic', request: request ?? {} };
  } catch (error) {
    if (request !== undefined) return { kind: 'dynamic', request };
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    return { kind: undefined, error };
  }
}
