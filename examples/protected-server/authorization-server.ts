import { randomBytes, randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { KoaContext, Provider as OidcProvider } from 'oidc-provider';
import { DEVICE_PAGES } from '../servers/device-pages.js';
import { escapeHtml } from '../servers/html-form.js';
import { handleInteraction, PAGE_HEADERS, pageHtml } from '../servers/interactions.js';
import { Provider } from '../servers/quiet-oidc-provider.js';
import type { ExpiringStore } from './expiring-store.js';
import { errors } from './oidc-errors.js';
import { createProviderStorage, PENDING_SECONDS, SESSION_SECONDS } from './provider-storage.js';
import { SCOPES } from './scopes.js';
import type { ClientCredentials } from './settings.js';
import type { Switches } from './switches.js';

export interface AuthorizationServerOptions {
  readonly issuer: string;
  /** The resources that tokens are issued for; a client that names none gets the first. */
  readonly resources: readonly string[];
  /** `opaque` tokens are looked up or introspected, `jwt` ones are checked by their signature. */
  readonly tokens: 'opaque' | 'jwt';
  /** Who may introspect. */
  readonly introspection?: ClientCredentials | undefined;
  readonly clients?: readonly Record<string, unknown>[];
  readonly store: ExpiringStore;
  readonly switches: Switches;
}

export interface AuthorizationServer {
  readonly provider: OidcProvider;
  /** Ends an access token, or a refresh token with its family; a token it does not know is no error. */
  revoke(token: string): Promise<void>;
}

const ALGORITHM = 'ES256';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** Mounts a certified authorization server (oidc-provider), with its pages, at the root of `app`. Mount it last. */
export async function mountAuthorizationServer(
  app: Express,
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const { switches } = options;
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const key: JWK = { ...(await exportJWK(pair.privateKey)), kid: randomUUID(), alg: ALGORITHM, use: 'sig' };
  const provider = new Provider(options.issuer, { ...configuration(options), jwks: { keys: [key] } });
  provider.on('server_error', (_, error) => console.error('authorization server:', error));
  provider.use(async (context, next) => {
    await next();
    if (/^\/\.well-known\//.test(context.path) && context.status === 200) {
      context.body = asSwitched(context.body as Record<string, unknown>, switches);
    }
    // Nobody who tries something out wants to wait for five seconds, which is the default (RFC 8628 section 3.2).
    if (context.path === '/device/auth' && context.status === 200)
      Object.assign(context.body as object, { interval: 1 });
  });
  app.all('/interaction/:uid', (request, response) => handleInteraction(provider, request, response));
  const callback = provider.callback();
  app.use((request, response) => {
    // What is switched off is not there, whoever asks for it.
    if (switches.dpop === 'off') delete request.headers['dpop'];
    if (!switches.deviceGrant && /^\/device(\/|$)/.test(request.path))
      response.status(404).json({ error: 'not_found' });
    else callback(request, response);
  });
  return {
    provider,
    async revoke(token) {
      const refreshToken = await provider.RefreshToken.find(token);
      for (const model of [provider.RefreshToken, provider.AccessToken]) {
        if (refreshToken?.grantId !== undefined) await model.revokeByGrantId(refreshToken.grantId);
      }
      await (await provider.AccessToken.find(token))?.destroy();
    },
  };
}

function configuration(options: AuthorizationServerOptions): Record<string, unknown> {
  const { switches, resources, introspection } = options;
  const introspector = introspection && {
    client_id: introspection.clientId,
    client_secret: introspection.clientSecret,
    redirect_uris: [],
    response_types: [],
    grant_types: [],
  };
  const mayRefresh = (client: { grantTypeAllowed(type: string): boolean }, scopes: ReadonlySet<string>) =>
    client.grantTypeAllowed('refresh_token') && scopes.has('offline_access');
  return {
    adapter: createProviderStorage(options.store, switches),
    scopes: ['openid', 'offline_access', ...SCOPES],
    responseTypes: ['code'],
    clients: [...(options.clients ?? []), ...(introspector === undefined ? [] : [introspector])],
    clientDefaults: { id_token_signed_response_alg: ALGORITHM },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clientBasedCORS: () => false,
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: (_: unknown, { accountId }: { accountId?: string }) =>
      accountId === undefined ? undefined : { email: `${accountId}@example.com` },
    pkce: { required: () => true },
    expiresWithSession: () => false,
    rotateRefreshToken: () => switches.rotation !== 'never',
    issueRefreshToken: (_: unknown, client: Parameters<typeof mayRefresh>[0], code: { scopes: ReadonlySet<string> }) =>
      mayRefresh(client, code.scopes),
    renderError(context: KoaContext, out: Record<string, unknown>) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) context.response.set(name, value);
      const lines = Object.values(out).map((value) => `<p>${escapeHtml(String(value))}</p>`);
      context.body = pageHtml('Something went wrong', lines.join(''));
    },
    ttl: {
      AccessToken: () => switches.accessTokenSeconds,
      ClientCredentials: () => switches.accessTokenSeconds,
      AuthorizationCode: () => switches.codeSeconds,
      DeviceCode: PENDING_SECONDS,
      Interaction: PENDING_SECONDS,
      IdToken: 3_600,
      RefreshToken: SESSION_SECONDS,
      Session: SESSION_SECONDS,
      Grant: SESSION_SECONDS,
    },
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      clientCredentials: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      deviceFlow: { enabled: true, ...DEVICE_PAGES },
      dPoP: { enabled: true },
      registration: { enabled: true },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
      revocation: { enabled: true, allowedPolicy: isOwn },
      introspection: {
        enabled: introspection !== undefined,
        allowedPolicy: (_: unknown, client: { clientId: string }) => client.clientId === introspection?.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_: unknown, __: unknown, oneOf: unknown) => oneOf ?? resources[0],
        useGrantedResource: () => true,
        getResourceServerInfo(_: unknown, resource: string) {
          if (!resources.includes(resource)) throw new errors.InvalidTarget('no such resource here');
          const format = {
            accessTokenFormat: options.tokens,
            ...(options.tokens === 'jwt' && { jwt: { sign: { alg: ALGORITHM } } }),
          };
          return { scope: SCOPES.join(' '), audience: resource, ...format };
        },
      },
    },
  };
}

function isOwn(_: unknown, client: { clientId: string }, token: { clientId: string }): boolean {
  return client.clientId === token.clientId;
}

/** The metadata without what is switched off. */
function asSwitched(metadata: Record<string, unknown>, switches: Switches): Record<string, unknown> {
  const shown = { ...metadata };
  if (switches.dpop === 'off') delete shown['dpop_signing_alg_values_supported'];
  if (switches.deviceGrant) return shown;
  delete shown['device_authorization_endpoint'];
  const grants = shown['grant_types_supported'] as readonly string[];
  return { ...shown, grant_types_supported: grants.filter((grant) => grant !== DEVICE_GRANT) };
}
