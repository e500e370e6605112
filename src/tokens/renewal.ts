import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { OnEvent } from '../events.js';
import type { Lease } from '../stores/token-store.js';
import { mergeRefreshed, refreshError } from './refresh-result.js';
import type { RefreshFunction } from './token-manager-options.js';
import type { TokenMirror } from './token-mirror.js';
import type { TokenSet } from './token-set.js';
import { bounded } from './wait.js';

/** What a {@link Renewal} is made of. */
export interface RenewalParts {
  readonly mirror: TokenMirror;
  readonly refresh: RefreshFunction | undefined;
  readonly isRefreshable: (tokens: TokenSet) => boolean;
  readonly isFinal: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly emit: OnEvent;
  /** How long one refresh may take, in ms. */
  readonly timeoutMs: number;
}

/** What is done inside the session's lock to get another access token. */
export class Renewal {
  readonly #mirror: TokenMirror;
  readonly #refresh: RefreshFunction | undefined;
  readonly #isRefreshable: (tokens: TokenSet) => boolean;
  readonly #isFinal: (error: unknown) => boolean;
  readonly #clock: Clock;
  readonly #emit: OnEvent;
  readonly #timeoutMs: number;

  constructor({ mirror, refresh, isRefreshable, isFinal, clock, emit, timeoutMs }: RenewalParts) {
    this.#mirror = mirror;
    this.#refresh = refresh;
    this.#isRefreshable = isRefreshable;
    this.#isFinal = isFinal;
    this.#clock = clock;
    this.#emit = emit;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Adopts what someone else put into the store in place of the access token `known`, else refreshes.
   * @returns what was obtained, if anything
   */
  async run(known: string | undefined, lease: Lease | undefined, flight: AbortSignal): Promise<TokenSet | undefined> {
    const { cache } = this.#mirror;
    // Twice at most: where a refresh token proves dead because someone replaced it outside the lock, theirs gets its chance.
    for (let attempt = 0; attempt < 2; attempt++) {
      const tokens = await this.#mirror.read(flight);
      if (flight.aborted) return undefined;
      const { usable } = cache;
      if (usable !== undefined && usable.accessToken !== known) return usable;
      if (tokens === undefined || !this.#isRefreshable(tokens)) return undefined;
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
    const { session } = this.#mirror;
    let asked: Promise<TokenSet> | undefined;
    const ask = (signal: AbortSignal) => {
      asked = refresh(tokens, { signal });
      return asked;
    };
    const result = await bounded(ask, {
      clock: this.#clock,
      timeoutMs: this.#timeoutMs,
      stage: 'token',
      signals: [flight, lease?.signal],
    }).catch((error: unknown) => {
      // Nobody waits for it any more, but the server may have issued tokens, and with them the only refresh token that works.
      asked?.then((late) => this.#keepLate(tokens, late, session)).catch(() => {});
      throw lease?.signal.aborted === true && !flight.aborted ? lockLost(error) : error;
    });
    const next = mergeRefreshed(tokens, result, this.#clock.now());
    await this.#mirror.record.write(next, lease, tokens.accessToken);
    if (flight.aborted) return undefined;
    this.#use(next);
    return next;
  }

  #use(next: TokenSet): void {
    this.#mirror.cache.forgive();
    this.#mirror.replace(next);
    this.#emit({ type: 'refreshed', expiresAt: next.expiresAt });
  }

  /** Tokens that came after the wait for them was given up: used and written, unless the session or the store has moved on. */
  async #keepLate(former: TokenSet, result: TokenSet, session: number): Promise<void> {
    const { cache, record } = this.#mirror;
    const isOver = () => session !== this.#mirror.session || cache.tokens?.accessToken !== former.accessToken;
    if (isOver()) return;
    const next = mergeRefreshed(former, result, this.#clock.now());
    record.keepLate(next, former);
    const newest = await record.read();
    if (isOver()) return;
    if (newest !== next) {
      await this.#mirror.read();
      return;
    }
    this.#use(next);
    record.flush({ force: true });
  }

  /** Compare and delete: only the refresh token that proved dead goes, not one that someone else stored meanwhile. */
  async #dropRefreshToken(tokens: TokenSet, lease: Lease | undefined): Promise<boolean> {
    const { record } = this.#mirror;
    const stored = await record.read().catch(() => tokens);
    if (stored?.refreshToken !== tokens.refreshToken) return false;
    const { refreshToken: _dead, ...rest } = tokens;
    await record.write(rest, lease, tokens.accessToken);
    this.#mirror.replace(rest);
    return true;
  }
}

function lockLost(cause: unknown): McpOAuthError {
  return new McpOAuthError(
    'lease_lost',
    'The lock of the session was lost while it was being refreshed, so the refresh was given up. Nothing was lost; try again.',
    { stage: 'token', cause },
  );
}
