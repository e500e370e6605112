import { randomBytes, randomUUID } from 'node:crypto';
import { decodeJwt, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { KoaContext, Provider as OidcProvider } from 'oidc-provider';
import { DEVICE_PAGES } from './device-pages.js';
import { escapeHtml } from './html-form.js';
import { createCounter, type RequestCounts } from './http-counts.js';
import { handleInteraction, PAGE_HEADERS, pageHtml } from './interactions.js';
import { type Intercept, listenOnLoopback, pathOf } from './loopback-server.js';
import { createOidcStorage } from './oidc-adapter.js';
import { Provider } from './quiet-oidc-provider.js';

export interface AuthorizationServerOptions {
  /** The scopes of the resource servers, beside `openid` and `offline_access`. Default `mcp:read mcp:write mcp:admin`. */
  scopes?: readonly string[];
  /** Lifetime of access tokens in whole seconds; default 3600. Changeable by `setAccessTokenTtl`. */
  accessTokenTtlSeconds?: number;
  /** Refresh tokens for everyone who may have one, or (default) only with `offline_access`. */
  issueRefreshToken?: 'offline_access' | 'always';
  /** New refresh token at every refresh, and reuse ends the family; default true. */
  rotateRefreshTokens?: boolean;
  /** Dynamic client registration; default true. */
  registration?: boolean;
  /** The initial access token that registration wants; default none. */
  initialAccessToken?: string;
  /** Refuses scopes that a client did not register; default false, as most servers do. */
  bindScopesToRegistration?: boolean;
  /** Client ID Metadata Documents; the function fetches a document by its https URL (the provider refuses loopback). */
  clientIdMetadataDocument?: (url: string) => Promise<Response>;
  /** Announces and sends `iss` in authorization responses (RFC 9207); default true. */
  authorizationResponseIss?: boolean;
  /** The resource where a client names none; default none, which gives a token that no MCP server takes. */
  defaultResource?: string;
  /** Pre-registered clients, as RFC 7591 metadata with `client_id`. */
  clients?: readonly Record<string, unknown>[];
  signingAlgorithm?: 'ES256' | 'RS256';
  /** More features of oidc-provider by name, such as `deviceFlow: { enabled: true }`. */
  features?: Readonly<Record<string, unknown>>;
  /** Changes the metadata document before it is served. */
  editMetadata?: (metadata: Record<string, unknown>) => Record<string, unknown>;
  intercept?: Intercept;
  /** Default 0: a free port. */
  port?: number;
  /** Failures of the server itself; default: printed to stderr. */
  onError?: (error: Error) => void;
}

export interface AuthorizationServer {
  readonly issuer: string;
  readonly metadataUrl: string;
  readonly jwksUrl: string;
  readonly port: number;
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly provider: OidcProvider;
  /**
   * By endpoint: `metadata`, `jwks`, `registration`, `authorization`, `device-authorization`, `interaction`, `token`,
   * `token:authorization_code`, `token:refresh_token`, `token:urn:ietf:params:oauth:grant-type:device_code`, `revocation`;
   * anything else as `GET /path`.
   */
  readonly counts: RequestCounts;
  /** Lifetime of the access tokens issued from now on, in whole seconds. */
  setAccessTokenTtl(seconds: number): void;
  /** Revokes one access token before it expires; its refresh token stays good. */
  revokeAccessToken(token: string): void;
  /** Revokes every access token issued so far; refresh tokens stay good. */
  revokeAllAccessTokens(): void;
  /** Ends every grant: access tokens, codes and refresh tokens. */
  revokeAllGrants(): void;
  /** Forgets the registered clients. */
  forgetClients(): void;
  /** Whether the access token with these claims was revoked, by itself or with its grant. */
  isRevoked(claims: { readonly jti?: unknown }): boolean;
  close(): Promise<void>;
}

const ENDPOINTS: Readonly<Record<string, string>> = {
  '/.well-known/oauth-authorization-server': 'metadata',
  '/.well-known/openid-configuration': 'metadata',
  '/jwks': 'jwks',
  '/reg': 'registration',
  '/token': 'token',
  '/token/revocation': 'revocation',
  '/token/introspection': 'introspection',
  '/device/auth': 'device-authorization',
};

/** Starts a certified authorization server (oidc-provider) on loopback, with a login and a consent page. */
export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const counter = createCounter();
  const grantOf = new Map<string, string | undefined>();
  const revokedTokens = new Set<string>();
  const revokedGrants = new Set<string>();
  const ttl = { seconds: options.accessTokenTtlSeconds ?? 3_600 };
  const storage = createOidcStorage({ bindScopesToRegistration: options.bindScopesToRegistration ?? false });
  const algorithm = options.signingAlgorithm ?? 'ES256';
  const { privateJwk, publicJwk } = await createSigningKey(algorithm);

  const handler: { current?: (...args: Parameters<Intercept>) => void | Promise<void> } = {};
  const server = await listenOnLoopback((request, response) => handler.current?.(request, response), options.port);
  const provider = new Provider(server.origin, {
    ...configuration(options, algorithm, ttl),
    adapter: storage.adapter,
    jwks: { keys: [privateJwk] },
  });
  const onError = options.onError ?? ((error: Error) => console.error('authorization server:', error));
  provider.on('server_error', (_, error) => onError(error));
  provider.on('error', onError);
  provider.on('access_token.issued', (token) => grantOf.set(token.jti, token.grantId));
  // A machine's token belongs to no grant of a person.
  provider.on('client_credentials.issued', (token) => grantOf.set(token.jti, undefined));
  provider.on('grant.revoked', (_, grantId) => revokedGrants.add(grantId));
  provider.use(async (context, next) => {
    await next();
    const grantType = context.oidc?.route === 'token' ? context.oidc.params?.['grant_type'] : undefined;
    if (grantType !== undefined) counter.tag(context.res, `token:${String(grantType)}`);
    alterAnswer(context, server.origin, options);
  });

  const callback = provider.callback();
  handler.current = async (request, response) => {
    counter.observe(response, kindOf(request.method, pathOf(request)));
    if ((await options.intercept?.(request, response)) === true) return;
    if (pathOf(request).startsWith('/interaction/')) await handleInteraction(provider, request, response);
    else callback(request, response);
  };

  return {
    issuer: server.origin,
    metadataUrl: `${server.origin}/.well-known/oauth-authorization-server`,
    jwksUrl: `${server.origin}/jwks`,
    port: server.port,
    jwks: { keys: [publicJwk] },
    provider,
    counts: counter,
    setAccessTokenTtl(seconds) {
      ttl.seconds = seconds;
    },
    revokeAccessToken(token) {
      const { jti } = decodeJwt(token);
      if (jti !== undefined) revokedTokens.add(jti);
    },
    revokeAllAccessTokens() {
      for (const jti of grantOf.keys()) revokedTokens.add(jti);
    },
    revokeAllGrants() {
      for (const grantId of storage.revokeGrants()) revokedGrants.add(grantId);
    },
    forgetClients: storage.forgetClients,
    isRevoked({ jti }) {
      if (typeof jti !== 'string') return true;
      return revokedTokens.has(jti) || revokedGrants.has(grantOf.get(jti) ?? '');
    },
    close: server.close,
  };
}

