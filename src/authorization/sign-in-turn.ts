import { type Clock, delay } from '../clock.js';
import { abortError } from '../errors.js';
import type { OnEvent } from '../events.js';
import type { Lease, TokenStore } from '../stores/token-store.js';
import type { TokenSet } from '../tokens/token-set.js';
import { authorizationRequired } from './session-errors.js';
import { failedElsewhere, failureOf, parseTurn, type TurnRecord, writeTurn } from './turn-record.js';

/** How long a record of a running sign-in outlives the last sign of life of its owner, in ms. */
const LEASE_MS = 10_000;
/** How often the owner gives one, in ms. */
const BEAT_MS = 2_500;
/** How often those who wait look at the store, and an owner whether someone else got tokens, in ms. */
const LOOK_MS = 250;
/** How long a failure stays to be read by those who waited, in ms. */
const FAILURE_MS = 5_000;

/** What a sign-in that is under way tells its turn. */
export interface Turn {
  /** Aborts with the caller's signal, and when the sign-in has become needless. */
  readonly signal: AbortSignal;
  /** The person is asked to go to this URL; other windows can offer it too. */
  presented(url: string): void;
  /** The browser came back: from here on this sign-in comes to its own end. */
  arrived(): void;
}

/** One sign-in, as far as its turn is concerned. */
export interface TurnWork {
  readonly signal: AbortSignal;
  /** What is asked for, in a form that can be compared. */
  readonly wanted: string;
  /** Reads the store: tokens that make this sign-in needless. */
  readonly adopt: () => Promise<TokenSet | undefined>;
  /** Signs in. */
  readonly lead: (turn: Turn) => Promise<TokenSet>;
}

/** Options of {@link SignInTurns}. */
export interface SignInTurnsOptions {
  readonly store: TokenStore;
  /** The session's key: server and account. */
  readonly session: string;
  readonly clock: Clock;
  readonly lockTimeoutMs: number;
  /** How long an offered sign-in can be finished, in ms. */
  readonly offerMs: number;
  readonly emit: OnEvent;
  /** Whether the sign-in that was offered with this URL still waits for its callback, with enough time left for a person. */
  readonly isOpen: (url: string) => Promise<boolean>;
}

/**
 * One sign-in for a session at a time among all windows, processes and machines that share the store. It is a record with an
 * expiry and not a held lock: where its owner dies, the next one takes over when the record is over.
 */
export class SignInTurns {
  readonly #options: SignInTurnsOptions;
  readonly #key: string;

  constructor(options: SignInTurnsOptions) {
    this.#options = options;
    this.#key = `sign-in/${options.session}`;
  }

  /**
   * Signs in where nobody else is at it; otherwise waits for theirs and adopts its tokens or its failure. Where theirs was
   * cancelled, its owner died, or its tokens do not do, it is this one's turn.
   */
  async run(work: TurnWork): Promise<TokenSet> {
    const owner = crypto.randomUUID();
    let awaited: TurnRecord | undefined;
    for (;;) {
      const adopted = await work.adopt();
      if (adopted !== undefined) return adopted;
      const running = await this.#claim(owner, work, awaited?.owner);
      if (running === undefined) return this.#lead(owner, work);
      if (running.owner !== awaited?.owner || running.url !== awaited?.url) {
        this.#options.emit({ type: 'sign_in_elsewhere', ...(running.url !== undefined && { url: running.url }) });
      }
      awaited = running;
      await this.#pause(LOOK_MS, work.signal);
    }
  }

