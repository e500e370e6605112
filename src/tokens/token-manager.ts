import { type Clock, systemClock } from '../clock.js';
import { traced } from '../diagnostics.js';
import { abortError, McpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import { emitter, type OnEvent } from '../events.js';
import type { Lease } from '../stores/token-store.js';
import { RefreshPause } from './refresh-pause.js';
import { isInvalidGrant, refreshError } from './refresh-result.js';
import { Renewal } from './renewal.js';
import type { TokenCache } from './token-cache.js';
import { normalizeTokens } from './token-codec.js';
import type { TokenManagerOptions } from './token-manager-options.js';
import { TokenMirror } from './token-mirror.js';
import type { TokenSet } from './token-set.js';
import { Waits } from './wait.js';

const DEFAULT_REFRESH_TIMEOUT_MS = 30_000;
/** Longer than the refresh of whoever holds the lock may take; a provider says `timeouts.lock`. */
const DEFAULT_LOCK_TIMEOUT_MS = 60_000;
/** After these, someone else may have done what was to be done under the lock. */
const LOCK_FAILURES: ReadonlySet<McpOAuthErrorCode> = new Set(['lock_timeout', 'lease_lost']);

/**
 * Holds the tokens of one session: hands out a valid access token, refreshes it once however many ask, and keeps it in a store.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-6 | RFC 6749 section 6}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9700.html#section-4.14 | RFC 9700 section 4.14}
 */
export class TokenManager {
  readonly #mirror: TokenMirror;
  readonly #renewal: Renewal;
  readonly #clock: Clock;
  readonly #emit: OnEvent;
  readonly #closed = new AbortController();
  readonly #waits = new Waits();
  readonly #pause: RefreshPause;
  readonly #cache: TokenCache;
  readonly #server: string | undefined;
  #refreshing: { readonly result: Promise<TokenSet | undefined>; readonly controller: AbortController } | undefined;

  /**
   * A manager of the session that `store` has at `key`. Nothing is read yet.
   *
   * @param options - At least `store` and `key`.
   * @throws {McpOAuthError} `invalid_options` where the store or the key is missing
   */
  constructor(options: TokenManagerOptions) {
    const { store, key, refresh, isRefreshable = hasRefreshToken, isFinal, clock, onEvent } = options;
    const { lockTimeoutMs, refreshTimeoutMs, server, random = Math.random } = options;
    if (typeof store?.get !== 'function' || typeof key !== 'string' || key === '') {
      throw new McpOAuthError('invalid_options', 'A TokenManager needs a `store` and a non-empty `key`.', {
        stage: 'configuration',
      });
    }
    this.#clock = clock ?? systemClock;
    this.#pause = new RefreshPause(random);
    this.#emit = emitter(onEvent);
    this.#server = server;
    this.#mirror = new TokenMirror({
      store,
      key,
      clock: this.#clock,
      emit: this.#emit,
      lockTimeoutMs: lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
      isRefreshable: (tokens) => refresh !== undefined && isRefreshable(tokens),
    });
    this.#cache = this.#mirror.cache;
    this.#renewal = new Renewal({
      mirror: this.#mirror,
      refresh,
      isRefreshable,
      isFinal: isFinal ?? isInvalidGrant,
      clock: this.#clock,
      emit: this.#emit,
      timeoutMs: refreshTimeoutMs ?? DEFAULT_REFRESH_TIMEOUT_MS,
    });
  }

  /**
   * A valid access token, or `undefined` where someone has to sign in. While the cached one is fresh there is no I/O and no lock.
   * In the window before its expiry (5 minutes or 20 % of the lifetime, whichever is less) it starts a refresh in the background,
   * at a point of the window's first part that differs from session to session. Where someone else in this process changed what is
   * stored, and the store can tell, the call waits until that was read.
   *
   * @param options `signal` ends this call's wait, not the refresh that others wait for too
   * @returns the access token
   * @throws {McpOAuthError} `aborted`, `closed`; a retryable one (`network_error`, `timeout`, `server_unavailable`, `lock_timeout`,
   * `lease_lost`) where the token is over and could not be refreshed now; `store_unreadable`, `store_failed`; what else the refresh failed with.
   * What is temporary is asked again by the next call, and from the second failure in a row on after 1 s and then twice as long each
   * time, up to 30 s (5 s where no word of the server came); anything else after 1 s and so on, up to 60 s; and never before a
   * `Retry-After` (of 5 minutes at most) is over. Until then calls fail with the last error at once.
   */
  getAccessToken(options?: { signal?: AbortSignal }): Promise<string | undefined> {
    const fresh = this.#cache.fresh;
    if (fresh !== undefined && options?.signal?.aborted !== true) return fresh;
    return this.#obtain(options?.signal);
  }

  /**
   * The cached token set where it is known to be valid, without waiting. Starts the background refresh like {@link getAccessToken}.
   *
   * @returns the token set, or `undefined` where a call that waits may know more. It never throws
   */
  peek(): TokenSet | undefined {
    if (this.#cache.fresh !== undefined) return this.#cache.tokens;
    const tokens = this.#cache.usable;
    if (tokens === undefined || this.#closed.signal.aborted || this.#mirror.news !== undefined) return undefined;
    this.#mirror.record.flush();
    if (!this.#refreshAheadIfDue()) this.#mirror.warm();
    return tokens;
  }

  /**
   * The session's tokens, valid or not. Reads the store only where nothing is in memory.
   *
   * @param options - `signal` ends this call's wait
   * @returns the token set, or `undefined` where there is none
   * @throws {McpOAuthError} `aborted`, `closed`, `store_unreadable`, `store_failed`
   */
  async current(options?: { signal?: AbortSignal }): Promise<TokenSet | undefined> {
    await this.#settle(options?.signal);
    if (this.#cache.tokens === undefined) await this.#wait(this.#mirror.load(), options?.signal);
    return this.#cache.tokens;
  }

  /**
   * Reads the store again and adopts what is newer there: another window or process may have signed in, refreshed or signed out.
   *
   * @param options `lease`: of the session's key, where the caller holds its lock already
   * @returns the token set, or `undefined` where there is none
   * @throws {McpOAuthError} `closed`, `store_unreadable`, `store_failed`
   */
  async reload(options?: { lease?: Lease }): Promise<TokenSet | undefined> {
    // What waits for the lock that the caller holds comes after the caller.
    if (options?.lease === undefined) await this.#settle(undefined);
    else this.#assertOpen(undefined);
    await this.#wait(this.#mirror.read(), undefined);
    return this.#cache.tokens;
  }

  /**
   * Replaces the session's tokens, after a sign-in. Where they cannot be stored they are used from memory,
   * `store_error` is reported, and they are written again with the next call.
   *
   * @param tokens - what was obtained; its times are in ms since the epoch
   * @param options - `lease`: of the session's key, where the caller holds its lock already
   * @throws {McpOAuthError} `invalid_options` without an access token, `closed`
   */
  async setTokens(tokens: TokenSet, options?: { lease?: Lease }): Promise<void> {
    this.#assertOpen(undefined);
    const next = normalizeTokens(tokens, this.#clock.now());
    if (next === undefined) {
      throw new McpOAuthError(
        'invalid_options',
        'setTokens() needs an object with an `accessToken` of visible ASCII characters.',
        {
          stage: 'token',
        },
      );
    }
    this.#pause.reset();
    const replaces = this.#cache.tokens?.accessToken;
    await this.#replaceSession(options?.lease, async (lease, failure) => {
      const { record } = this.#mirror;
      if (failure === undefined) await record.write(next, lease, replaces);
      else record.keep(next, replaces, failure);
      this.#cache.forgive();
      this.#mirror.replace(next);
    });
  }

  /**
   * The resource server refused `rejectedAccessToken`: gives a newer token where memory or the store has one, else refreshes once.
   * Where the store cannot be read, what is in memory counts.
   *
   * @param rejectedAccessToken - the token that was refused; where another one is in use by now, that one is given
   * @param options - `signal` ends this call's wait, not the refresh that others wait for too
   * @returns the token to try next, or `undefined` where someone has to sign in
   * @throws {McpOAuthError} as {@link getAccessToken}
   */
  async refresh(rejectedAccessToken: string, options?: { signal?: AbortSignal }): Promise<string | undefined> {
    const signal = options?.signal;
    this.#assertOpen(signal);
    // At once: calls that begin now must not get it any more.
    this.#refuse(rejectedAccessToken);
    await this.#settle(signal);
    this.#refuse(rejectedAccessToken);
    if (this.#cache.usable === undefined) await this.#wait(this.#lookAgain(), signal);
    this.#refuse(rejectedAccessToken);
    return (this.#cache.usable ?? (await this.#refreshShared(signal)))?.accessToken;
  }

  /**
   * Forgets the session, here and in the store. What is in flight for it ends.
   * @param options `lease`: of the session's key, where the caller holds its lock already
   * @throws {McpOAuthError} `closed`; `store_failed`, `lock_timeout` where the store still holds it
   */
  async clear(options?: { lease?: Lease }): Promise<void> {
    this.#assertOpen(undefined);
    this.#pause.reset();
    this.#cache.forgive();
    this.#mirror.record.dropPending();
    this.#mirror.replace(undefined);
    await this.#replaceSession(options?.lease, async (lease, failure) => {
      if (failure !== undefined) throw failure;
      await this.#mirror.record.remove(lease);
      this.#mirror.replace(undefined);
    });
  }

  /**
   * What the last refresh failed with may have been put right: the next call that needs a refresh makes one, instead of failing with
   * the same error until the wait between refreshes is over.
   */
  retryRefresh(): void {
    this.#pause.lift();
  }

  /**
   * Ends every wait with `closed`. The stored session stays. A refresh that is under way goes on within its bound and is
   * stored: its answer may hold the only refresh token that still works.
   */
  close(): void {
    if (this.#closed.signal.aborted) return;
    const reason = new McpOAuthError('closed', 'The token manager was closed. Create a new one to go on.', {
      stage: 'token',
    });
    this.#closed.abort(reason);
    this.#mirror.close();
  }

  async #obtain(signal: AbortSignal | undefined): Promise<string | undefined> {
    await this.#settle(signal);
    // What is over here may have been renewed elsewhere; where it can be refreshed, that is looked up inside the lock.
    if (this.#cache.usable === undefined && !this.#cache.refreshable) await this.#wait(this.#mirror.load(), signal);
    const tokens = this.#cache.usable;
    if (tokens === undefined) return (await this.#refreshShared(signal))?.accessToken;
    if (!this.#refreshAheadIfDue()) this.#mirror.warm();
    return tokens.accessToken;
  }

  /** What every call that may wait begins with. */
  async #settle(signal: AbortSignal | undefined): Promise<void> {
    this.#assertOpen(signal);
    this.#mirror.record.flush();
    const replacing = this.#mirror.replacing?.catch(() => {});
    if (replacing !== undefined) await this.#wait(replacing, signal);
    const { news } = this.#mirror;
    if (news !== undefined) await this.#wait(news, signal);
  }

  #assertOpen(signal: AbortSignal | undefined): void {
    if (this.#closed.signal.aborted) throw abortError(this.#closed.signal, 'token');
    if (signal?.aborted) throw abortError(signal, 'token');
  }

  #wait<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#waits.until(promise, 'token', signal, this.#closed.signal);
  }

  #refuse(accessToken: string): void {
    if (this.#cache.tokens?.accessToken === accessToken) this.#cache.refuse(accessToken);
  }

  /** Someone else may have signed in or refreshed. */
  async #lookAgain(): Promise<void> {
    const inMemory = this.#cache.tokens;
    try {
      await this.#mirror.load();
    } catch (error) {
      // A refresh reads inside the lock, and fails there where it has to. Without one, a store that fails is no reason to give up.
      const goesOn = this.#cache.refreshable || (error as McpOAuthError).code === 'store_failed';
      if (inMemory === undefined || !goesOn) throw error;
    }
  }

  /** What is in flight for the former session ends. */
  #replaceSession(...replacement: Parameters<TokenMirror['replaceSession']>): Promise<void> {
    this.#refreshing?.controller.abort();
    this.#refreshing = undefined;
    return this.#mirror.replaceSession(...replacement);
  }

  /** Starts a background refresh where it is time for one. @returns whether it is time */
  #refreshAheadIfDue(): boolean {
    if (!this.#cache.refreshDue) return false;
    if (this.#refreshing === undefined && this.#pause.mayRefreshAhead(this.#clock.now())) {
      // Its failure is reported as an event; the valid token is used meanwhile.
      this.#startRefresh().catch(() => {});
    }
    return true;
  }

  /** Waits for the refresh that is under way, or for a new one. */
  async #refreshShared(signal: AbortSignal | undefined): Promise<TokenSet | undefined> {
    if (this.#refreshing === undefined && !this.#cache.refreshable) return undefined;
    if (this.#refreshing === undefined && this.#refusal() !== undefined) {
      // Only the store may know better by now.
      await this.#wait(this.#lookAgain(), signal);
      const { usable } = this.#cache;
      if (usable !== undefined) return usable;
      const refusal = this.#refusal();
      if (this.#refreshing === undefined && refusal !== undefined) throw refusal;
    }
    return this.#wait(this.#refreshing?.result ?? this.#startRefresh(), signal);
  }

  /** Why the refresh of these tokens is not to be asked for now, if so. */
  #refusal(): McpOAuthError | undefined {
    return this.#pause.refusal(this.#cache.tokens?.accessToken, this.#clock.now());
  }

  #startRefresh(): Promise<TokenSet | undefined> {
    const controller = new AbortController();
    const result = this.#refreshTraced(controller.signal).finally(() => {
      if (this.#refreshing?.controller === controller) this.#refreshing = undefined;
    });
    this.#refreshing = { result, controller };
    return result;
  }

  /** `ahead`: the token that is there is still good. `usable`: there is a token now; else someone has to sign in. */
  #refreshTraced(flight: AbortSignal): Promise<TokenSet | undefined> {
    const ahead = this.#cache.usable !== undefined;
    return traced('refresh', { server: this.#server, ahead }, async (facts) => {
      const tokens = await this.#refreshOnce(flight);
      facts['usable'] = tokens !== undefined;
      return tokens;
    });
  }

  async #refreshOnce(flight: AbortSignal): Promise<TokenSet | undefined> {
    const { session, record } = this.#mirror;
    // What somebody else obtains while this one waits for the lock is told apart by it, whoever reads it first.
    const known = this.#cache.tokens?.accessToken;
    try {
      const renewed = await record.exclusively((lease) => this.#renewal.run(known, lease, flight), flight);
      if (session === this.#mirror.session) {
        this.#noteOutcome(undefined);
        return renewed ?? this.#cache.usable;
      }
    } catch (cause) {
      const error = refreshError(cause);
      if (this.#closed.signal.aborted) throw error;
      if (session === this.#mirror.session) {
        if (LOCK_FAILURES.has(error.code) && (await this.#isRenewedElsewhere(known))) return this.#cache.usable;
        this.#noteOutcome(error);
        this.#emit({ type: 'refresh_failed', error, final: false });
        throw error;
      }
    }
    // A sign-in or sign-out took the session's place meanwhile: its outcome counts.
    await this.#mirror.replacing?.catch(() => {});
    return this.#cache.usable;
  }

  #noteOutcome(error: McpOAuthError | undefined): void {
    const { tokens, usable, refreshDue } = this.#cache;
    const now = this.#clock.now();
    if (error === undefined) this.#pause.succeeded(refreshDue, now);
    else this.#pause.failed({ error, accessToken: tokens?.accessToken, isAhead: usable !== undefined, now });
  }

  /** Whoever kept the lock, or took it over, may have stored new tokens. */
  async #isRenewedElsewhere(known: string | undefined): Promise<boolean> {
    await this.#mirror.read().catch(() => {});
    const tokens = this.#cache.usable;
    return tokens !== undefined && tokens.accessToken !== known;
  }
}

function hasRefreshToken(tokens: TokenSet): boolean {
  return tokens.refreshToken !== undefined;
}
