import { abortError, McpOAuthError } from '../errors.js';
import type { OnEvent } from '../events.js';
import { isMachineGrant, isWithoutPerson } from '../grant.js';
import { createHttp, displayUrl, type Http } from '../http/index.js';
import { detectSurroundings, type Surroundings } from '../loopback/index.js';
import type { ResolvedOptions } from '../options.js';
import { clientIdentity, type RegistrationStore, registrationStore } from '../registration/index.js';
import { coversScope, unionScopes } from '../scope.js';
import type { Lease, TokenStore } from '../stores/token-store.js';
import { TokenManager } from '../tokens/token-manager.js';
import type { TokenSet } from '../tokens/token-set.js';
import { Waits } from '../tokens/wait.js';
import type { FetchLike } from '../types.js';
import { adoptStored, storedContext } from './adopt-session.js';
import { assertOurs, parseCallback, usedCallback } from './callback-claim.js';
import { discoveryCache } from './discovery-cache.js';
import { DpopSession } from './dpop-session.js';
import { assertInteractive } from './interactive.js';
import { type KeepOccasion, keepTokens } from './keep-tokens.js';
import { forgetRefusals } from './machine-request.js';
import { observed, traceSignIn } from './observed.js';
import { OpenStreams } from './open-streams.js';
import { redeem } from './redeem.js';
import { PendingCallbacks } from './redirect-target.js';
import { renewalOf } from './renewal-of.js';
import { readContext } from './session-context.js';
import { asMcpOAuthError, signedOut, signInTimeout } from './session-errors.js';
import { sessionKey } from './session-key.js';
import { SharedTask, type Waiter } from './shared-task.js';
import { forgetRefusedRegistration } from './sign-in-attempts.js';
import { signInByGrant } from './sign-in-by-grant.js';
import { SignInLimits } from './sign-in-limits.js';
import {
  type AuthorizedCallback,
  occasionOf,
  type SignInParts,
  type SignInRequest,
  wantedBy,
} from './sign-in-parts.js';
import { SignInTurns } from './sign-in-turn.js';
import { cachedTokens, SignedOutMarker } from './signed-out.js';
import { isOpen, type Transaction, transactionStore } from './transaction.js';

/** Turns a callback into tokens, and keeps them by `keep` (with the lease, where it holds the session's lock). */
export type Exchange = (
  callback: AuthorizedCallback,
  keep: (tokens: TokenSet, lease?: Lease) => Promise<TokenSet>,
  signal: AbortSignal,
) => Promise<TokenSet>;

/** How long `close()` waits for a sign-in to release its listener, in ms. */
const LONGEST_RELEASE_MS = 1_000;

/**
 * The session of one account at one server: its tokens, and the one sign-in that may be under way.
 * The authorized fetch, the transports and the adapters all work through it.
 */
export class AuthSession {
  readonly options: ResolvedOptions;
  readonly store: TokenStore;
  readonly http: Http;
  readonly tokens: TokenManager;
  readonly registrations: RegistrationStore;
  readonly emit: OnEvent;
  readonly parts: SignInParts;
  readonly signedOut: SignedOutMarker;
  /** Event streams that were opened with this session's token. */
  readonly streams = new OpenStreams();
  readonly #key: string;
  readonly #closing = new AbortController();
  readonly #limits: SignInLimits;
  readonly #interruptible = new Set<(reason: McpOAuthError) => void>();
  readonly #waits = new Waits();
  /** This library's own token request. */
  readonly #exchange: Exchange = async ({ transaction, arrival }, keep, signal) =>
    keep(await redeem(this.parts, transaction, arrival.url, signal));
  readonly #turns: SignInTurns;
  #current: { task: SharedTask<TokenSet>; scope: readonly string[] | undefined } | undefined;

