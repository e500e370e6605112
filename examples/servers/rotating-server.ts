import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCounter, type RequestCounter, type RequestCounts } from './http-counts.js';
import { type Intercept, listenOnLoopback, pathOf, readBody, readJson, sendJson } from './loopback-server.js';
import { OAuthAnswer, RotatingTokens } from './rotating-tokens.js';

/** The switches; they count from the next request on. */
export interface RotatingServerSettings {
  /** Lifetime of access tokens in milliseconds; default one hour. `expires_in` is rounded down, but at least 1. */
  accessTokenTtlMs: number;
  /** Tool to the scopes that a call needs; default `create_issue` needs `mcp:write`. Other tools need none. */
  toolScopes: Readonly<Record<string, readonly string[]>>;
  /** How long the MCP endpoint waits before it answers, in milliseconds; default 0. */
  mcpDelayMs: number;
  /** The same for the token endpoint; default 0. */
  tokenDelayMs: number;
  /** `scope` of the 401 challenge; default none. */
  challengeScope: string | undefined;
}

export interface RotatingServerOptions extends Partial<RotatingServerSettings> {
  /** The scope of clients that ask for none; default `mcp:read`. */
  defaultScope?: string;
  /** `scopes_supported` of the resource metadata; default none. */
  scopesSupported?: readonly string[];
  /** Takes https URLs as client ids, without fetching them; default false. */
  cimd?: boolean;
  intercept?: Intercept;
  port?: number;
}

export interface RotatingServer {
  /** The MCP endpoint. */
  readonly url: string;
  readonly issuer: string;
  readonly port: number;
  /**
   * By kind: `mcp` (all), `mcp:initialize`, `mcp:tools/call`, …, `mcp:GET`, `mcp:DELETE`, `resource-metadata`,
   * `server-metadata`, `register`, `authorize`, `token` (all), `token:authorization_code`, `token:refresh_token`,
   * `revoke`, `other`. `total()` counts HTTP requests.
   */
  readonly counts: RequestCounts;
  readonly settings: RotatingServerSettings;
  /** How many families a reused refresh token has ended; 0 with a client that behaves. */
  readonly familiesRevoked: number;
  /** Refuses every access token issued so far; refresh tokens stay good. */
  revokeAllAccessTokens(): void;
  /** Ends every refresh token and what came of it. */
  revokeAllFamilies(): void;
  forgetClients(): void;
  close(): Promise<void>;
}

interface Context extends Pick<RotatingServerOptions, 'cimd' | 'scopesSupported'> {
  readonly origin: string;
  readonly counter: RequestCounter;
  readonly settings: RotatingServerSettings;
  readonly tokens: RotatingTokens;
}

