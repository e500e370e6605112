import type * as oauth from 'oauth4webapi';
import { clientCredentialsOf } from '../authorization/client-credentials-of.js';
import { withContext } from '../authorization/redeem.js';
import type { AuthSession, Exchange } from '../authorization/session.js';
import { readContext, type SessionContext } from '../authorization/session-context.js';
import type { StepUp } from '../authorization/step-up.js';
import type { Challenge } from '../challenge.js';
import { cannotCarryProofs } from '../dpop/index.js';
import { abortError, McpOAuthError } from '../errors.js';
import { isWithoutPerson } from '../grant.js';
import {
  additionalParameters,
  classifyRefreshFailure,
  clientAuthentication,
  validateCallback,
} from '../grants/index.js';
import { drawChallenge } from '../probe.js';
import { coversScope, parseScope, unionScopes } from '../scope.js';
import type { Lease } from '../stores/token-store.js';
import type { TokenSet } from '../tokens/token-set.js';
import {
  clientRefused,
  neverAsked,
  nothingToPost,
  refusedForGood,
  renewedByMachine,
  SignedInElsewhere,
  signedInElsewhere,
} from './adapter-errors.js';
import { handedOut } from './handed-out.js';
import type { InvalidationScope, McpOAuthClientProvider, SdkClientMetadata } from './oauth-client-provider-contract.js';
import { type ExchangeSlot, exchangeSlot, type WireTokens, withResolvers } from './token-exchange-slot.js';

const WAY = 'an OAuthClientProvider';

/** Shown to the SDK before there is a client; it never leaves the process, since our own client authentication is used. */
const NO_CLIENT_YET = 'mcp-oauth-client';

/** A token request on its way through the SDK. */
interface Posting {
  readonly slot: ExchangeSlot;
  /** Settles when what the SDK got is stored. */
  readonly kept: Promise<unknown>;
  readonly context: Pick<SessionContext, 'issuer' | 'registration' | 'client'>;
}

