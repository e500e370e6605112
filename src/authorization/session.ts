import { abortError, isMcpOAuthError, McpOAuthError } from '../errors.js';
import { emitter, type OnEvent } from '../events.js';
import { classifyRefreshFailure } from '../grants/index.js';
import { createHttp, type Http } from '../http/index.js';
import type { ResolvedOptions } from '../options.js';
import { clientIdentity, type RegistrationStore, registrationStore } from '../registration/index.js';
import { coversScope, unionScopes } from '../scope.js';
import type { Lease, TokenStore } from '../stores/token-store.js';
import { TokenManager } from '../tokens/token-manager.js';
import type { TokenSet } from '../tokens/token-set.js';
import { Waits } from '../tokens/wait.js';
import { type AttemptLimiter, attemptLimiter } from './attempt-limiter.js';
import { discoveryCache } from './discovery-cache.js';
import { OpenStreams } from './open-streams.js';
import { PendingCallbacks } from './redirect-target.js';
import { readContext, type SessionContext } from './session-context.js';
import { notAgain, signInTimeout, tokenRejected } from './session-errors.js';
import { refreshSession } from './session-refresh.js';
import { SharedTask, type Waiter } from './shared-task.js';
import {
  type AuthorizedCallback,
  authorizeInBrowser,
  forgetRefusedRegistration,
  redeem,
  type SignInParts,
  type SignInRequest,
} from './sign-in.js';
import { transactionStore } from './transaction.js';

/** Turns a callback into tokens, and keeps them by `keep` (with the lease, where it holds the session's lock). */
export type Exchange = (
  callback: AuthorizedCallback,
  keep: (tokens: TokenSet, lease?: Lease) => Promise<TokenSet>,
  signal: AbortSignal,
) => Promise<TokenSet>;

