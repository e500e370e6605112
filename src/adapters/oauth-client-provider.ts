import type * as oauth from 'oauth4webapi';
import type { AuthSession } from '../authorization/session.js';
import { readContext, type SessionContext } from '../authorization/session-context.js';
import { withContext } from '../authorization/sign-in.js';
import { McpOAuthError } from '../errors.js';
import { clientAuthentication, validateCallback } from '../grants/index.js';
import { coversScope, parseScope } from '../scope.js';
import type { TokenSet } from '../tokens/token-set.js';
import { type ExchangeSlot, exchangeSlot, type WireTokens, withResolvers } from './token-exchange-slot.js';

/** The client metadata as the SDKs' types want it. */
export type SdkClientMetadata = {
  redirect_uris: string[];
  client_name?: string;
  scope?: string;
  [member: string]: unknown;
};

/** What is to be forgotten, in the SDKs' words. */
export type InvalidationScope = 'all' | 'client' | 'tokens' | 'verifier' | 'discovery';

/**
 * The `OAuthClientProvider` interface of the v1 and v2 SDKs. To their `auth()` it is not interactive (no `redirectUrl`):
 * the person signs in inside `prepareTokenRequest()`, and the SDK then posts the token request.
 */
export interface McpOAuthClientProvider {
  readonly redirectUrl: undefined;
  readonly clientMetadata: SdkClientMetadata;
  /** The client id, where there is one already. The SDK does not use it: requests are authenticated by `addClientAuthentication`. */
  clientInformation(): Promise<{ client_id: string } | undefined>;
  /** The valid tokens, refreshed where that is needed; never the refresh token. */
  tokens(): Promise<{ access_token: string; token_type: string; expires_in?: number; scope?: string } | undefined>;
  /** Stores what the SDK got and releases the session's lock. */
  saveTokens(tokens: WireTokens): Promise<void>;
  /** Signs the person in, where that is needed, and gives the token request that the SDK posts. */
  prepareTokenRequest(scope?: string): Promise<URLSearchParams>;
  /** Puts the client's credentials into the token request. Throws `issuer_mismatch` where it would go elsewhere. */
  addClientAuthentication(headers: Headers, parameters: URLSearchParams, url: string | URL): Promise<void>;
  /** The authorization server refused: drops what the SDK names. */
  invalidateCredentials(scope: InvalidationScope): Promise<void>;
  /** Takes over where the SDK found the resource metadata. */
  saveDiscoveryState(state: { authorizationServerUrl: string; resourceMetadataUrl?: string | undefined }): void;
  /** The resource indicator that the application set; only there where it set one. */
  validateResourceURL?(serverUrl: string | URL, resource?: string): Promise<URL | undefined>;
  /** Never called by the SDK for a provider without `redirectUrl`. */
  redirectToAuthorization(url: URL): void;
  /** Never called by the SDK for a provider without `redirectUrl`. */
  saveCodeVerifier(codeVerifier: string): void;
  /** Never called by the SDK for a provider without `redirectUrl`. */
  codeVerifier(): string;
}

/** Shown to the SDK before there is a client; it never leaves the process, since our own client authentication is used. */
const NO_CLIENT_YET = 'mcp-oauth-client';

