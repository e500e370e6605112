import { type Clock, systemClock } from '../clock.js';
import { abortError, McpOAuthError } from '../errors.js';
import { emitter, type OnEvent } from '../events.js';
import type { Lease } from '../stores/token-store.js';
import { Backoff } from './backoff.js';
import { isInvalidGrant, mergeRefreshed, refreshError } from './refresh-result.js';
import { TokenCache } from './token-cache.js';
import { normalizeTokens } from './token-codec.js';
import type { RefreshFunction, TokenManagerOptions } from './token-manager-options.js';
import { TokenRecord } from './token-record.js';
import type { TokenSet } from './token-set.js';
import { bounded, Waits } from './wait.js';

const DEFAULT_REFRESH_TIMEOUT_MS = 30_000;
const DEFAULT_LOCK_TIMEOUT_MS = 60_000;

/**
 * Holds the tokens of one session: hands out a valid access token, refreshes it once however many ask, and keeps it in a store.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-6 | RFC 6749 section 6}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9700.html#section-4.14 | RFC 9700 section 4.14}
 */
export class TokenManager {
  readonly #record: TokenRecord;
  readonly #cache: TokenCache;
  readonly #refresh: RefreshFunction | undefined;
  readonly #isFinal: (error: unknown) => boolean;
  readonly #clock: Clock;
  readonly #emit: OnEvent;
  readonly #refreshTimeoutMs: number;
  readonly #closed = new AbortController();
  readonly #waits = new Waits();
  readonly #backoff = new Backoff();

  /** Counts what this manager wrote: a read that began before is older than what is in memory. */
  #version = 0;
  /** Counts `setTokens` and `clear`: a refresh that began before belongs to a session that is gone. */
  #session = 0;
  #reading: Promise<void> | undefined;
  #refreshing: { readonly result: Promise<TokenSet | undefined>; readonly controller: AbortController } | undefined;
  #replacing: Promise<void> | undefined;