/** What 401s alone may cause, across requests: sign-ins, and refreshes of tokens that had not expired. */
const WINDOW_MS = 600_000;
const LONGEST_RELEASE_MS = 1_000;
const MOST_SIGN_INS = 3;
const MOST_FORCED_REFRESHES = 60;

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
  /** Event streams that were opened with this session's token. */
  readonly streams = new OpenStreams();
  readonly #key: string;
  readonly #closing = new AbortController();
  readonly #signIns: AttemptLimiter;
  readonly #forcedRefreshes: AttemptLimiter;
  readonly #interruptible = new Set<(reason: McpOAuthError) => void>();
  #lastRefused: string | undefined;
  /** How the last sign-in ended, where it failed. */
  #lastFailure: McpOAuthError | undefined;
  /** This library's own token request. */
  readonly #exchange: Exchange = async ({ transaction, arrival }, keep, signal) =>
    keep(await redeem(this.parts, transaction, arrival.url, signal));
  #current: { task: SharedTask<TokenSet>; scope: readonly string[] | undefined } | undefined;
  #signedOut: boolean | undefined;

  constructor(options: ResolvedOptions, store: TokenStore) {
    this.options = options;
    this.store = store;
    this.emit = emitter(options.onEvent);
    this.#key = sessionKey(options);
    this.#signIns = attemptLimiter(options.clock, MOST_SIGN_INS, WINDOW_MS);
    this.#forcedRefreshes = attemptLimiter(options.clock, MOST_FORCED_REFRESHES, WINDOW_MS);
    this.http = createHttp({
      anchor: options.server,
      clock: options.clock,
      timeoutMs: options.requestTimeoutMs,
      ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
      ...(options.network === undefined ? {} : { network: options.network }),
    });
    this.registrations = registrationStore(store, clientIdentity(options.clientMetadata));
    this.tokens = new TokenManager({
      store,
      key: this.tokensKey,
      refresh: (tokens, { signal }) => refreshSession(this.parts, tokens, signal),
      isFinal: isFinalFailure,
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
      pending: new PendingCallbacks(),
      emit: this.emit,
      session: this.#key,
      preferredIssuer: () => this.#preferredIssuer(),
      prompted: (reason) => {
        if (reason === 'unauthorized') this.#signIns.take('');
      },
    };
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

  /** Whether the account signed out and has not asked to come back. */
  async isSignedOut(): Promise<boolean> {
    if (this.#signedOut === true) return true;
    try {
      // Asked each time: another window may have signed out, and come back.
      const signedOut = (await this.store.get(this.#signedOutKey)) !== undefined;
      if (!signedOut) this.#signedOut = false;
      return signedOut;
    } catch (error) {
      // A store that fails later does not end a session that goes on from memory.
      if (this.#signedOut === undefined) throw error;
      return false;
    }
  }

  /** Remembers that the account signed out, or that it came back. */
  async setSignedOut(signedOut: boolean): Promise<void> {
    // In memory first: whatever the store does, this process stays signed out.
    this.#signedOut = signedOut;
    if (signedOut) await this.store.set(this.#signedOutKey, '1');
    else await this.store.delete(this.#signedOutKey);
  }

  /** Throws where nothing may be sent any more. */
  async assertUsable(): Promise<void> {
    this.assertOpen();
    if (await this.isSignedOut()) {
      throw new McpOAuthError('signed_out', 'This account signed out. Call authorize() to sign in again.', {
        stage: 'authorization',
      });
    }
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
      if (request.scope === undefined || coversScope(current.scope, request.scope)) return current.task.join(waiter);
      // Another consent is on the screen. This one asks for more, so it comes after it and adds to what that one got.
      const tokens = await current.task.join(waiter);
      request = { ...request, scope: unionScopes(readContext(tokens)?.requestedScope, request.scope) };
    }
  }

  /**
   * Another token in place of the one that the MCP server refused: the one that somebody else got meanwhile, or a refreshed one.
   * `undefined` where only a sign-in can help.
   */
  async refreshRefused(token: string, signal: AbortSignal): Promise<string | undefined> {
    const current = this.tokens.peek();
    if (current !== undefined && current.accessToken !== token) return current.accessToken;
    if (token !== this.#lastRefused) {
      this.#lastRefused = token;
      if (!this.#forcedRefreshes.take('')) throw tokenRejected();
    }
    const refreshed = await this.tokens.refresh(token, { signal });
    return refreshed === token ? undefined : refreshed;
  }

  /** The user asked for a sign-in: what was counted before counts no more. */
  resetLimits(): void {
    this.#signIns.reset();
    this.#forcedRefreshes.reset();
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
    const transaction = await this.parts.transactions.find(state);
    if (transaction === undefined) {
      throw new McpOAuthError(
        'state_mismatch',
        'No sign-in that is pending here belongs to this callback. It may have expired or been used; start the sign-in again.',
        { stage: 'callback' },
      );
    }
    if (transaction.session !== this.#key) {
      throw new McpOAuthError(
        'invalid_callback',
        'This callback belongs to the sign-in of another account or server.',
        {
          stage: 'callback',
        },
      );
    }
    const waiting = this.#current?.task;
    if (this.parts.pending.deliver(state, { url, respond: async () => undefined }) && waiting !== undefined) {
      return waiting.join();
    }
    const taken = await this.parts.transactions.take(state);
    if (taken === undefined) {
      throw new McpOAuthError('invalid_callback', 'This callback was used before. Start the sign-in again.', {
        stage: 'callback',
      });
    }
    try {
      return await this.#keep(await redeem(this.parts, taken, url, this.closed));
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

  /** Whether a person may be asked now; throws `interaction_required` where not. */
  async #assertInteractive(reason: SignInRequest['reason'], signal: AbortSignal): Promise<void> {
    const { interactive } = this.options;
    // The application may never answer; whoever waits must be able to leave.
    const ask = async () => (typeof interactive === 'function' ? interactive({ reason }) : interactive);
    const allowed = await new Waits().until(ask(), 'authorization', signal);
    if (allowed === false) {
      throw new McpOAuthError(
        'interaction_required',
        'A person has to sign in, but `interactive` does not allow it now. Sign in where a browser may be opened, sharing the same store, or allow it.',
        { stage: 'authorization' },
      );
    }
  }

  #startSignIn(
    request: SignInRequest,
    waiter: Waiter,
    holder: AbortSignal | undefined,
    exchange: Exchange | undefined,
  ): Promise<TokenSet> {
    if (request.reason === 'unauthorized' && !this.#signIns.allows('')) {
      return Promise.reject(this.#lastFailure === undefined ? tokenRejected() : notAgain(this.#lastFailure));
    }
    const task: SharedTask<TokenSet> = new SharedTask('authorization', (signal) =>
      this.#runSignIn(request, exchange ?? this.#exchange, task, signal),
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
    const stopTimer = clock.schedule(signInTimeoutMs, () => task.cancel(signInTimeout(signInTimeoutMs)));
    try {
      await this.#assertInteractive(request.reason, signal);
      return await authorizeInBrowser(this.parts, request, signal, (callback) =>
        exchange(callback, (tokens, lease) => this.#keep(tokens, lease), signal),
      );
    } catch (error) {
      if (isMcpOAuthError(error)) {
        this.#lastFailure = error;
        this.emit({ type: 'sign_in_failed', error });
      }
      throw error;
    } finally {
      stopTimer();
    }
  }

  async #keep(tokens: TokenSet, lease?: Lease): Promise<TokenSet> {
    await this.tokens.setTokens(tokens, lease === undefined ? {} : { lease });
    this.#lastFailure = undefined;
    await this.#comeBack();
    const context = readContext(tokens) as SessionContext;
    this.emit({ type: 'signed_in', issuer: context.issuer, scope: tokens.scope ?? [], expiresAt: tokens.expiresAt });
    return tokens;
  }

  async #preferredIssuer(): Promise<string | undefined> {
    const given = this.options.clientInformation;
    if (typeof given === 'object' && given.issuer !== undefined) return given.issuer;
    return readContext(await this.tokens.current())?.issuer;
  }

  /** New tokens count even where the store cannot forget that the account was signed out. */
  async #comeBack(): Promise<void> {
    try {
      await this.setSignedOut(false);
    } catch (cause) {
      const message = 'The store still says that this account signed out, so the next start will ask for authorize().';
      this.emit({ type: 'store_error', error: new McpOAuthError('store_failed', message, { stage: 'store', cause }) });
    }
  }

  get #signedOutKey(): string {
    return `signed-out/${this.#key}`;
  }
}

function isFinalFailure(error: unknown): boolean {
  return classifyRefreshFailure(error) === 'dead';
}

function sessionKey(options: ResolvedOptions): string {
  const { origin, pathname, search } = options.server;
  return `${encodeURIComponent(origin + pathname + search)}/${encodeURIComponent(options.account ?? '')}`;
}

function parseCallback(callbackUrl: string | URL): URL {
  try {
    return new URL(callbackUrl);
  } catch {
    throw new McpOAuthError(
      'invalid_callback',
      'finishAuthorization() takes the whole URL that the browser was sent back to.',
      {
        stage: 'callback',
      },
    );
  }
}