/** The `OAuthClientProvider` over a session. */
export function createOAuthClientProvider(session: AuthSession): McpOAuthClientProvider {
  const { options, tokens } = session;
  let slot: ExchangeSlot | undefined;
  /** Settles when what `saveTokens` was given is stored. */
  let stored: Promise<unknown> = Promise.resolve();
  let sdkIssuer: string | undefined;
  let resourceMetadataUrl: string | undefined;

  return {
    redirectUrl: undefined,
    clientMetadata: { ...options.clientMetadata, redirect_uris: [] } as SdkClientMetadata,
    async clientInformation() {
      const context = readContext(await tokens.current());
      return { client_id: context?.client.client_id ?? NO_CLIENT_YET };
    },
    async tokens() {
      const accessToken = await tokens.getAccessToken();
      if (accessToken === undefined) {
        await session.assertUsable();
        return undefined;
      }
      return toWire(await tokens.current(), accessToken, options.clock.now());
    },
    async saveTokens(wire) {
      slot?.save(wire);
      await stored;
    },
    async prepareTokenRequest(scope) {
      await session.assertUsable();
      const current = await tokens.reload();
      const wanted = parseScope(scope);
      slot = canRefresh(current, wanted) ? await prepareRefresh() : await prepareSignIn(current, wanted);
      return new URLSearchParams(slot.parameters);
    },
    async addClientAuthentication(headers, parameters, url) {
      if (slot === undefined || new URL(url).href !== slot.tokenEndpoint) {
        throw new McpOAuthError(
          'issuer_mismatch',
          'The SDK found another token endpoint than this library. Nothing was sent; check the metadata of the server.',
          { stage: 'token' },
        );
      }
      await slot.authenticate(headers, parameters);
    },
    async invalidateCredentials(scope) {
      if (scope === 'verifier') return;
      slot?.fail(
        new McpOAuthError('token_request_failed', 'The authorization server refused the token request of the SDK.', {
          stage: 'token',
          oauthError: 'invalid_grant',
        }),
      );
      await stored.catch(() => undefined);
      session.parts.discovery.drop();
      if (scope === 'discovery') return;
      const current = await tokens.current();
      const context = readContext(current);
      if (context?.registration === 'dynamic' && scope !== 'tokens') {
        await session.registrations.remove(context.issuer, context.client.client_id);
      }
      if (current !== undefined) await tokens.setTokens(withoutRefreshToken(current));
    },
    saveDiscoveryState(state) {
      sdkIssuer = state.authorizationServerUrl;
      resourceMetadataUrl = state.resourceMetadataUrl;
    },
    ...(options.resource === undefined
      ? {}
      : {
          validateResourceURL: async () =>
            options.resource === false ? undefined : new URL(options.resource as string),
        }),
    redirectToAuthorization: neverAsked,
    saveCodeVerifier: neverAsked,
    codeVerifier: neverAsked,
  };

  function canRefresh(current: TokenSet | undefined, wanted: readonly string[]): boolean {
    const context = readContext(current);
    if (current?.refreshToken === undefined || context === undefined) return false;
    // The SDK would post it to the authorization server that it found; the token goes to its own issuer only.
    if (sdkIssuer !== undefined && withoutSlash(sdkIssuer) !== withoutSlash(context.issuer)) return false;
    return coversScope([...(current.scope ?? []), ...context.requestedScope], wanted);
  }

  /** Holds the session's lock from here to `saveTokens()`. */
  async function prepareRefresh(): Promise<ExchangeSlot> {
    const ready = withResolvers<ExchangeSlot>();
    stored = session.store.lock(
      session.tokensKey,
      async (lease) => {
        const current = await tokens.reload();
        const context = readContext(current);
        if (current?.refreshToken === undefined || context === undefined) throw signedInElsewhere();
        const mine = openSlot(
          context,
          { grant_type: 'refresh_token', refresh_token: current.refreshToken },
          context.resource,
        );
        ready.resolve(mine);
        const wire = await mine.answer;
        await tokens.setTokens({ ...current, ...fromWire(wire, options.clock.now()) }, { lease });
      },
      { timeoutMs: options.lockTimeoutMs },
    );
    stored.catch(ready.reject);
    return ready.promise;
  }

  /** The browser part without a lock, then the lock until `saveTokens()`. */
  async function prepareSignIn(current: TokenSet | undefined, wanted: readonly string[]): Promise<ExchangeSlot> {
    const ready = withResolvers<ExchangeSlot>();
    const parameters = resourceMetadataUrl === undefined ? {} : { resource_metadata: resourceMetadataUrl };
    const stepUp = current !== undefined && wanted.length > 0 && !coversScope(current.scope, wanted);
    const signedIn = session.signIn(
      {
        reason: stepUp ? 'step-up' : 'unauthorized',
        challenge: { scheme: 'bearer', parameters },
        ...(stepUp ? { scope: wanted } : { additionalScope: wanted }),
      },
      {},
      undefined,
      ({ transaction, arrival }, keep) => {
        const { authorizationServer, client, redirectUri, codeVerifier, resource, state } = transaction;
        const callback = validateCallback({ authorizationServer, clientId: client.client_id, url: arrival.url, state });
        return session.store.lock(
          session.tokensKey,
          async (lease) => {
            const mine = openSlot(
              { authorizationServer, client },
              {
                grant_type: 'authorization_code',
                code: callback.get('code') ?? '',
                redirect_uri: redirectUri,
                code_verifier: codeVerifier,
              },
              resource,
            );
            ready.resolve(mine);
            const wire = await mine.answer;
            const scope = wire.scope === undefined ? { scope: transaction.scope } : {};
            return keep(withContext({ ...fromWire(wire, options.clock.now()), ...scope }, transaction, client), lease);
          },
          { timeoutMs: options.lockTimeoutMs },
        );
      },
    );
    stored = signedIn;
    // Where another caller's sign-in was joined, it ends without a token request of ours.
    signedIn.then(() => ready.reject(signedInElsewhere()), ready.reject);
    try {
      return await ready.promise;
    } catch (error) {
      const joined = await tokens.current();
      if (error instanceof SignedInElsewhere && joined?.refreshToken !== undefined) return prepareRefresh();
      throw error;
    }
  }

  function openSlot(
    context: Pick<SessionContext, 'authorizationServer' | 'client'>,
    form: Record<string, string>,
    resource: string | undefined,
  ): ExchangeSlot {
    const parameters = new URLSearchParams({ ...options.tokenParameters, ...form });
    if (resource !== undefined) parameters.set('resource', resource);
    const { authorizationServer, client } = context;
    const authenticate = clientAuthentication(context);
    return exchangeSlot(
      {
        parameters,
        tokenEndpoint:
          authorizationServer.token_endpoint === undefined
            ? undefined
            : new URL(authorizationServer.token_endpoint).href,
        authenticate: (headers, body) =>
          authenticate(
            authorizationServer as oauth.AuthorizationServer,
            { client_id: client.client_id },
            body,
            headers,
          ),
      },
      options.clock,
      options.requestTimeoutMs,
    );
  }
}

