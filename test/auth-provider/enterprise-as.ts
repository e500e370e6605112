import { createCounter, type RequestCounts } from '../../examples/servers/http-counts.js';
import { listenOnLoopback, pathOf, readBody, sendJson } from '../../examples/servers/loopback-server.js';
import { type Answer, clientIdOf, GRANT, isClient, refuse } from './enterprise-http.js';
import type { EnterpriseIdp } from './enterprise-idp.js';
import { AT_AS, type EnterpriseWorld } from './enterprise-settings.js';

export interface EnterpriseAs {
  readonly issuer: string;
  /** By kind: `metadata`, `register`, `token`. */
  readonly counts: RequestCounts;
  /** The `jti` and `client_id` of the assertions that were taken. */
  readonly taken: { readonly jti: string; readonly clientId: string; readonly exp: number }[];
  /** Why assertions were refused. */
  readonly refused: string[];
  revokeAccessTokens(): void;
  /** The access tokens that were given and count. */
  readonly accessTokens: ReadonlyMap<string, AccessToken>;
  /** What the application is called here: as it was told, or as it last registered. */
  clientId(): string;
  close(): Promise<void>;
}

interface AccessToken {
  readonly resource: string;
  readonly scope: string;
  /** In seconds since the epoch. */
  readonly exp: number;
}

interface Peers {
  readonly verify: EnterpriseIdp['verify'];
  /** The MCP servers that tokens are given for. */
  resources(): readonly string[];
}

/** The MCP servers' authorization server: it checks the assertions of the identity provider. */
export async function startEnterpriseAs(world: EnterpriseWorld, peers: Peers): Promise<EnterpriseAs> {
  const { settings, secret, seconds } = world;
  let clientAtAs: string = AT_AS.clientId;
  const clients = new Map<string, { readonly secret: string | undefined; readonly grants: readonly string[] }>([
    [AT_AS.clientId, { secret: AT_AS.clientSecret, grants: [`${GRANT}jwt-bearer`] }],
  ]);
  const used = new Set<string>();
  const taken: EnterpriseAs['taken'] = [];
  const refused: string[] = [];
  const accessTokens = new Map<string, AccessToken>();
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
    const assertion = await peers.verify(form.get('assertion') ?? '', checks).catch((error: Error) => error);
    if (assertion instanceof Error) return no(assertion.message);
    const { jti = '', exp = 0, client_id: named, resource, scope } = assertion.payload;
    if (named !== clientId) return no('client_id');
    if (resource !== form.get('resource') || !peers.resources().includes(String(resource))) return no('resource');
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
  return {
    issuer: as.origin,
    counts: asCounts,
    taken,
    refused,
    revokeAccessTokens: () => accessTokens.clear(),
    accessTokens,
    clientId: () => clientAtAs,
    close: as.close,
  };
}
