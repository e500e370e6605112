import { createOAuthClientProvider } from './adapters/oauth-client-provider.js';
import type { McpOAuthClientProvider } from './adapters/oauth-client-provider-contract.js';
import { liveRequestInit } from './adapters/request-init.js';
import { createSdkAuthProvider, type UnauthorizedContext } from './adapters/sdk-auth-provider.js';
import { describeTokens, type SessionFacts } from './authorization/describe-session.js';
import { withIdentitySession } from './authorization/identity-session.js';
import { assertInteractive } from './authorization/interactive.js';
import { AuthSession } from './authorization/session.js';
import { readContext } from './authorization/session-context.js';
import { signedOut } from './authorization/session-errors.js';
import type { Unchallenged } from './authorization/sign-in-parts.js';
import { type SignOutOptions, type SignOutResult, signOut } from './authorization/sign-out.js';
import { StepUp } from './authorization/step-up.js';
import { type AuthorizedFetchOptions, createAuthorizedFetch } from './authorized-fetch.js';
import { untilOverdue } from './bounded-wait.js';
import { isMcpOAuthError, type McpOAuthError } from './errors.js';
import { isWithoutPerson } from './grant.js';
import { assertAuthorizationParameters } from './grants/index.js';
import type { Surroundings } from './loopback/index.js';
import { isTemporary } from './oauth-error.js';
import { type AuthProviderOptions, resolveOptions } from './options.js';
import { drawChallenge, type ProbeOptions } from './probe.js';
import { assertScope, coversScope, parseScope, unionScopes } from './scope.js';
import { hostSystem, openDefaultStore, type StoreSystem } from './stores/default-store.js';
import { guardedStore } from './stores/guarded-store.js';
import { MemoryTokenStore } from './stores/memory-token-store.js';
import type { TokenManager } from './tokens/token-manager.js';
import type { TokenSet } from './tokens/token-set.js';
import { Waits } from './tokens/wait.js';
import type { FetchLike } from './types.js';

/** Where a session is kept. */
export interface SessionStore {
  /**
   * `given` where it is the `store` option, else what the library chose: the system's keychain, or encrypted files. `memory`: a token
   * that someone else owns is kept nowhere else.
   */
  readonly kind: 'keychain' | 'file' | 'given' | 'memory';
  /** Why the library chose it, in plain English. */
  readonly reason?: string;
}

/** What is known about a session, without secrets. */
export interface Session extends SessionFacts {
  /** Where the session is kept. */
  readonly store: SessionStore;
}

/** Options of {@link AuthProvider.authorize}. */
export interface AuthorizeOptions {
  /** Scopes (separated by spaces) that the session must have, beside those it has. */
  readonly scope?: string;
  /**
   * Parameters of this authorization request, over those of the options, e.g. `{ prompt: 'select_account' }` or `{ login_hint }`. With
   * them a person is asked even where the session is valid.
   */
  readonly authorizationParameters?: Readonly<Record<string, string>>;
  /** Ends the wait; where nobody else waits, the sign-in too. */
  readonly signal?: AbortSignal;
}