/** The `OAuthClientProvider` over a session. */
export function createOAuthClientProvider(session: AuthSession, stepUp: StepUp): McpOAuthClientProvider {
  const { options, tokens } = session;
  const given = handedOut(options.clock);
  let posting: Posting | undefined;
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
      const accessToken = (await session.accessToken()) ?? (await machineToken());
      await assertBearer();
      given.give(accessToken);
      if (accessToken === undefined) return undefined;
      return toWire(await tokens.current(), accessToken, options.clock.now());
    },
    async saveTokens(wire) {
      const mine = posting;
      mine?.slot.save(wire);
      await mine?.kept;
      if (posting === mine) posting = undefined;
    },
    async prepareTokenRequest(scope) {
      await session.assertUsable();
      const current = await tokens.reload();
      await assertBearer();
      if (isWithoutPerson(options.grant)) return renewByMachine(current);
      const wanted = wantedScope(scope);
      const refresh = canRefresh(current, wanted) ? await prepareRefresh() : undefined;
      const mine = refresh ?? (await prepareSignIn(await tokens.current(), wanted));
      posting = mine;
      return new URLSearchParams(mine.slot.parameters);
    },
    async addClientAuthentication(headers, parameters, url) {
      const slot = posting?.slot;
      if (slot === undefined || new URL(url).href !== slot.tokenEndpoint) {
        const error = new McpOAuthError(
          'issuer_mismatch',
          'The SDK found another token endpoint than this library. Nothing was sent; check the metadata of the server.',
          { stage: 'token' },
        );
        slot?.fail(error);
        throw error;
      }
      await slot.authenticate(headers, parameters);
    },
    async invalidateCredentials(scope) {
      if (scope === 'verifier') return;
      const refused = posting;
      posting = undefined;
      session.parts.discovery.drop();
      if (refused !== undefined) return giveUp(refused, scope);
      await forgetClient(readContext(await tokens.current()), scope);
      if (scope === 'all' || scope === 'tokens') await dropRefreshToken();
    },
    saveDiscoveryState(state) {
      sdkIssuer = state.authorizationServerUrl;
      resourceMetadataUrl = state.resourceMetadataUrl;
    },
    // The resource is in the form already, verbatim; what the SDK would put in its place is a parsed URL.
    validateResourceURL: async () => undefined,
    redirectToAuthorization: neverAsked,
    saveCodeVerifier: neverAsked,
    codeVerifier: neverAsked,
  };

  /** A machine needs no 401 to begin with, and the SDK has no part in its token request. */
  async function machineToken(): Promise<string | undefined> {
    if (!isWithoutPerson(options.grant)) return undefined;
    const challenge = await drawChallenge(session);
    if (challenge === undefined) return undefined;
    return (await session.signIn({ reason: 'unauthorized', challenge, withoutProofs: WAY })).accessToken;
  }

  async function renewByMachine(current: TokenSet | undefined): Promise<never> {
    given.refused();
    if (current !== undefined && given.isLate(current)) throw renewedByMachine();
    const refused = current?.accessToken;
    const renewed = refused === undefined ? undefined : await session.refreshRefused(refused, session.closed);
    if (renewed === undefined) await session.signIn({ reason: 'unauthorized', refused, withoutProofs: WAY });
    throw renewedByMachine();
  }

  /** Before a person is asked, where that would be in vain. */
  async function assertBearer(): Promise<void> {
    session.parts.dpop.assertBearer(await tokens.current(), WAY);
  }

  /** The server's scopes as far as the SDK passes them on, without what only a sign-in may decide. */
  function wantedScope(scope: string | undefined): string[] {
    if (typeof options.scope === 'object' || scope === options.clientMetadata.scope) return [];
    return parseScope(scope).filter((name) => name !== 'offline_access');
  }

  function hasRequested(current: TokenSet | undefined, wanted: readonly string[]): boolean {
    return coversScope(unionScopes(current?.scope, readContext(current)?.requestedScope), wanted);
  }

  function canRefresh(current: TokenSet | undefined, wanted: readonly string[]): boolean {
    const context = readContext(current);
    if (current?.refreshToken === undefined || context === undefined) return false;
    // The SDK would post it to the authorization server that it found; the token goes to its own issuer only.
    if (sdkIssuer !== undefined && withoutSlash(sdkIssuer) !== withoutSlash(context.issuer)) return false;
    return hasRequested(current, wanted);
  }

  /** Holds the session's lock from here to `saveTokens()`; `undefined` where there is nothing to refresh with any more. */
  async function prepareRefresh(): Promise<Posting | undefined> {
    const ready = withResolvers<Omit<Posting, 'kept'> | undefined>();
    const kept = session.store.lock(
      session.tokensKey,
      async (lease) => {
        const current = await tokens.reload({ lease });
        const context = readContext(current);
        if (current?.refreshToken === undefined || context === undefined) return ready.resolve(undefined);
        session.parts.dpop.assertBearer(current, WAY);
        const form = { grant_type: 'refresh_token', refresh_token: current.refreshToken };
        const slot = openSlot(context, form, context.resource, lease);
        ready.resolve({ slot, context });
        const wire = await slot.answer.catch(async (error: unknown) => {
          // Still inside the lock: nobody presents it again.
          if (classifyRefreshFailure(error) === 'dead') await tokens.setTokens(withoutRefreshToken(current), { lease });
          throw error;
        });
        await tokens.setTokens(refreshed(current, fromWire(wire, options.clock.now())), { lease });
      },
      { timeoutMs: options.lockTimeoutMs, signal: session.closed },
    );
    kept.catch(ready.reject);
    const posting = await ready.promise;
    return posting && { ...posting, kept };
  }

  /** The challenge that the SDK saw, as far as it says. The v1 SDK keeps its scope to itself, so the server is asked again. */
  async function challengeFor(wanted: readonly string[]): Promise<Challenge> {
    if (wanted.length === 0) {
      const drawn = await drawChallenge(session);
      if (drawn !== undefined) return drawn;
    }
    const parameters = {
      ...(wanted.length === 0 ? {} : { scope: wanted.join(' ') }),
      ...(resourceMetadataUrl === undefined ? {} : { resource_metadata: resourceMetadataUrl }),
    };
    return { scheme: 'bearer', parameters };
  }

  /** The browser part without a lock, then the lock until `saveTokens()`. */
  async function prepareSignIn(current: TokenSet | undefined, wanted: readonly string[]): Promise<Posting> {
    const ready = withResolvers<Omit<Posting, 'kept'>>();
    const challenge = await challengeFor(wanted);
    const exchange: Exchange = ({ transaction, arrival }, keep, signal) => {
      const { authorizationServer, client, redirectUri, codeVerifier, resource, state } = transaction;
      if (transaction.dpop !== undefined) throw cannotCarryProofs(WAY);
      const callback = validateCallback({ authorizationServer, clientId: client.client_id, url: arrival.url, state });
      return session.store.lock(
        session.tokensKey,
        async (lease) => {
          const form = {
            grant_type: 'authorization_code',
            code: callback.get('code') ?? '',
            redirect_uri: redirectUri,
            code_verifier: codeVerifier,
          };
          const slot = openSlot({ authorizationServer, client }, form, resource, lease);
          signal.addEventListener('abort', () => slot.fail(abortError(signal, 'token')), { once: true });
          ready.resolve({ slot, context: transaction });
          const wire = await slot.answer;
          const scope = wire.scope === undefined ? { scope: transaction.scope } : {};
          return keep(withContext({ ...fromWire(wire, options.clock.now()), ...scope }, transaction, client), lease);
        },
        { timeoutMs: options.lockTimeoutMs, signal },
      );
    };
    const request = { reason: 'unauthorized', challenge, refused: current?.accessToken, withoutProofs: WAY } as const;
    const kept: Promise<unknown> =
      current !== undefined && !hasRequested(current, wanted)
        ? stepUp.obtain(
            { sentToken: current.accessToken, challenge, method: undefined, tool: undefined },
            {},
            undefined,
            exchange,
          )
        : session.signIn(request, {}, undefined, exchange);
    // Where another caller's sign-in was joined, or one by device code, it ends without a token request of ours.
    kept.then(() => ready.reject(signedInElsewhere()), ready.reject);
    try {
      return { ...(await ready.promise), kept };
    } catch (error) {
      if (!(error instanceof SignedInElsewhere)) throw error;
      // The SDK has to post something: the refresh token that came with the others.
      const refresh = await prepareRefresh();
      if (refresh !== undefined) return refresh;
      throw options.grant?.type === 'device_code' ? nothingToPost() : error;
    }
  }

  /** The SDK's token request was refused. A client that the application brought along is not replaced: that is an error. */
  async function giveUp(refused: Posting, scope: InvalidationScope): Promise<void> {
    const forgotten = await forgetClient(refused.context, scope);
    const error = forgotten || scope === 'tokens' ? refusedForGood() : clientRefused();
    refused.slot.fail(error);
    await refused.kept.catch(() => undefined);
    if (error.code === 'invalid_client' && scope !== 'discovery') throw error;
  }

  async function forgetClient(context: Posting['context'] | undefined, scope: InvalidationScope): Promise<boolean> {
    if (context?.registration !== 'dynamic' || (scope !== 'all' && scope !== 'client')) return false;
    await session.registrations.remove(context.issuer, context.client.client_id);
    return true;
  }

  async function dropRefreshToken(): Promise<void> {
    await session.store.lock(
      session.tokensKey,
      async (lease) => {
        const current = await tokens.reload({ lease });
        if (current?.refreshToken !== undefined) await tokens.setTokens(withoutRefreshToken(current), { lease });
      },
      { timeoutMs: options.lockTimeoutMs },
    );
  }

  function openSlot(
    context: Pick<SessionContext, 'authorizationServer' | 'client'>,
    form: Record<string, string>,
    resource: string | undefined,
    lease: Lease,
  ): ExchangeSlot {
    const parameters = new URLSearchParams({ ...form, ...additionalParameters(options.tokenParameters, { resource }) });
    const { authorizationServer, client } = context;
    const authenticate = clientAuthentication({ ...context, ...clientCredentialsOf(options) });
    const slot = exchangeSlot(
      {
        parameters,
        tokenEndpoint:
          authorizationServer.token_endpoint === undefined
            ? undefined
            : new URL(authorizationServer.token_endpoint).href,
        authenticate: async (headers, body) => {
          if (lease.signal.aborted) throw abortError(lease.signal, 'token');
          await authenticate(
            authorizationServer as oauth.AuthorizationServer,
            { client_id: client.client_id },
            body,
            headers,
          );
        },
      },
      options.clock,
      options.requestTimeoutMs,
    );
    const forget = session.onInterrupt(slot.fail);
    // Who took the lock over may post the same token.
    lease.signal.addEventListener('abort', () => slot.fail(abortError(lease.signal, 'token')), { once: true });
    slot.answer.then(forget, forget);
    return slot;
  }
}

function fromWire(wire: WireTokens, now: number): TokenSet {
  if (wire.token_type.toLowerCase() !== 'bearer') {
    const message = 'The authorization server issued a token of a type that was not asked for. Nothing was stored.';
    throw new McpOAuthError('invalid_response', message, { stage: 'token' });
  }
  return {
    accessToken: wire.access_token,
    tokenType: wire.token_type.toLowerCase(),
    issuedAt: now,
    // Zero or less stands for a token that does not expire.
    ...(wire.expires_in === undefined || wire.expires_in <= 0 ? {} : { expiresAt: now + wire.expires_in * 1000 }),
    ...(wire.refresh_token === undefined ? {} : { refreshToken: wire.refresh_token }),
    ...(wire.scope === undefined ? {} : { scope: parseScope(wire.scope) }),
  };
}

/** What the answer does not repeat stays, but not when the former token would have expired. */
function refreshed({ expiresAt: _former, ...former }: TokenSet, answer: TokenSet): TokenSet {
  return { ...former, ...answer };
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
