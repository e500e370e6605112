import { isMcpOAuthError, type McpOAuthError } from '../../src/errors.js';
import type { AuthorizationServerMetadata, FetchLike } from '../../src/types.js';

export const ISSUER = 'https://as.example.com';

export const SERVER: AuthorizationServerMetadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  registration_endpoint: `${ISSUER}/register`,
  revocation_endpoint: `${ISSUER}/revoke`,
  code_challenge_methods_supported: ['S256'],
};

export interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
  readonly form: URLSearchParams;
  readonly json: Record<string, unknown>;
}

export type Reply = Response | Error | ((sent: Sent) => Response);

/** A fetch that answers with the replies in turn, and keeps what was sent. It fails a test that sends more. */
export function replies(...queue: Reply[]): { fetch: FetchLike; sent: Sent[] } {
  const sent: Sent[] = [];
  const fetch: FetchLike = async (input, init) => {
    const body = init?.body === undefined || init.body === null ? '' : String(init.body);
    const one: Sent = {
      url: String(input),
      method: init?.method ?? 'GET',
      headers: new Headers(init?.headers),
      body,
      form: new URLSearchParams(body),
      get json() {
        return JSON.parse(body) as Record<string, unknown>;
      },
    };
    sent.push(one);
    const reply = queue.shift();
    if (reply === undefined) throw new Error('a request too many');
    if (reply instanceof Error) throw reply;
    return typeof reply === 'function' ? reply(one) : reply;
  };
  return { fetch, sent };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

export function oauthError(error: string, status = 400, description?: string): Response {
  return json({ error, ...(description === undefined ? {} : { error_description: description }) }, status);
}

export const networkError = () => Object.assign(new TypeError('fetch failed'), { cause: new Error('ECONNRESET') });

export function thrown(fn: () => unknown): McpOAuthError {
  try {
    fn();
  } catch (error) {
    if (isMcpOAuthError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Everything that an application could log of an error, its causes included. */
export function everythingOf(error: unknown): string {
  const parts: string[] = [];
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    parts.push(current.message, JSON.stringify(current), JSON.stringify(Object.entries(current)));
  }
  return parts.join('\n');
}