/** Everything that an MCP client needs to reach one protected server. Made by {@link createAuthProvider}. */
export interface AuthProvider {
  /**
   * The authorized fetch: adds the token, refreshes, signs in on a 401, steps up on a 403, and sends the request again. To another
   * origin it sends no token. A body that cannot be replayed (a stream) is not sent again.
   *
   * @throws {@link McpOAuthError} what {@link AuthProvider.authorize} throws; `signed_out`; `token_rejected` where new tokens are
   * refused too; `insufficient_scope`, `step_up_denied`, `step_up_postponed`; `dpop_failed`; `network_error`, `redirect_refused`,
   * `response_too_large`. Where the signal of the request aborts: `aborted`, or what the platform's `fetch` rejects with
   * @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-3 | RFC 6750 section 3}
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-5.1 | RFC 9728 section 5.1}
   */
  readonly fetch: FetchLike;
  /** For hosts that take nothing but `requestInit`: its `headers` is a live getter of the cached token. Not beside an `authProvider`. */
  readonly requestInit: RequestInit;
  /**
   * The v2 SDK's `AuthProvider`: the access token, or `undefined` before the first sign-in.
   *
   * @returns The token, valid and refreshed where that was needed.
   * @throws {@link McpOAuthError} what {@link TokenManager.getAccessToken} throws; `signed_out`; `invalid_options` where tokens
   * are bound to a key (`dpop`), which the SDK cannot prove
   * @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-2.1 | RFC 6750 section 2.1}
   */
  token(): Promise<string | undefined>;
  /**
   * The v2 SDK's `AuthProvider`: recovers from a 401, by another window's token, a refresh or a sign-in.
   *
   * @param context - The 401 that the SDK got.
   * @throws {@link McpOAuthError} what {@link AuthProvider.authorize} throws; `signed_out`; `token_rejected` where new tokens were
   * refused again and again
   * @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-3 | RFC 6750 section 3}
   */
  onUnauthorized(context: UnauthorizedContext): Promise<void>;
  /**
   * The `OAuthClientProvider` of both SDKs, for hosts that take nothing else. The sign-in completes inside it.
   *
   * @returns A new one each time, over the same session. Nothing is sent.
   */
  toOAuthClientProvider(): McpOAuthClientProvider;
  /**
   * Signs in now, where that is needed.
   *
   * @param options - Scopes that have to be there, and what this request asks for in particular.
   * @returns The session, signed in.
   * @throws {@link McpOAuthError} `invalid_options`; `interaction_required` where `interactive` forbids it;
   * `authorization_required`, with the `url`, where the application brings the person there (`redirectUrl` without `openBrowser`);
   * `access_denied`, `authorization_failed`, `sign_in_timeout`, `listener_failed`; `account_mismatch`; what {@link discover},
   * {@link resolveClient} and the token request of the grant throw ({@link exchangeCode}, for a sign-in by the browser);
   * `dpop_failed`; `signed_out` where that happened meanwhile; `aborted`, `closed`; `store_failed`, `lock_timeout`
   * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization | MCP authorization}
   */
  authorize(options?: AuthorizeOptions): Promise<Session>;
  /**
   * Completes a sign-in whose redirect arrived elsewhere: a hosted page, a custom scheme, a pasted URL.
   *
   * @param callbackUrl - The whole URL that the browser was sent to, of at most 65,536 characters; quotes and line breaks around
   * it do not matter.
   * @returns The session, signed in.
   * @throws {@link McpOAuthError} `invalid_callback` where it is no callback, was used before, or is for another account;
   * `state_mismatch` where no sign-in waits for it; what {@link validateCallback} and {@link exchangeCode} throw;
   * `account_mismatch`; `signed_out`, `closed`; `store_failed`, `lock_timeout`
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2 | RFC 6749 section 4.1.2}
   */
  finishAuthorization(callbackUrl: string | URL): Promise<Session>;
  /**
   * What is known, without secrets.
   *
   * @returns What memory has, else the store. No request is sent.
   * @throws {@link McpOAuthError} `closed`, `store_unreadable`, `store_failed`
   */
  session(): Promise<Session>;
  /**
   * Forgets the session, revokes it at the server, and deletes a dynamic registration that no other session uses, where the server
   * offers that. Calls fail with `signed_out` until `authorize()`, over a restart too.
   *
   * @param options - Whether the registration is to be forgotten too.
   * @returns What became of the server's part, which takes 10 s at most. A failure of it is told here and not thrown.
   * @throws {@link McpOAuthError} `closed`; `store_failed` or `lock_timeout` where the store still holds the session: everything
   * else was done all the same
   * @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2}
   * @see {@link https://www.rfc-editor.org/rfc/rfc7592.html#section-2.3 | RFC 7592 section 2.3}
   */
  signOut(options?: SignOutOptions): Promise<SignOutResult>;
  /** What holds the tokens: hands out a valid one, refreshes, takes tokens that were obtained elsewhere, forgets them. */
  readonly tokens: TokenManager;
  /**
   * Ends everything that is under way with `closed` and releases listeners and timers, within about 1 s. Never rejects, and may be
   * called twice. The stored session stays.
   */
  close(): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What {@link withOAuth} needs beyond the public surface. */
export interface AuthProviderInternals {
  /** The server that the session is for. */
  readonly server: URL;
  authorizedFetch(options: AuthorizedFetchOptions): FetchLike;
  /** Sees to it that a session is there before the first request is sent. */
  prepare(probe: ProbeOptions & { signal: AbortSignal }): Promise<void>;
}

/** How long a sign-out may go on after `close()`, in ms. */
const CLOSE_GRACE_MS = 1_000;

const internals = Symbol('mcp-oauth-client internals');

/** The internals of a provider that {@link createAuthProvider} made. */
export function providerInternals(provider: AuthProvider): AuthProviderInternals | undefined {
  return (provider as { [internals]?: AuthProviderInternals })[internals];
}

/**
 * Creates the auth provider of one account at one MCP server. Nothing is sent before it is used.
 *
 * @param options - At least `serverUrl`.
 * @returns The provider. `close()` it when it is not needed any more.
 * @throws {@link McpOAuthError} `invalid_options`; `address_refused` where `network.publicOnly` forbids the `serverUrl`
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization | MCP authorization}
 */
export function createAuthProvider(options: AuthProviderOptions): AuthProvider {
  return createAuthProviderOn(hostSystem, options);
}

/**
 * {@link createAuthProvider} on another system than this machine: tests touch no keychain.
 *
 * @internal
 */
export function createAuthProviderOn(
  system: StoreSystem,
  options: AuthProviderOptions,
  surroundings?: () => Promise<Surroundings>,
): AuthProvider {
  const identity = withIdentitySession(resolveOptions(options), () => session.store, surroundings);
  const resolved = identity.options;
  const { clientMetadata, clock } = resolved;
  // It chooses with its first use, when there is a session.
  const defaultStore = openDefaultStore({
    system,
    application: clientMetadata.client_name,
    clock,
    sessionKeys: () => [session.tokensKey, session.signedOut.key],
    closed: () => session.closed,
    onChoice: ({ kind, reason }) => session.emit({ type: 'store_selected', kind, reason }),
  });
  const given = resolved.grant?.type === 'bearer_token' ? new MemoryTokenStore() : resolved.store;
  const session: AuthSession = new AuthSession(resolved, guardedStore(given ?? defaultStore.store), surroundings);
  const stepUp = new StepUp(session);
  const fetch = createAuthorizedFetch(session, stepUp);
  const { token, onUnauthorized } = createSdkAuthProvider(session);

  const describe = async (): Promise<Session> => {
    const store: SessionStore =
      given === undefined ? await defaultStore.choice() : { kind: given === resolved.store ? 'given' : 'memory' };
    // First: what the store still has of a session that signed out is not to be taken for one that goes on.
    const isSignedOut = await session.signedOut.isSet();
    const tokens = await session.tokens.current();
    const renewable = tokens !== undefined && isWithoutPerson(resolved.grant);
    return { ...describeTokens(tokens, isSignedOut, clock.now(), renewable), store };
  };
  const authorize = async ({ scope, signal, authorizationParameters }: AuthorizeOptions = {}): Promise<Session> => {
    session.assertOpen();
    assertAuthorizationParameters(authorizationParameters);
    session.resetLimits();
    stepUp.reset();
    assertScope(scope);
    const wanted = parseScope(scope);
    const { epoch } = session.signedOut;
    const assertNotSignedOut = () => {
      if (epoch !== session.signedOut.epoch) throw signedOut();
    };
    const current = await usableTokens(session, signal);
    if (current === undefined || authorizationParameters !== undefined || !coversScope(current.scope, wanted)) {
      const request = await authorizeRequest(session, current, wanted, signal);
      assertNotSignedOut();
      await session.signIn({ ...request, parameters: authorizationParameters }, { signals: [signal] });
    } else if (await session.signedOut.isSet()) {
      assertNotSignedOut();
      await session.comeBack();
    }
    return describe();
  };
  /** A store that does not answer must not outlast `close()`. */
  const waits = new Waits();
  const untilClosed = <T>(work: Promise<T>) => waits.until(work, 'authorization', session.closed);
  const close = async () => {
    session.close();
    await Promise.all([session.released(), identity.close()]);
  };

  const provider: AuthProvider & { [internals]: AuthProviderInternals } = {
    fetch,
    requestInit: liveRequestInit(session),
    token,
    onUnauthorized,
    toOAuthClientProvider: () => createOAuthClientProvider(session, stepUp),
    authorize: (options) => untilClosed(authorize(options)),
    finishAuthorization: (callbackUrl) => untilClosed(session.finishAuthorization(callbackUrl).then(describe)),
    session: () => untilClosed(describe()),
    signOut(options) {
      const over = signOut(session, options, () => drawChallenge(session));
      return untilOverdue(over, session.closed, 'authorization', { clock, graceMs: CLOSE_GRACE_MS });
    },
    tokens: session.tokens,
    close,
    [Symbol.asyncDispose]: close,
    [internals]: {
      server: session.options.server,
      authorizedFetch: (fetchOptions) => createAuthorizedFetch(session, stepUp, fetchOptions),
      prepare: (probe) => prepareSession(session, probe),
    },
  };
  return provider;
}

async function prepareSession(session: AuthSession, probe: ProbeOptions & { signal: AbortSignal }): Promise<void> {
  if ((await session.accessToken(probe.signal)) !== undefined) return;
  const challenge = await drawChallenge(session, probe);
  if (challenge !== undefined) await session.signIn({ reason: 'unauthorized', challenge }, { signals: [probe.signal] });
}

/** What a sign-in would meet as well. */
const UNCHANGED_BY_SIGN_IN: ReadonlySet<string> = new Set(['aborted', 'closed', 'store_failed', 'lease_lost']);

/** Tokens that work, refreshed where that is needed. A session that cannot be used is one that a sign-in replaces. */
async function usableTokens(session: AuthSession, signal: AbortSignal | undefined): Promise<TokenSet | undefined> {
  try {
    const accessToken = await session.tokens.getAccessToken(signal === undefined ? {} : { signal });
    const current = accessToken === undefined ? undefined : await session.tokens.current();
    // Read for what a sign-in would need of it.
    readContext(current);
    if (current === undefined || (await session.parts.dpop.isUsable(current))) return current;
    // Refused here as a server would, so that it is renewed, or else no sign-in adopts it.
    const renewed = await session.refreshRefused(current.accessToken, signal ?? session.closed);
    return renewed === undefined ? undefined : await session.tokens.current();
  } catch (error) {
    if (isMcpOAuthError(error) && !error.retryable && !UNCHANGED_BY_SIGN_IN.has(error.code)) {
      session.parts.dpop.see(await session.tokens.current().catch(() => undefined));
      return undefined;
    }
    // Some servers answer a dead refresh token with a page: whoever asks to sign in is not kept from it.
    if (isMcpOAuthError(error) && isForeignAnswer(error)) return undefined;
    throw error;
  }
}

/** An answer that is not temporary by what the server itself said. */
function isForeignAnswer({ code, status, oauthError }: McpOAuthError): boolean {
  return code === 'server_unavailable' && status !== undefined && !isTemporary({ status, error: oauthError });
}

async function authorizeRequest(
  session: AuthSession,
  current: TokenSet | undefined,
  wanted: readonly string[],
  signal: AbortSignal | undefined,
) {
  if (current !== undefined) {
    return {
      reason: 'authorize',
      scope: unionScopes(readContext(current)?.requestedScope, current.scope, wanted),
      refused: current.accessToken,
      requested: readContext(current)?.requestedScope,
    } as const;
  }
  const { options } = session;
  // At once, and not after a request that may have to wait for its answer.
  if (options.interactive === false && !isWithoutPerson(options.grant)) {
    await assertInteractive(options, 'authorize', signal ?? session.closed);
  }
  // The server's own words on scope and metadata come first, and only a request draws them.
  let refusal: Unchallenged['refusal'];
  const onRefusal = (said: typeof refusal) => {
    refusal = said;
  };
  const challenge = await drawChallenge(session, { signal, onRefusal });
  const unchallenged = challenge === undefined ? { refusal } : undefined;
  return { reason: 'authorize', challenge, unchallenged, additionalScope: wanted } as const;
}