  /** @throws {McpOAuthError} `invalid_options` where the store or the key is missing */
  constructor(options: TokenManagerOptions) {
    const { store, key, refresh, isFinal, clock, onEvent, lockTimeoutMs, refreshTimeoutMs } = options;
    if (typeof store?.get !== 'function' || typeof key !== 'string' || key === '') {
      throw new McpOAuthError('invalid_options', 'A TokenManager needs a `store` and a non-empty `key`.', {
        stage: 'configuration',
      });
    }
    this.#clock = clock ?? systemClock;
    this.#emit = emitter(onEvent);
    this.#refresh = refresh;
    this.#isFinal = isFinal ?? isInvalidGrant;
    this.#refreshTimeoutMs = refreshTimeoutMs ?? DEFAULT_REFRESH_TIMEOUT_MS;
    this.#cache = new TokenCache(this.#clock, refresh !== undefined);
    this.#record = new TokenRecord({
      store,
      key,
      clock: this.#clock,
      emit: this.#emit,
      lockTimeoutMs: lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
    });
  }

  /**
   * A valid access token, or `undefined` where someone has to sign in. While the cached one is fresh there is no I/O and no lock.
   * In the window before its expiry (5 minutes or 20 % of the lifetime, whichever is less) it starts a refresh in the background.
   * @param options `signal` ends this call's wait, not the refresh that others wait for too
   * @throws {McpOAuthError} `aborted`, `closed`; a retryable one (`network_error`, `timeout`, `server_unavailable`, `lock_timeout`)
   * where the token is over and could not be refreshed now; `store_unreadable`, `store_failed`
   */
  getAccessToken(options?: { signal?: AbortSignal }): Promise<string | undefined> {
    const fresh = this.#cache.fresh;
    if (fresh !== undefined && options?.signal?.aborted !== true) return fresh;
    return this.#obtain(options?.signal);
  }

  /** The cached token set where it is valid, without waiting. Starts the background refresh like {@link getAccessToken}. */
  peek(): TokenSet | undefined {
    if (this.#cache.fresh !== undefined) return this.#cache.tokens;
    const tokens = this.#cache.usable;
    if (tokens === undefined || this.#closed.signal.aborted) return undefined;
    this.#record.flush();
    if (!this.#refreshAheadIfDue()) this.#warm();
    return tokens;
  }

  /**
   * The session's tokens, valid or not. Reads the store only where nothing is in memory.
   * @throws {McpOAuthError} `aborted`, `closed`, `store_unreadable`, `store_failed`
   */
  async current(options?: { signal?: AbortSignal }): Promise<TokenSet | undefined> {
    await this.#settle(options?.signal);
    if (this.#cache.tokens === undefined) await this.#wait(this.#load(), options?.signal);
    return this.#cache.tokens;
  }

  /**
   * Reads the store again and adopts what is newer there: another window or process may have signed in, refreshed or signed out.
   * @param options `lease`: of the session's key, where the caller holds its lock already
   * @throws {McpOAuthError} `closed`, `store_unreadable`, `store_failed`
   */
  async reload(options?: { lease?: Lease }): Promise<TokenSet | undefined> {
    // What waits for the lock that the caller holds comes after the caller.
    if (options?.lease === undefined) await this.#settle(undefined);
    else this.#assertOpen(undefined);
    await this.#wait(this.#read(), undefined);
    return this.#cache.tokens;
  }

  /**
   * Replaces the session's tokens, after a sign-in. Where they cannot be stored they are used from memory,
   * `store_error` is reported, and they are written again with the next call.
   * @param options `lease`: of the session's key, where the caller holds its lock already
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
    const replaces = this.#cache.tokens?.accessToken;
    await this.#replaceSession(options?.lease, async (lease, failure) => {
      if (failure === undefined) await this.#record.write(next, lease, replaces);
      else this.#record.keep(next, replaces, failure);
      this.#cache.forgive();
      this.#replace(next);
    });
  }

  /**
   * The resource server refused `rejectedAccessToken`: gives a newer token where there is one, else refreshes once.
   * @returns the token to try next, or `undefined` where someone has to sign in
   * @throws {McpOAuthError} as {@link getAccessToken}
   */
  async refresh(rejectedAccessToken: string, options?: { signal?: AbortSignal }): Promise<string | undefined> {
    const signal = options?.signal;
    this.#assertOpen(signal);
    // At once: calls that begin now must not get it any more.
    if (this.#cache.tokens?.accessToken === rejectedAccessToken) this.#cache.refuse(rejectedAccessToken);
    await this.#settle(signal);
    if (this.#cache.tokens === undefined) await this.#wait(this.#load(), signal);
    if (this.#cache.tokens?.accessToken === rejectedAccessToken) this.#cache.refuse(rejectedAccessToken);
    if (this.#cache.usable === undefined && !this.#cache.refreshable) await this.#wait(this.#load(), signal);
    return (this.#cache.usable ?? (await this.#refreshShared(signal)))?.accessToken;
  }

  /**
   * Forgets the session, here and in the store. What is in flight for it ends.
   * @param options `lease`: of the session's key, where the caller holds its lock already
   * @throws {McpOAuthError} `closed`; `store_failed`, `lock_timeout` where the store still holds it
   */
  async clear(options?: { lease?: Lease }): Promise<void> {
    this.#assertOpen(undefined);
    this.#cache.forgive();
    this.#record.dropPending();
    this.#replace(undefined);
    await this.#replaceSession(options?.lease, async (lease, failure) => {
      if (failure !== undefined) throw failure;
      await this.#record.remove(lease);
      this.#replace(undefined);
    });
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
    this.#cache.cool();
    this.#closed.abort(reason);
    this.#record.flush({ force: true });
  }

  async #obtain(signal: AbortSignal | undefined): Promise<string | undefined> {
    await this.#settle(signal);
    // What is over here may have been renewed elsewhere; where it can be refreshed, that is looked up inside the lock.
    if (this.#cache.usable === undefined && !this.#cache.refreshable) await this.#wait(this.#load(), signal);
    const tokens = this.#cache.usable;
    if (tokens === undefined) return (await this.#refreshShared(signal))?.accessToken;
    if (!this.#refreshAheadIfDue()) this.#warm();
    return tokens.accessToken;
  }

  /** What every call that may wait begins with. */
  async #settle(signal: AbortSignal | undefined): Promise<void> {
    this.#assertOpen(signal);
    this.#record.flush();
    const replacing = this.#replacing?.catch(() => {});
    if (replacing !== undefined) await this.#wait(replacing, signal);
  }

  #assertOpen(signal: AbortSignal | undefined): void {
    if (this.#closed.signal.aborted) throw abortError(this.#closed.signal, 'token');
    if (signal?.aborted) throw abortError(signal, 'token');
  }

  #wait<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#waits.until(promise, 'token', signal, this.#closed.signal);
  }

  #replace(tokens: TokenSet | undefined): void {
    this.#version++;
    this.#adopt(tokens);
  }

  #adopt(tokens: TokenSet | undefined): void {
    this.#cache.replace(tokens);
    this.#warm();
  }

  /** Makes the next call cheap, unless there is something that a call must see to. */
  #warm(): void {
    if (!this.#record.hasPending && !this.#closed.signal.aborted) this.#cache.warm();
  }

  /** Reads the store; calls that come meanwhile share the read. */
  #load(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const version = this.#version;
    const stored = await this.#record.read();
    if (version === this.#version) this.#adoptStored(stored);
  }

  #adoptStored(stored: TokenSet | undefined): void {
    const isNews = this.#cache.loaded && stored !== undefined && stored.accessToken !== this.#cache.tokens?.accessToken;
    this.#adopt(stored);
    if (isNews) this.#emit({ type: 'adopted', expiresAt: stored.expiresAt });
  }

  /** Serialises what replaces the session as a whole. What is in flight for the former one ends. */
  #replaceSession(
    lease: Lease | undefined,
    write: (lease: Lease | undefined, failure: McpOAuthError | undefined) => Promise<void>,
  ): Promise<void> {
    this.#session++;
    this.#refreshing?.controller.abort();
    this.#refreshing = undefined;
    // Whoever holds the lock comes before those who wait for it, and must not wait for them.
    const before = lease === undefined ? this.#replacing?.catch(() => {}) : undefined;
    const work = async () => {
      await before;
      if (lease !== undefined) return write(lease, undefined);
      let entered = false;
      try {
        await this.#record.exclusively((held) => {
          entered = true;
          return write(held, undefined);
        });
      } catch (error) {
        if (entered) throw error;
        await write(undefined, error as McpOAuthError);
      }
    };
    const replacing = work().finally(() => {
      if (this.#replacing === replacing) this.#replacing = undefined;
    });
    this.#replacing = replacing;
    return replacing;
  }

  /** Starts a background refresh where it is time for one. @returns whether it is time */
  #refreshAheadIfDue(): boolean {
    if (!this.#cache.refreshDue) return false;
    if (this.#refreshing === undefined && this.#backoff.ready(this.#clock.now())) {
      // Its failure is reported as an event; the valid token is used meanwhile.
      this.#startRefresh().catch(() => {});
    }
    return true;
  }

  /** Waits for the refresh that is under way, or for a new one. */
  async #refreshShared(signal: AbortSignal | undefined): Promise<TokenSet | undefined> {
    if (this.#refreshing === undefined && !this.#cache.refreshable) return undefined;
    return this.#wait(this.#refreshing?.result ?? this.#startRefresh(), signal);
  }

  #startRefresh(): Promise<TokenSet | undefined> {
    const controller = new AbortController();
    const result = this.#refreshOnce(controller.signal).finally(() => {
      if (this.#refreshing?.controller === controller) this.#refreshing = undefined;
    });
    this.#refreshing = { result, controller };
    return result;
  }

  async #refreshOnce(flight: AbortSignal): Promise<TokenSet | undefined> {
    const session = this.#session;
    try {
      const renewed = await this.#record.exclusively((lease) => this.#renewInLock(lease, flight), flight);
      if (session === this.#session) {
        // Tokens that are due as soon as they are issued must not be asked for in a loop.
        if (this.#cache.refreshDue) this.#backoff.failed(this.#clock.now());
        else this.#backoff.succeeded();
        return renewed ?? this.#cache.usable;
      }
    } catch (cause) {
      const error = refreshError(cause);
      if (this.#closed.signal.aborted) throw error;
      if (session === this.#session) {
        if (error.code === 'lock_timeout' && (await this.#isRenewedElsewhere())) return this.#cache.usable;
        this.#backoff.failed(this.#clock.now());
        this.#emit({ type: 'refresh_failed', error, final: false });
        throw error;
      }
    }
    // A sign-in or sign-out took the session's place meanwhile: its outcome counts.
    await this.#replacing?.catch(() => {});
    return this.#cache.usable;
  }

  /** Whoever kept the lock may have stored new tokens before it got stuck. */
  async #isRenewedElsewhere(): Promise<boolean> {
    const known = this.#cache.tokens?.accessToken;
    await this.#read().catch(() => {});
    const tokens = this.#cache.usable;
    return tokens !== undefined && tokens.accessToken !== known;
  }

  /** Adopts what someone else put into the store meanwhile, else refreshes. @returns what was obtained, if anything */
  async #renewInLock(lease: Lease | undefined, flight: AbortSignal): Promise<TokenSet | undefined> {
    // Twice at most: where a refresh token proves dead because someone replaced it outside the lock, theirs gets its chance.
    for (let attempt = 0; attempt < 2; attempt++) {
      const known = this.#cache.tokens?.accessToken;
      const tokens = await this.#record.read(this.#cache.tokens);
      if (flight.aborted) return undefined;
      this.#adoptStored(tokens);
      const usable = this.#cache.usable;
      if (usable !== undefined && usable.accessToken !== known) return usable;
      if (tokens?.refreshToken === undefined) return undefined;
      const outcome = await this.#renewOrDrop(tokens, lease, flight);
      if (outcome !== 'overtaken') return outcome;
    }
    return undefined;
  }

  async #renewOrDrop(
    tokens: TokenSet,
    lease: Lease | undefined,
    flight: AbortSignal,
  ): Promise<TokenSet | 'overtaken' | undefined> {
    try {
      return await this.#renew(tokens, lease, flight);
    } catch (error) {
      if (flight.aborted || !this.#isFinal(error)) throw error;
      if (!(await this.#dropRefreshToken(tokens, lease))) return 'overtaken';
      this.#emit({ type: 'refresh_failed', error: refreshError(error), final: true });
      return undefined;
    }
  }

  /** Refreshes, and stores the result before it is used. */
  async #renew(tokens: TokenSet, lease: Lease | undefined, flight: AbortSignal): Promise<TokenSet | undefined> {
    const refresh = this.#refresh;
    if (refresh === undefined) return undefined;
    const result = await bounded((signal) => refresh(tokens, { signal }), {
      clock: this.#clock,
      timeoutMs: this.#refreshTimeoutMs,
      stage: 'token',
      signals: [flight, lease?.signal],
    });
    const next = mergeRefreshed(tokens, result, this.#clock.now());
    await this.#record.write(next, lease, tokens.accessToken);
    if (flight.aborted) return undefined;
    this.#cache.forgive();
    this.#replace(next);
    this.#emit({ type: 'refreshed', expiresAt: next.expiresAt });
    return next;
  }

  /** Compare and delete: only the refresh token that proved dead goes, not one that someone else stored meanwhile. */
  async #dropRefreshToken(tokens: TokenSet, lease: Lease | undefined): Promise<boolean> {
    const stored = await this.#record.read().catch(() => tokens);
    if (stored?.refreshToken !== tokens.refreshToken) return false;
    const { refreshToken: _dead, ...rest } = tokens;
    await this.#record.write(rest, lease, tokens.accessToken);
    this.#replace(rest);
    return true;
  }
}
