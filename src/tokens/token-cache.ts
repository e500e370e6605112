import type { Clock } from '../clock.js';
import { type FreshSpan, freshSpan, isExpired } from './expiry.js';
import type { TokenSet } from './token-set.js';

/**
 * What a manager knows of its session without asking the store.
 * The fresh path is two comparisons and a promise that exists already, since every request takes it.
 */
export class TokenCache {
  readonly #clock: Clock;
  readonly #isRefreshable: (tokens: TokenSet) => boolean;
  #tokens: TokenSet | undefined;
  #span: FreshSpan | undefined;
  #loaded = false;
  #refused: string | undefined;
  #fresh: Promise<string> | undefined;
  #freshSince = 0;
  #freshUntil = 0;

  /** @param isRefreshable whether these tokens can be refreshed: without that there is no window before expiry */
  constructor(clock: Clock, isRefreshable: (tokens: TokenSet) => boolean) {
    this.#clock = clock;
    this.#isRefreshable = isRefreshable;
  }

  /** The session's tokens, valid or not. */
  get tokens(): TokenSet | undefined {
    return this.#tokens;
  }

  /** Whether the session's tokens were ever read or written, even if there are none. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** The access token as a promise, where it was marked as fresh by {@link warm} and still is. */
  get fresh(): Promise<string> | undefined {
    if (this.#fresh === undefined) return undefined;
    const now = this.#clock.now();
    return now < this.#freshUntil && now >= this.#freshSince ? this.#fresh : undefined;
  }

  /** The tokens, unless they are over by the clock or were refused. */
  get usable(): TokenSet | undefined {
    const tokens = this.#tokens;
    if (tokens === undefined || tokens.accessToken === this.#refused) return undefined;
    return isExpired(tokens, this.#clock.now()) ? undefined : tokens;
  }

  /** Whether the tokens can be refreshed at all. */
  get refreshable(): boolean {
    return this.#tokens !== undefined && this.#isRefreshable(this.#tokens);
  }

  /** Whether it is time to refresh ahead: shortly before expiry, or where the clock was set back and cannot be trusted. */
  get refreshDue(): boolean {
    if (!this.refreshable || this.#tokens === undefined) return false;
    const { since, until } = this.#spanOf(this.#tokens);
    const now = this.#clock.now();
    return now >= until || now < since;
  }

  /** Puts `tokens` in the place of those before. */
  replace(tokens: TokenSet | undefined): void {
    this.#tokens = tokens;
    this.#span = undefined;
    this.#loaded = true;
    this.#fresh = undefined;
  }

  /** The resource server refused this access token: it is not handed out again. */
  refuse(accessToken: string): void {
    this.#refused = accessToken;
    this.#fresh = undefined;
  }

  /** New tokens came by a refresh or a sign-in: they count, even where the server gave the refused one again. */
  forgive(): void {
    this.#refused = undefined;
  }

  /** Lets {@link fresh} answer from now on. */
  warm(): void {
    const tokens = this.usable;
    if (tokens === undefined) return;
    const unwatched = { since: Number.NEGATIVE_INFINITY, until: tokens.expiresAt ?? Number.POSITIVE_INFINITY };
    const { since, until } = this.refreshable ? this.#spanOf(tokens) : unwatched;
    this.#freshSince = since;
    this.#freshUntil = until;
    this.#fresh = Promise.resolve(tokens.accessToken);
  }

  /** Makes {@link fresh} answer nothing until the next {@link warm}. */
  cool(): void {
    this.#fresh = undefined;
  }

  #spanOf(tokens: TokenSet): FreshSpan {
    this.#span ??= freshSpan(tokens);
    return this.#span;
  }
}
