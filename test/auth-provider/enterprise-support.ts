import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { exportJWK, generateKeyPair, importJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { createCounter, type RequestCounts } from '../../examples/servers/http-counts.js';
import { listenOnLoopback, pathOf, readBody, sendJson } from '../../examples/servers/loopback-server.js';
import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  type EnterpriseManagedOptions,
  enterpriseManaged,
  MemoryTokenStore,
} from '../../src/index.js';
import { type Person, person, TestClock } from './support.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const ALGORITHM = 'ES256';

/** The client that the user signs in to at the identity provider, and the one at the MCP servers' authorization server. */
export const AT_IDP = { clientId: 'app-at-the-idp', clientSecret: 'the-secret-at-the-identity-provider' } as const;
export const AT_AS = { clientId: 'app-at-the-as', clientSecret: 'the-secret-at-the-authorization-server' } as const;

/** What the parts of the enterprise do, changeable while they run. */
export interface EnterpriseSettings {
  idTokenTtlS: number;
  idJagTtlS: number;
  accessTokenTtlS: number;
  /** Whether a refresh at the identity provider brings another ID token. */
  idTokenOnRefresh: boolean;
  idTokenOnSignIn: boolean;
  /** The policy: the OAuth error that it answers, where it denies; as an `echo`, with all that it was sent. */
  denial: { status?: number; error: string; error_description?: string } | undefined;
  /** The audience that the identity provider writes into the assertion, whatever was asked for. */
  audience: string | undefined;
  /** Whether clients may use the grants that they registered for, and no other. */
  bindGrants: boolean;
  /** Scopes of the MCP servers' tools, by path. */
  needed: Readonly<Record<string, string>>;
}

interface Grant {
  readonly challenge?: string;
  readonly redirectUri?: string;
  readonly subject: string;
}

/** One exchange for an ID-JAG, as it was asked for. */
export interface ExchangeRequest {
  readonly subjectTokenType: string;
  readonly audience: string;
  readonly resource: string;
  readonly scope: string;
}

export interface Enterprise {
  readonly settings: EnterpriseSettings;
  readonly idp: {
    readonly issuer: string;
    /** By kind: `metadata`, `authorize`, `token:authorization_code`, `token:refresh_token`, `token:token-exchange`. */
    readonly counts: RequestCounts;
    readonly exchanges: ExchangeRequest[];
    /** An ID token as the application's own sign-in would have it. */
    idToken(claims?: JWTPayload): Promise<string>;
    /** A refresh token from such a sign-in. */
    refreshToken(): string;
    /** Ends every session there: refresh tokens, and the ID tokens too where told to. */
    revokeAll(options?: { idTokens: boolean }): void;
    close(): Promise<void>;
  };
  readonly as: {
    readonly issuer: string;
    /** By kind: `metadata`, `register`, `token`. */
    readonly counts: RequestCounts;
    /** The `jti` and `client_id` of the assertions that were taken. */
    readonly taken: { readonly jti: string; readonly clientId: string; readonly exp: number }[];
    /** Why assertions were refused. */
    readonly refused: string[];
    revokeAccessTokens(): void;
    close(): Promise<void>;
  };
  /** Two MCP servers of the enterprise. */
  readonly one: string;
  readonly two: string;
  /** Requests to the MCP servers: `mcp`, by status. */
  readonly mcpCounts: RequestCounts;
  readonly store: MemoryTokenStore;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  readonly who: Person;
  /** Every credential that the parts gave or hold. */
  secrets(): string[];
  /** A provider for an MCP server, default the first; `client` is the one at the authorization server, `{}` to have it registered. */
  open(
    grant?: Partial<EnterpriseManagedOptions>,
    options?: Partial<AuthProviderOptions>,
    client?: { readonly clientId?: string; readonly clientSecret?: string },
  ): AuthProvider;
  close(): Promise<void>;
}