type Route = (context: Context, request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/**
 * Starts one small server that is authorization server and MCP server at once: it redirects at once, rotates refresh
 * tokens, ends the family of a reused one, and answers MCP as plain JSON without sessions. For benchmarks and races.
 */
export async function startRotatingServer(options: RotatingServerOptions = {}): Promise<RotatingServer> {
  const settings: RotatingServerSettings = {
    accessTokenTtlMs: options.accessTokenTtlMs ?? 3_600_000,
    toolScopes: options.toolScopes ?? { create_issue: ['mcp:write'] },
    mcpDelayMs: options.mcpDelayMs ?? 0,
    tokenDelayMs: options.tokenDelayMs ?? 0,
    challengeScope: options.challengeScope,
  };
  const counter = createCounter();
  const handler: { current?: Route; context?: Context } = {};
  const server = await listenOnLoopback(async (request, response) => {
    if ((await options.intercept?.(request, response)) === true) return;
    const route = ROUTES[pathOf(request)] ?? notFound;
    if (handler.context !== undefined) await route(handler.context, request, response);
  }, options.port);
  const { origin } = server;
  const tokens = new RotatingTokens({
    get accessTokenTtlMs() {
      return settings.accessTokenTtlMs;
    },
    defaultScope: options.defaultScope ?? 'mcp:read',
    resource: `${origin}/mcp`,
  });
  handler.context = {
    origin,
    counter,
    settings,
    tokens,
    ...(options.cimd === undefined ? {} : { cimd: options.cimd }),
    ...(options.scopesSupported === undefined ? {} : { scopesSupported: options.scopesSupported }),
  };
  return {
    url: `${origin}/mcp`,
    issuer: origin,
    port: server.port,
    counts: counter,
    settings,
    get familiesRevoked() {
      return tokens.familiesRevoked;
    },
    revokeAllAccessTokens: () => tokens.revokeAllAccessTokens(),
    revokeAllFamilies: () => tokens.revokeAllFamilies(),
    forgetClients: () => tokens.forgetClients(),
    close: server.close,
  };
}

const RESOURCE_METADATA = '/.well-known/oauth-protected-resource/mcp';

const ROUTES: Readonly<Record<string, Route>> = {
  '/mcp': mcp,
  [RESOURCE_METADATA]({ counter, origin, scopesSupported }, _, response) {
    counter.observe(response, 'resource-metadata');
    sendJson(response, 200, {
      resource: `${origin}/mcp`,
      authorization_servers: [origin],
      ...(scopesSupported === undefined ? {} : { scopes_supported: scopesSupported }),
    });
  },
  '/.well-known/oauth-authorization-server'({ counter, origin, cimd }, _, response) {
    counter.observe(response, 'server-metadata');
    sendJson(response, 200, {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      revocation_endpoint: `${origin}/revoke`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      ...(cimd === true ? { client_id_metadata_document_supported: true } : {}),
    });
  },
  async '/register'({ counter, tokens }, request, response) {
    counter.observe(response, 'register');
    const metadata = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    const uris = metadata['redirect_uris'];
    if (!Array.isArray(uris) || uris.length === 0) return sendJson(response, 400, { error: 'invalid_redirect_uri' });
    const registered = {
      ...metadata,
      client_id: tokens.register(uris.map(String)),
      token_endpoint_auth_method: 'none',
    };
    sendJson(response, 201, registered);
  },
  '/authorize'({ counter, origin, tokens }, request, response) {
    counter.observe(response, 'authorize');
    answer(response, () => {
      const location = tokens.authorize(new URL(request.url ?? '/', origin).searchParams, origin);
      response.writeHead(302, { location, 'content-length': '0' }).end();
    });
  },
  async '/token'({ counter, settings, tokens }, request, response) {
    counter.observe(response, 'token');
    const form = new URLSearchParams(await readBody(request));
    if (settings.tokenDelayMs > 0) await sleep(settings.tokenDelayMs);
    const kind = `token:${form.get('grant_type')}`;
    counter.tag(response, kind);
    answer(response, () => sendJson(response, 200, tokens.token(form), { 'cache-control': 'no-store' }));
  },
  async '/revoke'({ counter, tokens }, request, response) {
    counter.observe(response, 'revoke');
    tokens.revoke(new URLSearchParams(await readBody(request)).get('token') ?? '');
    response.writeHead(200, { 'content-length': '0' }).end();
  },
};

function notFound({ counter }: Context, _: IncomingMessage, response: ServerResponse): void {
  counter.observe(response, 'other');
  sendJson(response, 404, { error: 'not_found' });
}

function answer(response: ServerResponse, respond: () => void): void {
  try {
    respond();
  } catch (error) {
    if (!(error instanceof OAuthAnswer)) throw error;
    sendJson(response, error.status, { error: error.code }, { 'cache-control': 'no-store' });
  }
}

interface RpcRequest {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly protocolVersion?: string; readonly arguments?: unknown };
}

async function mcp(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { counter, settings, tokens } = context;
  counter.observe(response, 'mcp');
  const rpc = request.method === 'POST' ? (((await readJson(request)) ?? {}) as RpcRequest) : {};
  counter.tag(response, `mcp:${rpc.method ?? request.method}`);
  if (settings.mcpDelayMs > 0) await sleep(settings.mcpDelayMs);

  const authorization = request.headers.authorization;
  const scopes = authorization?.startsWith('Bearer ') === true ? tokens.scopesOf(authorization.slice(7)) : undefined;
  if (scopes === undefined) {
    return refuse(
      context,
      response,
      401,
      authorization === undefined ? undefined : 'invalid_token',
      settings.challengeScope,
    );
  }
  if (request.method !== 'POST') return sendJson(response, 405, { error: 'method_not_allowed' }, { allow: 'POST' });
  const needed = rpc.method === 'tools/call' ? (settings.toolScopes[rpc.params?.name ?? ''] ?? []) : [];
  if (!needed.every((scope) => scopes.includes(scope))) {
    return refuse(context, response, 403, 'insufficient_scope', needed.join(' '));
  }
  if (rpc.id === undefined) {
    response.writeHead(202, { 'content-length': '0' }).end();
    return;
  }
  sendJson(response, 200, { jsonrpc: '2.0', id: rpc.id, ...outcome(rpc) });
}

function refuse(
  { origin }: Context,
  response: ServerResponse,
  status: 401 | 403,
  error: string | undefined,
  scope: string | undefined,
): void {
  const parameters = [
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    `resource_metadata="${origin}${RESOURCE_METADATA}"`,
  ];
  const challenge = `Bearer ${parameters.join(', ')}`;
  sendJson(response, status, { error: error ?? 'unauthorized' }, { 'www-authenticate': challenge });
}

const STRING_ARGUMENT = { type: 'object', properties: { text: { type: 'string' } } };

function outcome({ method, params }: RpcRequest): { result: unknown } | { error: unknown } {
  switch (method) {
    case 'initialize':
      return {
        result: {
          protocolVersion: params?.protocolVersion ?? '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'rotating', version: '1.0.0' },
        },
      };
    case 'ping':
      return { result: {} };
    case 'tools/list':
      return { result: { tools: ['echo', 'create_issue'].map((name) => ({ name, inputSchema: STRING_ARGUMENT })) } };
    case 'tools/call': {
      const { text } = (params?.arguments ?? {}) as { text?: unknown };
      return { result: { content: [{ type: 'text', text: String(text ?? params?.name) }] } };
    }
    default:
      return { error: { code: -32_601, message: 'Method not found' } };
  }
}