  /** Takes the turn, or tells whose it is. Throws what the sign-in that was waited for ended with, or the offer that is still open. */
  #claim(owner: string, { wanted, signal }: TurnWork, awaited: string | undefined): Promise<TurnRecord | undefined> {
    return this.#locked(async (lease) => {
      const found = await this.#read();
      if (found?.failure !== undefined && found.owner === awaited) throw failedElsewhere(found.failure);
      if (found?.offer?.wanted === wanted && (await this.#options.isOpen(found.offer.url))) {
        throw authorizationRequired(found.offer.url);
      }
      if (found !== undefined && found.failure === undefined && found.offer === undefined) return found;
      await this.#write({ owner }, LEASE_MS, lease);
      return undefined;
    }, signal);
  }

  async #lead(owner: string, work: TurnWork): Promise<TokenSet> {
    const needless = new AbortController();
    const over = new AbortController();
    let adopted: TokenSet | undefined;
    let url: string | undefined;
    void this.#lookAfter(owner, () => url, work, over.signal).then((tokens) => {
      adopted = tokens;
      if (tokens !== undefined) needless.abort();
    });
    const turn: Turn = {
      signal: AbortSignal.any([work.signal, needless.signal]),
      presented(presentedUrl) {
        url = presentedUrl;
      },
      arrived: () => over.abort(),
    };
    try {
      // Once more, now that nobody else can be at it: who was before has stored theirs before they let go.
      const tokens = (await work.adopt()) ?? (await work.lead(turn));
      await this.#end(owner, work);
      return tokens;
    } catch (error) {
      await this.#end(owner, work, adopted === undefined ? error : undefined);
      if (adopted !== undefined) return adopted;
      throw error;
    } finally {
      over.abort();
    }
  }

  /** Keeps the record alive, and gives the tokens that someone else obtained meanwhile. */
  async #lookAfter(
    owner: string,
    url: () => string | undefined,
    { adopt }: TurnWork,
    over: AbortSignal,
  ): Promise<TokenSet | undefined> {
    let written: string | undefined;
    let sinceMs = 0;
    try {
      for (;;) {
        await this.#pause(LOOK_MS, over);
        sinceMs += LOOK_MS;
        const tokens = await adopt().catch(() => undefined);
        if (over.aborted) return undefined;
        if (tokens !== undefined) return tokens;
        if (sinceMs < BEAT_MS && url() === written) continue;
        written = url();
        sinceMs = 0;
        // A store that fails now is met again by whoever needs it; the person is already at work.
        await this.#renew({ owner, ...(written !== undefined && { url: written }) }, LEASE_MS).catch(() => undefined);
      }
    } catch {
      // It is over.
      return undefined;
    }
  }

  /** Lets the next one have its turn, and those who wait know how it ended. */
  async #end(owner: string, { wanted }: TurnWork, error?: unknown): Promise<void> {
    const failure = failureOf(error);
    try {
      if (failure === undefined) return await this.#remove(owner);
      const { code, url } = failure;
      const isOffer = code === 'authorization_required' && url !== undefined;
      if (isOffer) await this.#renew({ owner, offer: { wanted, url } }, this.#options.offerMs);
      else await this.#renew({ owner, failure }, FAILURE_MS);
    } catch {
      // The record runs out by itself.
    }
  }

  #remove(owner: string): Promise<void> {
    return this.#locked(async (lease) => {
      if ((await this.#read())?.owner === owner) await this.#options.store.delete(this.#key, { lease });
    });
  }

  /** Replaces this owner's record, unless it ran out and another one has the turn. */
  #renew(record: TurnRecord, ttlMs: number): Promise<void> {
    return this.#locked(async (lease) => {
      if ((await this.#read())?.owner === record.owner) await this.#write(record, ttlMs, lease);
    });
  }

  async #read(): Promise<TurnRecord | undefined> {
    const text = await this.#options.store.get(this.#key);
    return text === undefined ? undefined : parseTurn(text);
  }

  #write(record: TurnRecord, ttlMs: number, lease: Lease): Promise<void> {
    return this.#options.store.set(this.#key, writeTurn(record), { ttlMs, lease });
  }

  #locked<T>(fn: (lease: Lease) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { store, lockTimeoutMs } = this.#options;
    return store.lock(this.#key, fn, { timeoutMs: lockTimeoutMs, ...(signal && { signal }) });
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await delay(this.#options.clock, ms, signal).catch(() => {
      throw abortError(signal, 'authorization');
    });
  }
}