/** An identity provider, an authorization server that checks its assertions, and two MCP servers, on loopback. */
export async function startEnterprise(who: Person = person()): Promise<Enterprise> {
  const clock = new TestClock();
  const seconds = () => Math.floor(clock.now() / 1000);
  const settings: EnterpriseSettings = {
    idTokenTtlS: 600,
    idJagTtlS: 120,
    accessTokenTtlS: 3_600,
    idTokenOnRefresh: true,
    idTokenOnSignIn: true,
    denial: undefined,
    audience: undefined,
    bindGrants: false,
    needed: {},
  };
  const secrets = new Set<string>([AT_IDP.clientSecret, AT_AS.clientSecret]);
  const secret = (prefix: string) => {
    const value = `${prefix}-${randomUUID()}`;
    secrets.add(value);
    return value;
  };
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const publicKey = await importJWK(await exportJWK(pair.publicKey), ALGORITHM);
  const sign = async (claims: JWTPayload, typ: string, ttlS: number) => {
    const jwt = await new SignJWT({ iss: idp.origin, iat: seconds(), exp: seconds() + ttlS, ...claims })
      .setProtectedHeader({ alg: ALGORITHM, typ, kid: 'idp' })
      .sign(pair.privateKey);
    secrets.add(jwt);
    return jwt;
  };
  const verify = (jwt: string, options: Parameters<typeof jwtVerify>[2]) =>
    jwtVerify(jwt, publicKey, { issuer: idp.origin, currentDate: new Date(clock.now()), ...options });

  // The identity provider.
  const codes = new Map<string, Grant>();
  const refreshTokens = new Map<string, Grant>();
  const exchanges: ExchangeRequest[] = [];
  let validFrom = 0;
  const idpCounts = createCounter();
  const idToken = (claims: JWTPayload = {}) =>
    sign({ sub: 'alice', aud: AT_IDP.clientId, email: 'alice@example.com', ...claims }, 'JWT', settings.idTokenTtlS);
  const refreshTokenFor = (grant: Grant) => {
    const refreshToken = secret('idp-refresh');
    refreshTokens.set(refreshToken, grant);
    return refreshToken;
  };
  const signedIn = async (grant: Grant, withIdToken: boolean) => {
    return {
      access_token: secret('idp-access'),
      token_type: 'Bearer',
      expires_in: 300,
      refresh_token: refreshTokenFor(grant),
      scope: 'openid profile email offline_access',
      ...(withIdToken ? { id_token: await idToken() } : {}),
    };
  };
  const subjectOf = async (form: URLSearchParams) => {
    const token = form.get('subject_token') ?? '';
    if (form.get('subject_token_type') === `${TYPE}refresh_token`) return refreshTokens.get(token)?.subject;
    const { payload } = await verify(token, { audience: AT_IDP.clientId, typ: 'JWT' }).catch(() => ({ payload: null }));
    return Number(payload?.iat) < validFrom ? undefined : payload?.sub;
  };
  const redeem = async (form: URLSearchParams): Promise<Answer> => {
    const code = form.get('code') ?? '';
    const grant = codes.get(code);
    codes.delete(code);
    const isProven = s256(form.get('code_verifier') ?? '') === grant?.challenge;
    if (grant === undefined || !isProven || form.get('redirect_uri') !== grant.redirectUri)
      return refuse('invalid_grant');
    return { status: 200, body: await signedIn({ subject: grant.subject }, settings.idTokenOnSignIn) };
  };
  const refresh = async (form: URLSearchParams): Promise<Answer> => {
    const token = form.get('refresh_token') ?? '';
    const grant = refreshTokens.get(token);
    refreshTokens.delete(token);
    if (grant === undefined) return refuse('invalid_grant');
    return { status: 200, body: await signedIn(grant, settings.idTokenOnRefresh) };
  };
  const exchange = async (form: URLSearchParams): Promise<Answer> => {
    const asked = {
      subjectTokenType: form.get('subject_token_type')?.replace(TYPE, '') ?? '',
      audience: form.get('audience') ?? '',
      resource: form.get('resource') ?? '',
      scope: form.get('scope') ?? '',
    };
    exchanges.push(asked);
    if (settings.denial !== undefined) {
      const { status = 400, error, error_description: text } = settings.denial;
      return {
        status,
        body: { error, error_description: text === 'echo' ? `${form.get('subject_token')} ${form}` : text },
      };
    }
    const subject = await subjectOf(form);
    if (form.get('requested_token_type') !== `${TYPE}id-jag`) return refuse('invalid_request');
    if (subject === undefined) return refuse('invalid_grant');
    if (asked.audience !== as.origin) return refuse('invalid_target');
    // What a registered client is called there is the identity provider's to know.
    const client = { client_id: clientAtAs, jti: randomUUID(), scope: asked.scope };
    const claims = { sub: subject, aud: settings.audience ?? asked.audience, resource: asked.resource, ...client };
    const body = {
      access_token: await sign(claims, 'oauth-id-jag+jwt', settings.idJagTtlS),
      issued_token_type: `${TYPE}id-jag`,
      token_type: 'N_A',
      scope: asked.scope,
      expires_in: settings.idJagTtlS,
    };
    return { status: 200, body };
  };
  const grants: Readonly<Record<string, (form: URLSearchParams) => Promise<Answer>>> = {
    authorization_code: redeem,
    refresh_token: refresh,
    'token-exchange': exchange,
  };
  const idp = await listenOnLoopback(async (request, response) => {
    const url = new URL(request.url ?? '/', idp.origin);
    if (url.pathname === '/.well-known/openid-configuration') {
      idpCounts.observe(response, 'metadata');
      return sendJson(response, 200, {
        issuer: idp.origin,
        authorization_endpoint: `${idp.origin}/authorize`,
        token_endpoint: `${idp.origin}/token`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token', `${GRANT}token-exchange`],
        id_token_signing_alg_values_supported: [ALGORITHM],
        code_challenge_methods_supported: ['S256'],
        scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
        authorization_response_iss_parameter_supported: true,
      });
    }
    if (url.pathname === '/authorize') {
      idpCounts.observe(response, 'authorize');
      return authorize(url, response);
    }
    if (url.pathname !== '/token') return sendJson(response, 404, { error: 'not_found' });
    const form = new URLSearchParams(await readBody(request));
    const kind = form.get('grant_type')?.replace(GRANT, '') ?? '';
    idpCounts.observe(response, `token:${kind}`);
    if (!isClient(request, form, AT_IDP)) return sendJson(response, 401, { error: 'invalid_client' });
    const { status, body } = (await grants[kind]?.(form)) ?? refuse('unsupported_grant_type');
    sendJson(response, status, body);
  });
  const authorize = (url: URL, response: ServerResponse) => {
    const { searchParams: asked } = url;
    const redirectUri = asked.get('redirect_uri') ?? '';
    const callback = new URL(redirectUri);
    const isGood = asked.get('client_id') === AT_IDP.clientId && asked.get('code_challenge_method') === 'S256';
    if (!isGood) return sendJson(response, 400, { error: 'invalid_request' });
    const code = secret('idp-code');
    codes.set(code, { subject: 'alice', redirectUri, challenge: asked.get('code_challenge') ?? '' });
    callback.searchParams.set('code', code);
    callback.searchParams.set('state', asked.get('state') ?? '');
    callback.searchParams.set('iss', idp.origin);
    response.writeHead(302, { location: callback.href, 'content-length': '0' }).end();
  };

  // The MCP servers' authorization server.
  let clientAtAs: string = AT_AS.clientId;
  const clients = new Map<string, { readonly secret: string | undefined; readonly grants: readonly string[] }>([
    [AT_AS.clientId, { secret: AT_AS.clientSecret, grants: [`${GRANT}jwt-bearer`] }],
  ]);
  const used = new Set<string>();
  const taken: Enterprise['as']['taken'] = [];
  const refused: string[] = [];
  const accessTokens = new Map<string, { readonly resource: string; readonly scope: string; readonly exp: number }>();
  const asCounts = createCounter();
  const take = async (form: URLSearchParams, clientId: string): Promise<Answer> => {
    const no = (why: string, error = 'invalid_grant') => {
      refused.push(why);
      return refuse(error);
    };
    const { grants = [] } = clients.get(clientId) ?? {};
    if (settings.bindGrants && !grants.includes(form.get('grant_type') ?? ''))
      return no('grant', 'unauthorized_client');
    const checks = { audience: as.origin, typ: 'oauth-id-jag+jwt', requiredClaims: ['sub', 'jti', 'exp', 'iat'] };
    const assertion = await verify(form.get('assertion') ?? '', checks).catch((error: Error) => error);
    if (assertion instanceof Error) return no(assertion.message);
    const { jti = '', exp = 0, client_id: named, resource, scope } = assertion.payload;
    if (named !== clientId) return no('client_id');
    if (resource !== form.get('resource') || ![one, two].includes(String(resource))) return no('resource');
    if (used.has(jti)) return no('jti');
    used.add(jti);
    taken.push({ jti, clientId, exp });
    const token = secret('as-access');
    const granted = String(scope ?? '');
    accessTokens.set(token, { resource: String(resource), scope: granted, exp: seconds() + settings.accessTokenTtlS });
    const body = { access_token: token, token_type: 'Bearer', expires_in: settings.accessTokenTtlS, scope: granted };
    // One that is not asked for, which a client of this grant does not need.
    return { status: 200, body: { ...body, refresh_token: secret('as-refresh') } };
  };
  const as = await listenOnLoopback(async (request, response) => {
    const path = pathOf(request);
    if (path === '/.well-known/oauth-authorization-server') {
      asCounts.observe(response, 'metadata');
      return sendJson(response, 200, {
        issuer: as.origin,
        authorization_endpoint: `${as.origin}/authorize`,
        token_endpoint: `${as.origin}/token`,
        registration_endpoint: `${as.origin}/register`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', `${GRANT}jwt-bearer`],
        authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'none'],
        code_challenge_methods_supported: ['S256'],
      });
    }
    if (path === '/register') {
      asCounts.observe(response, 'register');
      const metadata = JSON.parse(await readBody(request)) as { grant_types?: string[] };
      const clientId = `registered-${clients.size}`;
      clients.set(clientId, { secret: undefined, grants: metadata.grant_types ?? ['authorization_code'] });
      clientAtAs = clientId;
      return sendJson(response, 201, { ...metadata, client_id: clientId, token_endpoint_auth_method: 'none' });
    }
    if (path !== '/token') return sendJson(response, 404, { error: 'not_found' });
    asCounts.observe(response, 'token');
    const form = new URLSearchParams(await readBody(request));
    const clientId = clientIdOf(request, form);
    const { secret: clientSecret } = clients.get(clientId) ?? {};
    if (!clients.has(clientId) || !isClient(request, form, { clientId, clientSecret })) {
      return sendJson(response, 401, { error: 'invalid_client' });
    }
    const { status, body } = await take(form, clientId);
    sendJson(response, status, body);
  });

  // The MCP servers.
  const mcpCounts = createCounter();
  const METADATA = '/.well-known/oauth-protected-resource';
  const mcp = await listenOnLoopback(async (request, response) => {
    const path = pathOf(request);
    if (path.startsWith(METADATA)) {
      const resource = `${mcp.origin}${path.slice(METADATA.length)}`;
      return sendJson(response, 200, { resource, authorization_servers: [as.origin], scopes_supported: ['mcp:read'] });
    }
    mcpCounts.observe(response, 'mcp');
    await readBody(request);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const found = accessTokens.get(token);
    const metadata = `resource_metadata="${mcp.origin}${METADATA}${path}"`;
    if (found === undefined || found.resource !== `${mcp.origin}${path}` || found.exp <= seconds()) {
      return sendJson(response, 401, { error: 'invalid_token' }, { 'www-authenticate': `Bearer ${metadata}` });
    }
    const needed = settings.needed[path];
    if (needed !== undefined && !found.scope.split(' ').includes(needed)) {
      const challenge = `Bearer error="insufficient_scope", scope="${needed}", ${metadata}`;
      return sendJson(response, 403, { error: 'insufficient_scope' }, { 'www-authenticate': challenge });
    }
    sendJson(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
  });
  const one = `${mcp.origin}/one`;
  const two = `${mcp.origin}/two`;

  const store = new MemoryTokenStore();
  const events: AuthEvent[] = [];
  const providers: AuthProvider[] = [];
  return {
    settings,
    idp: {
      issuer: idp.origin,
      counts: idpCounts,
      exchanges,
      idToken,
      refreshToken: () => refreshTokenFor({ subject: 'alice' }),
      revokeAll({ idTokens } = { idTokens: false }) {
        refreshTokens.clear();
        if (idTokens) validFrom = seconds() + 1;
      },
      close: idp.close,
    },
    as: {
      issuer: as.origin,
      counts: asCounts,
      taken,
      refused,
      revokeAccessTokens: () => accessTokens.clear(),
      close: as.close,
    },
    one,
    two,
    mcpCounts,
    store,
    clock,
    events,
    who,
    secrets: () => [...secrets],
    open(grant = {}, options = {}, client = AT_AS) {
      const provider = createAuthProvider({
        serverUrl: one,
        grant: enterpriseManaged({
          identityProvider: { issuer: idp.origin, ...AT_IDP },
          subjectToken: 'sign-in',
          ...client,
          ...grant,
        }),
        store,
        clock,
        openBrowser: who.openBrowser,
        onEvent: (event) => void events.push(event),
        ...options,
      });
      providers.push(provider);
      return provider;
    },
    async close() {
      for (const provider of providers) await provider.close();
      await who.close();
      for (const server of [mcp, as, idp]) await server.close();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function refuse(error: string): Answer {
  return { status: error === 'invalid_client' ? 401 : 400, body: { error } };
}

function s256(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/** By Basic, or in the form. */
function clientIdOf(request: IncomingMessage, form: URLSearchParams): string {
  return basicOf(request)?.clientId ?? form.get('client_id') ?? '';
}

function isClient(
  request: IncomingMessage,
  form: URLSearchParams,
  expected: { readonly clientId: string; readonly clientSecret: string | undefined },
): boolean {
  const { clientId, clientSecret } = basicOf(request) ?? {
    clientId: form.get('client_id') ?? '',
    clientSecret: form.get('client_secret') ?? undefined,
  };
  return clientId === expected.clientId && clientSecret === expected.clientSecret;
}

function basicOf(request: IncomingMessage): { clientId: string; clientSecret: string } | undefined {
  const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme !== 'Basic') return undefined;
  const [clientId = '', clientSecret = ''] = atob(credentials).split(':').map(decodeURIComponent);
  return { clientId, clientSecret };
}

/** Everything that an application could log, errors with their causes and stacks among it. */
export function logged(...values: readonly unknown[]): string {
  return values
    .map((value) => {
      const texts = [inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value) ?? ''];
      for (let at = value; at instanceof Error; at = at.cause)
        texts.push(at.message, String(at.stack), JSON.stringify(at));
      return texts.join('\n');
    })
    .join('\n');
}

/** The values of a store, by key. */
export async function contentsOf(store: MemoryTokenStore): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const key of await store.list('')) found.set(key, (await store.get(key)) ?? '');
  return found;
}