async function createSigningKey(algorithm: 'ES256' | 'RS256'): Promise<{ privateJwk: JWK; publicJwk: JWK }> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const common = { kid: randomUUID(), alg: algorithm, use: 'sig' };
  return {
    privateJwk: { ...(await exportJWK(pair.privateKey)), ...common },
    publicJwk: { ...(await exportJWK(pair.publicKey)), ...common },
  };
}

/** Settles everything that would otherwise fall back to a development default with a printed notice. */
function configuration(
  options: AuthorizationServerOptions,
  algorithm: string,
  ttl: { readonly seconds: number },
): Record<string, unknown> {
  const scopes = [...(options.scopes ?? ['mcp:read', 'mcp:write', 'mcp:admin'])];
  const day = 86_400;
  const documents = options.clientIdMetadataDocument;
  const deviceFlow = options.features?.['deviceFlow'] as Record<string, unknown> | undefined;
  return {
    scopes: ['openid', 'offline_access', ...scopes],
    clients: options.clients ?? [],
    clientDefaults: { id_token_signed_response_alg: algorithm },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clientBasedCORS: () => false,
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    pkce: { required: () => true },
    expiresWithSession: () => false,
    rotateRefreshToken: options.rotateRefreshTokens ?? true,
    issueRefreshToken: (
      _: unknown,
      client: { grantTypeAllowed(grantType: string): boolean },
      source: { scopes: ReadonlySet<string> },
    ) =>
      client.grantTypeAllowed('refresh_token') &&
      (options.issueRefreshToken === 'always' || source.scopes.has('offline_access')),
    renderError(context: KoaContext, out: Record<string, unknown>) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) context.response.set(name, value);
      const lines = Object.values(out).map((value) => `<p>${escapeHtml(String(value))}</p>`);
      context.body = pageHtml('Something went wrong', lines.join(''));
    },
    ttl: {
      AccessToken: () => ttl.seconds,
      ClientCredentials: () => ttl.seconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      IdToken: 3_600,
      Interaction: 3_600,
      RefreshToken: 14 * day,
      Session: 14 * day,
      Grant: 14 * day,
    },
    ...(documents === undefined ? {} : { fetch: (url: string | URL) => documents(String(url)) }),
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      registration: {
        enabled: options.registration ?? true,
        initialAccessToken: options.initialAccessToken ?? false,
        issueRegistrationAccessToken: false,
      },
      revocation: { enabled: true, allowedPolicy: ownToken },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_: unknown, __: unknown, oneOf: unknown) => oneOf ?? options.defaultResource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: scopes.join(' '),
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: algorithm } },
        }),
      },
      ...(documents === undefined ? {} : { clientIdMetadataDocument: { enabled: true, ack: 'draft-02' } }),
      ...options.features,
      ...(deviceFlow === undefined ? {} : { deviceFlow: { ...DEVICE_PAGES, ...deviceFlow } }),
    },
  };
}

function ownToken(_: unknown, client: { clientId: string }, token: { clientId: string }): boolean {
  return client.clientId === token.clientId;
}

function alterAnswer(context: KoaContext, origin: string, options: AuthorizationServerOptions): void {
  const withIss = options.authorizationResponseIss ?? true;
  if (ENDPOINTS[context.path] === 'metadata' && context.status === 200) {
    const metadata = { ...(context.body as Record<string, unknown>) };
    if (!withIss) delete metadata['authorization_response_iss_parameter_supported'];
    context.body = options.editMetadata?.(metadata) ?? metadata;
  }
  const location = context.response.get('location');
  if (withIss || location === '' || !URL.canParse(location) || location.startsWith(`${origin}/`)) return;
  const url = new URL(location);
  url.searchParams.delete('iss');
  context.response.set('location', url.href);
}

function kindOf(method: string | undefined, path: string): string {
  if (path === '/auth' || path.startsWith('/auth/')) return 'authorization';
  if (path.startsWith('/interaction/')) return 'interaction';
  return ENDPOINTS[path] ?? `${method} ${path}`;
}