  constructor(
    options: ResolvedOptions,
    store: TokenStore,
    surroundings: () => Promise<Surroundings> = detectSurroundings,
  ) {
    this.options = options;
    this.store = store;
    this.emit = observed(options);
    this.#key = sessionKey(options);
    this.#limits = new SignInLimits(options.clock);
    this.http = createHttp({
      anchor: options.server,
      clock: options.clock,
      timeoutMs: options.requestTimeoutMs,
      ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
      ...(options.network === undefined ? {} : { network: options.network }),
    });
    this.signedOut = new SignedOutMarker(store, this.#key);
    this.registrations = registrationStore(store, clientIdentity(options.clientMetadata), options.redirectUrl);
    this.tokens = new TokenManager({
      store,
      key: this.tokensKey,
      server: displayUrl(options.server),
      ...renewalOf(options.grant, () => this.parts),
      clock: options.clock,
      onEvent: this.emit,
      lockTimeoutMs: options.lockTimeoutMs,
    });
    this.parts = {
      options,
      store,
      http: this.http,
      registrations: this.registrations,
      transactions: transactionStore(store, options.clock, options.lockTimeoutMs),
      discovery: discoveryCache(options, this.http, this.emit),
      dpop: new DpopSession({ options, stored: () => storedContext(this.tokens) }),
      pending: new PendingCallbacks(),
      emit: this.emit,
      session: this.#key,
      surroundings,
      preferredIssuer: () => this.#preferredIssuer(),
      prompted: (reason) => this.#limits.count(reason),
      newClient: () => this.#limits.newClient(),
    };
    this.#turns = new SignInTurns({
      store,
      session: this.#key,
      clock: options.clock,
      lockTimeoutMs: options.lockTimeoutMs,
      offerMs: options.signInTimeoutMs,
      emit: this.emit,
      isOpen: (url) => isOpen(this.parts.transactions, url, options),
    });
    // A signal may outlive many providers: it keeps none of them alive.
    options.signal?.addEventListener('abort', () => this.close(), { once: true, signal: this.closed });
    if (options.signal?.aborted) this.close();
  }

  /** The store's key of the tokens, which is the key of their lock too. */
  get tokensKey(): string {
    return `session/${this.#key}`;
  }

  /** Aborts when the session is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Throws where nothing may be sent any more. */
  async assertUsable(signal?: AbortSignal): Promise<void> {
    this.assertLive();
    // A store that does not answer must not outlast close().
    if (await this.#waits.until(this.signedOut.isSet(), 'store', signal, this.closed)) throw signedOut();
  }

  /** A valid access token, or `undefined` where someone has to sign in. Costs nothing while the cached one is valid. */
  async accessToken(signal?: AbortSignal): Promise<string | undefined> {
    this.assertLive();
    const cached = cachedTokens(this);
    if (cached !== undefined) return cached.accessToken;
    // Before the store is asked for tokens: a sign-out that a crash cut short left them there.
    await this.assertUsable(signal);
    const token = await this.tokens.getAccessToken(signal === undefined ? {} : { signal });
    // Nothing has to be asked of the server first.
    if (token !== undefined || this.options.grant?.type !== 'bearer_token') return token;
    return (await this.signIn({ reason: 'unauthorized' }, { signals: [signal] })).accessToken;
  }

  /** The part of {@link assertUsable} that costs nothing, for every request. */
  assertLive(): void {
    this.assertOpen();
    if (this.signedOut.here) throw signedOut();
  }

  assertOpen(): void {
    if (this.closed.aborted) throw abortError(this.closed, 'authorization');
  }

  /**
   * Joins the sign-in that is under way, or starts one. One browser tab, however many ask.
   *
   * @param holder - Keeps a sign-in that a request caused alive beyond that request, until it aborts.
   * @param exchange - How the code becomes tokens, where this call starts the sign-in. Default: by this library's own token request.
   * @throws McpOAuthError with the codes of discovery, registration, authorization and token requests.
   */
  async signIn(
    wanted: SignInRequest,
    waiter: Waiter = {},
    holder?: AbortSignal,
    exchange?: Exchange,
  ): Promise<TokenSet> {
    let request = wanted;
    for (;;) {
      this.assertOpen();
      const current = this.#current;
      if (current === undefined || !current.task.active) return this.#startSignIn(request, waiter, holder, exchange);
      if (holder !== undefined) current.task.hold(holder);
      const tokens = await current.task.join(waiter);
      const { additionalScope, scope = additionalScope ?? [] } = request;
      const requested = unionScopes(readContext(tokens)?.requestedScope, current.scope);
      // What somebody asked for in particular, such as another account, only a sign-in of its own brings.
      if (request.parameters === undefined && coversScope(requested, scope)) return tokens;
      // What was on the screen asked for less, so this comes after it and adds to what that one got.
      request = { ...request, additionalScope: undefined, scope: unionScopes(requested, scope) };
    }
  }

  /**
   * Another token in place of the one that the MCP server refused: the one that somebody else got meanwhile, or a refreshed one.
   * `undefined` where only a sign-in can help.
   */
  async refreshRefused(token: string, signal: AbortSignal): Promise<string | undefined> {
    const current = this.tokens.peek();
    if (current !== undefined && current.accessToken !== token) return current.accessToken;
    this.#limits.countRefused(token);
    const refreshed = await this.tokens.refresh(token, { signal });
    return refreshed === token ? undefined : refreshed;
  }

  /** How MCP traffic travels where its transport has no `fetch` of its own. */
  get trafficFetch(): FetchLike {
    const { fetch, network } = this.options;
    if (network?.publicOnly === true) return this.http.judgedFetch;
    return fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** The user asked for a sign-in: what was counted before counts no more. */
  resetLimits(): void {
    this.#limits.reset();
    this.tokens.retryRefresh();
    forgetRefusals(this.options.grant);
  }

  /**
   * Completes a sign-in whose redirect arrived elsewhere.
   *
   * @throws McpOAuthError with `invalid_callback` or `state_mismatch`, or what the exchange throws.
   */
  async finishAuthorization(callbackUrl: string | URL): Promise<TokenSet> {
    this.assertOpen();
    const url = parseCallback(callbackUrl);
    const state = url.searchParams.get('state') ?? '';
    const { transactions, pending } = this.parts;
    assertOurs(await transactions.find(state), this.#key, url);
    const waiting = this.#current?.task;
    if (pending.deliver(state, { url, respond: async () => undefined }) && waiting !== undefined) {
      return waiting.join();
    }
    const taken = await transactions.take(state);
    if (taken === undefined) throw usedCallback();
    const task: SharedTask<TokenSet> = new SharedTask('callback', this.options.clock, (signal) =>
      traceSignIn(this.options, 'callback', () => this.#exchangeTaken(taken, url, signal)),
    );
    const forget = this.onInterrupt((reason) => task.cancel(reason));
    return task.join().finally(forget);
  }

  async #exchangeTaken(taken: Transaction, url: URL, signal: AbortSignal): Promise<TokenSet> {
    const { epoch } = this.signedOut;
    try {
      return await this.#keep(await redeem(this.parts, taken, url, signal), {
        epoch,
        addsToSession: taken.addsToSession,
        explicit: taken.explicit,
      });
    } catch (error) {
      const { issuer, client, registration: kind } = taken;
      await forgetRefusedRegistration(this.parts, { issuer, client, kind }, error);
      throw error;
    }
  }

  /** Ends what is under way. Safe to call twice. */
  close(): void {
    if (this.closed.aborted) return;
    const reason = new McpOAuthError('closed', 'The auth provider was closed. Create a new one to go on.', {
      stage: 'authorization',
    });
    this.#closing.abort(reason);
    this.interrupt(reason);
    this.tokens.close();
    void this.http.close().catch(() => undefined);
  }

  /** Resolves when the sign-in that `close()` ended has released its listener. Bounded: what the application was asked may never answer. */
  async released(): Promise<void> {
    const task = this.#current?.task;
    if (task === undefined) return;
    await new Promise<void>((resolve) => {
      const stop = this.options.clock.schedule(LONGEST_RELEASE_MS, resolve, { keepAlive: true });
      void task.settled().then(() => {
        stop();
        resolve();
      });
    });
  }

  /** Ends what is under way for the session that is there now: a sign-in, an SDK's token request, open streams. */
  interrupt(reason: McpOAuthError): void {
    this.#current?.task.cancel(reason);
    for (const end of this.#interruptible) end(reason);
    this.streams.end(reason);
  }

  /** Calls `end` where the session is interrupted, until the function that it returns is called. */
  onInterrupt(end: (reason: McpOAuthError) => void): () => void {
    this.#interruptible.add(end);
    return () => this.#interruptible.delete(end);
  }

  #startSignIn(
    request: SignInRequest,
    waiter: Waiter,
    holder: AbortSignal | undefined,
    exchange: Exchange = this.#exchange,
  ): Promise<TokenSet> {
    const refusal = this.#limits.refusal(request.reason);
    if (refusal !== undefined) return Promise.reject(refusal);
    const task: SharedTask<TokenSet> = new SharedTask('authorization', this.options.clock, (signal) =>
      traceSignIn(this.options, request.reason, () => this.#runSignIn(request, exchange, task, signal)),
    );
    this.#current = { task, scope: request.scope };
    const result = task.join(waiter);
    if (holder !== undefined) task.hold(holder);
    return result;
  }

  async #runSignIn(
    request: SignInRequest,
    exchange: Exchange,
    task: SharedTask<TokenSet>,
    signal: AbortSignal,
  ): Promise<TokenSet> {
    const { clock, signInTimeoutMs } = this.options;
    const { epoch } = this.signedOut;
    const endsAt = clock.now() + signInTimeoutMs;
    const stopTimer = clock.schedule(signInTimeoutMs, () => task.cancel(signInTimeout(signInTimeoutMs)));
    try {
      if (!isWithoutPerson(this.options.grant)) await assertInteractive(this.options, request.reason, signal);
      const { tokens, adopted } = await this.#turns.run({
        signal,
        wanted: wantedBy(request),
        explicit: request.reason === 'authorize',
        adopt: () => adoptStored(this.tokens, request),
        lead: async (turn) => {
          // Whoever was waited for may have signed out instead.
          if (request.reason !== 'authorize') await this.assertUsable();
          if (!isWithoutPerson(this.options.grant)) this.#limits.started(request.reason);
          const keep = (kept: TokenSet, lease?: Lease) => this.#keep(kept, { epoch, lease, ...occasionOf(request) });
          return signInByGrant(this.parts, request, turn, {
            keep,
            endsAt,
            exchange: (callback) => exchange(callback, keep, signal),
            // An SDK posts its own token request, which this grant has none for.
            mayChooseDevice: exchange === this.#exchange,
          });
        },
      });
      if (adopted) await this.#settleAdopted(request, epoch);
      this.#limits.succeeded();
      return tokens;
    } catch (caught) {
      const error = asMcpOAuthError(caught);
      this.#limits.failed(error);
      this.emit({ type: 'sign_in_failed', error });
      throw error;
    } finally {
      stopTimer();
    }
  }

  /** Another window's sign-in counts as this one's. */
  async #settleAdopted({ reason }: SignInRequest, epoch: number): Promise<void> {
    this.#limits.count(reason);
    if (epoch !== this.signedOut.epoch) throw signedOut();
    if (reason === 'authorize') await this.comeBack();
  }

  async #keep(tokens: TokenSet, occasion: KeepOccasion): Promise<TokenSet> {
    await keepTokens(this, tokens, occasion);
    this.#limits.succeeded();
    return tokens;
  }

  async #preferredIssuer(): Promise<string | undefined> {
    const { clientInformation: given, grant } = this.options;
    if (isMachineGrant(grant) && grant.issuer !== undefined) return grant.issuer;
    if (typeof given === 'object' && given.issuer !== undefined) return given.issuer;
    return (await storedContext(this.tokens))?.issuer;
  }

  /** New tokens count even where the store cannot forget that the account was signed out. */
  async comeBack(): Promise<void> {
    try {
      await this.signedOut.clear();
    } catch (cause) {
      const message = 'The store still says that this account signed out, so the next start will ask for authorize().';
      this.emit({ type: 'store_error', error: new McpOAuthError('store_failed', message, { stage: 'store', cause }) });
    }
  }
}