class SignedInElsewhere extends McpOAuthError {}

function signedInElsewhere(): McpOAuthError {
  return new SignedInElsewhere('aborted', 'Another request signed in meanwhile. Send this one again.', {
    stage: 'token',
  });
}

function fromWire(wire: WireTokens, now: number): TokenSet {
  return {
    accessToken: wire.access_token,
    tokenType: wire.token_type.toLowerCase(),
    issuedAt: now,
    ...(wire.expires_in === undefined ? {} : { expiresAt: now + wire.expires_in * 1000 }),
    ...(wire.refresh_token === undefined ? {} : { refreshToken: wire.refresh_token }),
    ...(wire.scope === undefined ? {} : { scope: parseScope(wire.scope) }),
  };
}

function toWire(current: TokenSet | undefined, accessToken: string, now: number) {
  const { expiresAt, scope } = current ?? {};
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    ...(expiresAt === undefined ? {} : { expires_in: Math.max(0, Math.floor((expiresAt - now) / 1000)) }),
    ...(scope === undefined ? {} : { scope: scope.join(' ') }),
  };
}

function withoutRefreshToken({ refreshToken: _dropped, ...rest }: TokenSet): TokenSet {
  return rest;
}

function withoutSlash(issuer: string): string {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
}

function neverAsked(): never {
  throw new McpOAuthError(
    'invalid_options',
    'This provider signs in inside prepareTokenRequest(); the SDK has no part in the redirect.',
    {
      stage: 'authorization',
    },
  );
}
