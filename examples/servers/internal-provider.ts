import { randomBytes, randomUUID } from 'node:crypto';
import { InvalidGrantError, InvalidTargetError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import type { AuthorizationParams, OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import type { OAuthClientInformationFull, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Response } from 'express';
import { type Caller, InvalidTokenError } from './token-verifier.js';

interface Family {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  /** The only refresh token that is good. */
  refreshToken: string;
  revoked: boolean;
}

interface Code {
  readonly clientId: string;
  readonly params: AuthorizationParams;
  readonly expiresAt: number;
}

export interface InternalProvider extends OAuthServerProvider {
  verifyAccessToken(token: string): Promise<Caller & { expiresAt: number }>;
  setAccessTokenTtl(seconds: number): void;
  revokeAllAccessTokens(): void;
  forgetClients(): void;
}

/**
 * A small authorization server for the SDK's `mcpAuthRouter`, in memory: everyone who comes is signed in and
 * consents at once; refresh tokens rotate and a reused one ends its family.
 */
export function createInternalProvider(options: {
  accessTokenTtlSeconds: number;
  /** The scopes where a client asks for none. */
  defaultScopes: readonly string[];
  /** Resource identifiers that tokens may be asked for. */
  resources: readonly string[];
}): InternalProvider {
  const clients = new Map<string, OAuthClientInformationFull>();
  const codes = new Map<string, Code>();
  const families = new Map<string, Family>();
  const accessTokens = new Map<string, { readonly family: Family; readonly expiresAt: number }>();
  let ttl = options.accessTokenTtlSeconds;

  const issue = (family: Family): OAuthTokens => {
    const accessToken = opaque();
    accessTokens.set(accessToken, { family, expiresAt: Math.floor(Date.now() / 1_000) + ttl });
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: ttl,
      refresh_token: family.refreshToken,
      scope: family.scopes.join(' '),
    };
  };
  const checkResource = (resource: URL | undefined) => {
    if (resource !== undefined && !options.resources.includes(resource.href)) {
      throw new InvalidTargetError('Unknown resource');
    }
  };
  const codeOf = (client: OAuthClientInformationFull, value: string): Code => {
    const code = codes.get(value);
    if (code === undefined || code.clientId !== client.client_id || code.expiresAt < Date.now()) {
      throw new InvalidGrantError('The code is unknown, used or expired');
    }
    return code;
  };

  return {
    clientsStore: {
      getClient: (id) => clients.get(id),
      registerClient(metadata) {
        const client = { client_id: randomUUID(), client_id_issued_at: Math.floor(Date.now() / 1_000), ...metadata };
        clients.set(client.client_id, client);
        return client;
      },
    },
    async authorize(client, params, response: Response) {
      checkResource(params.resource);
      const code = opaque();
      codes.set(code, { clientId: client.client_id, params, expiresAt: Date.now() + 60_000 });
      const url = new URL(params.redirectUri);
      url.searchParams.set('code', code);
      if (params.state !== undefined) url.searchParams.set('state', params.state);
      response.redirect(url.href);
    },
    async challengeForAuthorizationCode(client, value) {
      return codeOf(client, value).params.codeChallenge;
    },
    async exchangeAuthorizationCode(client, value, _, redirectUri, resource) {
      const { params } = codeOf(client, value);
      codes.delete(value);
      if (redirectUri !== undefined && redirectUri !== params.redirectUri) {
        throw new InvalidGrantError('Another redirect_uri');
      }
      checkResource(resource);
      const scopes = params.scopes !== undefined && params.scopes.length > 0 ? params.scopes : options.defaultScopes;
      const family: Family = {
        clientId: client.client_id,
        scopes,
        resource: (resource ?? params.resource)?.href,
        refreshToken: opaque(),
        revoked: false,
      };
      families.set(family.refreshToken, family);
      return issue(family);
    },
    async exchangeRefreshToken(client, value, _, resource) {
      checkResource(resource);
      const family = families.get(value);
      if (family === undefined || family.revoked || family.clientId !== client.client_id) {
        throw new InvalidGrantError('The refresh token is unknown or revoked');
      }
      if (family.refreshToken !== value) {
        family.revoked = true;
        throw new InvalidGrantError('The refresh token was used before');
      }
      family.refreshToken = opaque();
      families.set(family.refreshToken, family);
      return issue(family);
    },
    async verifyAccessToken(token) {
      const known = accessTokens.get(token);
      if (known === undefined || known.family.revoked) throw new InvalidTokenError('unknown or revoked');
      if (known.expiresAt <= Date.now() / 1_000) throw new InvalidTokenError('expired');
      const { clientId, scopes, resource } = known.family;
      return {
        token,
        clientId,
        scopes: [...scopes],
        expiresAt: known.expiresAt,
        ...(resource === undefined ? {} : { resource: new URL(resource) }),
        extra: { userId: 'alice' },
      };
    },
    async revokeToken(client, { token }) {
      const family = families.get(token);
      if (family !== undefined && family.clientId === client.client_id) family.revoked = true;
      if (accessTokens.get(token)?.family.clientId === client.client_id) accessTokens.delete(token);
    },
    setAccessTokenTtl(seconds) {
      ttl = seconds;
    },
    revokeAllAccessTokens: () => accessTokens.clear(),
    forgetClients: () => clients.clear(),
  };
}

function opaque(): string {
  return randomBytes(24).toString('base64url');
}
