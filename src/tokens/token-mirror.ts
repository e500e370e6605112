import { atMost } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import type { McpOAuthError } from '../errors.js';
import type { OnEvent } from '../events.js';
import type { Lease, TokenStore } from '../stores/token-store.js';
import { TokenCache } from './token-cache.js';
import { TokenRecord } from './token-record.js';
import type { TokenSet } from './token-set.js';

/** How long calls wait for a store that is read again because someone else changed it, in ms. */
const LONGEST_NEWS_MS = 5_000;

/** What a {@link TokenMirror} is made of. */
export interface TokenMirrorParts {
  readonly store: TokenStore;
  readonly key: string;
  readonly clock: Clock;
  readonly emit: OnEvent;
  readonly lockTimeoutMs: number;
  /** Whether the tokens can be refreshed. */
  readonly isRefreshable: (tokens: TokenSet) => boolean;
}

/** A session as memory holds it and as the store does, kept alike: what is newer counts, whoever wrote it. */
export class TokenMirror {
  readonly cache: TokenCache;
  readonly record: TokenRecord;
  readonly #clock: Clock;
  readonly #emit: OnEvent;
  /** Numbers reads and writes in the order in which they began. */
  #turn = 0;
  /** The turn of what is in memory: a read that began before is older. */
  #settled = 0;
  #session = 0;
  #reading: Promise<void> | undefined;
  #replacing: Promise<void> | undefined;
  #news: Promise<void> | undefined;
  #unread = false;
  #closed = false;

  constructor({ store, key, clock, emit, lockTimeoutMs, isRefreshable }: TokenMirrorParts) {
    this.#clock = clock;
    this.#emit = emit;
    this.cache = new TokenCache(clock, isRefreshable);
    this.record = new TokenRecord({ store, key, clock, emit, lockTimeoutMs, onNews: () => this.#onNews() });
  }

  /** Counts the replacements of the session as a whole: what began before the last one belongs to a session that is gone. */
  get session(): number {
    return this.#session;
  }

  /** A sign-in or sign-out of ours that takes the session's place. It may reject. */
  get replacing(): Promise<void> | undefined {
    return this.#replacing;
  }

  /** The read that follows a change by someone else: until then nothing in memory can be taken for fresh. Never rejects. */
  get news(): Promise<void> | undefined {
    return this.#news;
  }

  /** Reads the store; calls that come meanwhile share the read. */
  load(): Promise<void> {
    this.#reading ??= this.read()
      .then(() => {})
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  /**
   * Reads the store now and adopts what it holds, unless something newer came meanwhile.
   * @param flight - Where it has ended, nothing is adopted any more.
   */
  async read(flight?: AbortSignal): Promise<TokenSet | undefined> {
    const turn = ++this.#turn;
    const stored = await this.record.read(this.cache.tokens);
    if (turn > this.#settled && flight?.aborted !== true) {
      this.#settled = turn;
      this.#adopt(stored);
    }
    return stored;
  }

  /** Puts tokens of our own in the place of those before. */
  replace(tokens: TokenSet | undefined): void {
    this.#settled = ++this.#turn;
    this.cache.replace(tokens);
    this.warm();
  }

  /** Makes the next call cheap, unless there is something that a call must see to. */
  warm(): void {
    if (!this.record.hasPending && this.#news === undefined && !this.#closed) this.cache.warm();
  }

  /**
   * Serialises what replaces the session as a whole.
   * @param write - Called with the failure where the lock could not be had.
   */
  replaceSession(
    lease: Lease | undefined,
    write: (lease: Lease | undefined, failure: McpOAuthError | undefined) => Promise<void>,
  ): Promise<void> {
    this.#session++;
    // Whoever holds the lock comes before those who wait for it, and must not wait for them.
    const before = lease === undefined ? this.#replacing?.catch(() => {}) : undefined;
    const work = async () => {
      await before;
      if (lease !== undefined) return write(lease, undefined);
      let entered = false;
      try {
        await this.record.exclusively((held) => {
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

  /** Nothing is fresh any more and nobody listens; what could not be written gets its last attempt. */
  close(): void {
    this.#closed = true;
    this.cache.cool();
    this.record.close();
  }

  #adopt(stored: TokenSet | undefined): void {
    const isNews = this.cache.loaded && stored !== undefined && stored.accessToken !== this.cache.tokens?.accessToken;
    this.cache.replace(stored);
    this.warm();
    if (isNews) this.#emit({ type: 'adopted', expiresAt: stored.expiresAt });
  }

  /** Someone else changed what is stored. */
  #onNews(): void {
    if (this.#closed) return;
    this.cache.cool();
    this.#unread = true;
    this.#news ??= this.#readNews();
  }

  async #readNews(): Promise<void> {
    await atMost(this.#clock, LONGEST_NEWS_MS, this.#catchUp());
    this.#news = undefined;
    this.warm();
  }

  async #catchUp(): Promise<void> {
    while (this.#unread) {
      this.#unread = false;
      // What the store still holds of a session that is being replaced here is not to come back.
      await this.#replacing?.catch(() => {});
      // Where it cannot be read, what is in memory goes on.
      await this.read().catch(() => {});
    }
  }
}
