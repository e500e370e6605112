import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  MemoryTokenStore,
} from '../../src/index.js';
import type { FetchLike } from '../../src/types.js';
import { TestClock } from '../auth-provider/support.js';
import { json } from '../grants/support.js';
import { failure } from '../support/failure.js';

export const SERVER_URL = 'https://mcp.example.com/mcp';
export const RESOURCE_METADATA = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
export const REDIRECT = 'https://app.example.com/callback';
export const GOOD = 'https://as.example.com';
export const EVIL = 'https://evil.example.net';

/** A request as it left the library. */
export interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly form: URLSearchParams;
  readonly body: string;
}

/** What an address answers: JSON, or whatever is made of the request. */
export type Reply = Record<string, unknown> | ((sent: Sent) => Response);

/** An authorization server, with everything it says; what is given replaces it. */
export interface Server {
  readonly metadata?: Record<string, unknown>;
  readonly registration?: Record<string, unknown>;
  readonly token?: Record<string, unknown>;
}

/** The addresses of an authorization server. */
export function authorizationServer(
  issuer: string,
  { metadata, registration, token }: Server = {},
): Record<string, Reply> {
  return {
    [`${issuer}/.well-known/oauth-authorization-server`]: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      code_challenge_methods_supported: ['S256'],
      ...metadata,
    },
    [`${issuer}/register`]: () =>
      json(
        { client_id: `client-of-${new URL(issuer).host}`, token_endpoint_auth_method: 'none', ...registration },
        201,
      ),
    [`${issuer}/token`]: {
      access_token: `at-of-${new URL(issuer).host}`,
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: 'rt-1',
      ...token,
    },
  };
}

/** A hosted application at an MCP server, and every address of the world around it. */
export interface World {
  readonly provider: AuthProvider;
  readonly store: MemoryTokenStore;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  readonly sent: Sent[];
  /** What the addresses answer; it may be changed at any time. Whatever is not in it answers 404. */
  readonly replies: Map<string, Reply>;
  set(more: Readonly<Record<string, Reply>>): void;
  /** What was sent to an address. */
  to(url: string): Sent[];
  /** Begins a sign-in; the URL that the browser is to open. */
  begin(): Promise<URL>;
  /** Ends it as the authorization server would, with `iss` and what else is given in the callback. */
  finish(authorization: URL, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  close(): Promise<void>;
}

/** The MCP server of this world: it takes whatever token its authorization servers gave. */
export function world(
  options: Partial<AuthProviderOptions> = {},
  servers: Readonly<Record<string, Reply>> = {},
): World {
  const replies = new Map<string, Reply>();
  const set = (more: Readonly<Record<string, Reply>>) => {
    for (const [url, reply] of Object.entries(more)) replies.set(url, reply);
  };
  set({
    [SERVER_URL]: ({ headers }) => mcpAnswer(headers),
    [RESOURCE_METADATA]: { resource: SERVER_URL, authorization_servers: [GOOD] },
    ...authorizationServer(GOOD),
    ...servers,
  });
  const sent: Sent[] = [];
  const fetch: FetchLike = async (input, init) => {
    const request = new Request(input, init);
    const body = request.body === null ? '' : await request.text();
    const { url, method, headers } = request;
    const one: Sent = { url, method, headers, body, form: new URLSearchParams(body) };
    sent.push(one);
    const reply = replies.get(url);
    if (reply === undefined) return json({ error: 'not_found' }, 404);
    return typeof reply === 'function' ? reply(one) : json(reply);
  };
  const store = new MemoryTokenStore();
  const clock = new TestClock();
  const events: AuthEvent[] = [];
  const provider = createAuthProvider({
    serverUrl: SERVER_URL,
    clientMetadata: { client_name: 'Acme IDE' },
    redirectUrl: REDIRECT,
    store,
    clock,
    fetch,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return {
    provider,
    store,
    clock,
    events,
    sent,
    replies,
    set,
    to: (url) => sent.filter((one) => one.url === url),
    async begin() {
      const error = await failure(provider.authorize());
      if (error.code !== 'authorization_required' || error.url === undefined) throw error;
      return new URL(error.url);
    },
    async finish(authorization, parameters = {}) {
      const callback = new URL(authorization.searchParams.get('redirect_uri') ?? '');
      const state = authorization.searchParams.get('state') ?? '';
      const query = { code: 'code-1', state, ...parameters };
      for (const [name, value] of Object.entries(query)) callback.searchParams.set(name, value);
      return provider.finishAuthorization(callback);
    },
    close: () => provider.close(),
  };
}

function mcpAnswer(headers: Headers): Response {
  if (headers.has('authorization')) return json({ jsonrpc: '2.0', id: 1, result: {} });
  return json({}, 401, { 'www-authenticate': 'Bearer' });
}
