import type { Clock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { OnEvent } from '../events.js';
import { safeCause } from '../http/index.js';
import type { Lease, TokenStore } from '../stores/token-store.js';
import { Backoff } from './backoff.js';
import { StoreWatch } from './store-watch.js';
import { decodeTokens, encodeTokens } from './token-codec.js';
import type { TokenSet } from './token-set.js';

/** How many tokens are remembered that others have taken the place of. */
const MOST_REPLACED = 20;

/** Tokens that could not be written yet. */
interface Pending {
  readonly tokens: TokenSet;
  /** The access tokens that they take the place of: what the store held then, and unwritten ones before them. */
  readonly replaces: readonly (string | undefined)[];
  /** Whether they count only where the store still holds what they replace: whoever wrote anything else knew more. */
  readonly conditional?: boolean;
}

/** What a {@link TokenRecord} is made of. */
interface TokenRecordParts {
  readonly store: TokenStore;
  readonly key: string;
  readonly clock: Clock;
  readonly emit: OnEvent;
  readonly lockTimeoutMs: number;
  /** Called when someone else changed the stored session, where the store can tell. */
  readonly onNews: () => void;
}

/**
 * One session in a store: read, lock and write, with what could not be written kept in memory until it can.
 * Unwritten tokens are newer than the stored ones they replace, so a read never gives the older ones back.
 */
export class TokenRecord {
  readonly #store: TokenStore;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #emit: OnEvent;
  readonly #lockTimeoutMs: number;
  readonly #backoff = new Backoff();
  readonly #watch: StoreWatch;
  #pending: Pending | undefined;
  #flushing = false;
  /** The access token that the store was last seen to hold. */
  #seen: string | undefined;
  /** The one that it held when the session was to be forgotten: where it did not give it up, what comes after is newer all the same. */
  #forgotten: string | undefined;
  /** Access tokens of this session that are known to have been replaced, here or elsewhere. */
  readonly #replaced = new Set<string>();

  constructor(options: TokenRecordParts) {
    this.#store = options.store;
    this.#key = options.key;
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#lockTimeoutMs = options.lockTimeoutMs;
    this.#watch = new StoreWatch(options.store, options.key, options.onNews);
  }

  /** Whether there are tokens that the store does not hold yet. */
  get hasPending(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * The newest tokens: the stored ones, or the unwritten ones that replace them.
   * @param inMemory what to go on with where the store reports that its content was damaged
   * @throws {McpOAuthError} `store_unreadable` or `store_failed`, unless there are unwritten tokens or `inMemory`
   */
  async read(inMemory?: TokenSet): Promise<TokenSet | undefined> {
    // Before the read: what changes after it is not missed.
    this.#watch.begin();
    let text: string | undefined;
    try {
      text = await this.#store.get(this.#key);
    } catch (cause) {
      return this.#unread(asStoreError(cause, 'read'), inMemory);
    }
    const stored = text === undefined ? undefined : decodeTokens(text);
    this.#seen = stored?.accessToken;
    if (inMemory !== undefined && stored !== undefined && this.#hasGoneBack(stored, inMemory)) {
      // Its refresh token was used: presented again, it would end the session.
      this.keep(inMemory, stored.accessToken, wentBack());
    }
    return this.#newer(stored, inMemory);
  }

  /**
   * Runs `fn` under the session's lock. Where the store cannot lock at all but unwritten tokens are held, it runs without:
   * nobody else knows those tokens.
   */
  async exclusively<T>(fn: (lease: Lease | undefined) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let entered = false;
    let done: { readonly value: T } | undefined;
    try {
      return await this.#store.lock(
        this.#key,
        async (lease) => {
          entered = true;
          done = { value: await fn(lease) };
          return done.value;
        },
        { timeoutMs: this.#lockTimeoutMs, ...(signal && { signal }) },
      );
    } catch (cause) {
      if (entered && done === undefined) throw cause;
      const error = asStoreError(cause, 'locked');
      if (done !== undefined) {
        // The work is done and its result in force; only the lock's release failed.
        this.#emit({ type: 'store_error', error });
        return (done as { readonly value: T }).value;
      }
      if (this.#pending === undefined || !isBroken(error)) throw error;
      return fn(undefined);
    }
  }

  /** Writes, or keeps the tokens in memory and reports where that fails. `replaces` is the access token they take the place of. */
  async write(tokens: TokenSet, lease: Lease | undefined, replaces: string | undefined): Promise<void> {
    const pending = this.#pending;
    try {
      await this.#put(tokens, lease);
      if (replaces !== undefined && replaces !== tokens.accessToken) this.#remember([replaces]);
      this.#replaced.delete(tokens.accessToken);
      if (this.#pending === pending) this.#pending = undefined;
    } catch (cause) {
      const error = asStoreError(cause, 'written', tokens);
      this.keep(tokens, replaces, error);
      // Whoever took the lock over will release it: nothing else stands in the way.
      if (error.code === 'lease_lost') this.flush();
    }
  }

  /** Keeps tokens in memory that could not be written, and reports it. */
  keep(tokens: TokenSet, replaces: string | undefined, error: McpOAuthError): void {
    const before = this.#pending;
    const replaced = before === undefined ? [] : [...before.replaces, before.tokens.accessToken];
    this.#pending = { tokens, replaces: [...replaced.slice(-MOST_REPLACED), replaces, this.#forgotten] };
    this.#emit({ type: 'store_error', error });
  }

  /** Keeps tokens that came too late to be written under the lock in which they were asked for. */
  keepLate(tokens: TokenSet, former: TokenSet): void {
    // Where the former ones could not be written either, the store is known to hold something older.
    const conditional = this.#pending === undefined;
    this.#pending = { tokens, replaces: [...(this.#pending?.replaces ?? []), former.accessToken], conditional };
  }

  /** Removes the session, the unwritten tokens too. */
  async remove(lease: Lease | undefined): Promise<void> {
    this.dropPending();
    try {
      this.#watch.begin();
      await this.#watch.own(() => this.#store.delete(this.#key, lease === undefined ? {} : { lease }));
    } catch (cause) {
      throw asStoreError(cause, 'deleted');
    }
  }

  /** Forgets what could not be written, because it is no longer wanted; but not what it took the place of. */
  dropPending(): void {
    this.#remember(this.#pending?.replaces ?? []);
    this.#forgotten = this.#seen;
    this.#pending = undefined;
  }

  /** Tries in the background to write what could not be written, at most one attempt at a time and with growing pauses. */
  flush(options: { force?: boolean } = {}): void {
    if (this.#pending === undefined || this.#flushing) return;
    if (options.force !== true && !this.#backoff.ready(this.#clock.now())) return;
    this.#flushing = true;
    void this.#flushNow().finally(() => {
      this.#flushing = false;
    });
  }

  /** Listens no more, and makes a last attempt to write. */
  close(): void {
    this.#watch.end();
    this.flush({ force: true });
  }

  async #put(tokens: TokenSet, lease: Lease | undefined): Promise<void> {
    this.#watch.begin();
    await this.#watch.own(() => this.#store.set(this.#key, encodeTokens(tokens), lease === undefined ? {} : { lease }));
    this.#seen = tokens.accessToken;
  }

  async #flushNow(): Promise<void> {
    try {
      await this.#store.lock(
        this.#key,
        async (lease) => {
          await this.read();
          const pending = this.#pending;
          if (pending === undefined) return;
          await this.#put(pending.tokens, lease);
          if (this.#pending === pending) this.#pending = undefined;
        },
        { timeoutMs: this.#lockTimeoutMs },
      );
      this.#backoff.succeeded();
    } catch (cause) {
      this.#backoff.failed(this.#clock.now());
      this.#emit({ type: 'store_error', error: asStoreError(cause, 'written', this.#pending?.tokens) });
    }
  }

  /** What counts where the store could not be read. */
  async #unread(error: McpOAuthError, inMemory: TokenSet | undefined): Promise<TokenSet | undefined> {
    if (this.#pending === undefined) {
      if (inMemory === undefined || error.code !== 'store_unreadable') throw error;
      // Only what was set aside is replaced: what another version or another key wrote may be newer than what is in memory.
      const again = await this.#store.get(this.#key).catch(() => {
        throw error;
      });
      if (again !== undefined) return decodeTokens(again);
      this.keep(inMemory, undefined, error);
    }
    return this.#pending?.tokens;
  }

  /** Whether the store lost its last writes (a failover, a restored backup) and gives what was replaced before. */
  #hasGoneBack(stored: TokenSet, inMemory: TokenSet): boolean {
    if (stored.accessToken === inMemory.accessToken || this.#pending !== undefined) return false;
    if (this.#replaced.has(stored.accessToken)) return true;
    this.#remember([inMemory.accessToken]);
    return false;
  }

  #remember(replaced: readonly (string | undefined)[]): void {
    for (const token of replaced) if (token !== undefined) this.#replaced.add(token);
    for (const eldest of this.#replaced) {
      if (this.#replaced.size <= MOST_REPLACED) break;
      this.#replaced.delete(eldest);
    }
  }

  #newer(stored: TokenSet | undefined, inMemory: TokenSet | undefined): TokenSet | undefined {
    const pending = this.#pending;
    if (pending === undefined) {
      // A session that was forgotten here, and that the store did not give up: its refresh token was used.
      const isGone = inMemory === undefined && this.#replaced.has(stored?.accessToken ?? '');
      return isGone ? undefined : stored;
    }
    if (!isOvertaken(pending, stored)) return pending.tokens;
    this.#pending = undefined;
    return stored;
  }
}

/** Whether someone else put something into the store after what the pending tokens take the place of. Clocks have no say in it. */
function isOvertaken({ tokens, replaces, conditional }: Pending, stored: TokenSet | undefined): boolean {
  if (stored === undefined) return conditional === true && !replaces.includes(undefined);
  return stored.accessToken !== tokens.accessToken && !replaces.includes(stored.accessToken);
}

function wentBack(): McpOAuthError {
  return new McpOAuthError(
    'store_failed',
    'The token store gave tokens that were replaced before: it lost its last writes. The session goes on from memory and is written again.',
    { stage: 'store' },
  );
}

function isBroken(error: McpOAuthError): boolean {
  return error.code === 'store_failed' || error.code === 'store_unreadable';
}

/** A driver's error may carry the whole command, and its message the value: what is kept of it holds neither. */
function asStoreError(error: unknown, action: string, tokens?: TokenSet): McpOAuthError {
  if (isMcpOAuthError(error)) return error;
  return new McpOAuthError(
    'store_failed',
    `The token store failed: the session could not be ${action}. Check the store, then try again.`,
    {
      stage: 'store',
      cause: safeCause(error, [tokens?.accessToken, tokens?.refreshToken]),
    },
  );
}
