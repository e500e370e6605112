import { type Clock, delay } from '../clock.js';
import { abortError } from '../errors.js';
import type { OnEvent } from '../events.js';
import type { Lease, TokenStore } from '../stores/token-store.js';
import type { TokenSet } from '../tokens/token-set.js';
import { undamaged } from './adopt-session.js';
import { authorizationRequired } from './session-errors.js';
import {
  failedElsewhere,
  failureOf,
  parseTurn,
  sharesFailure,
  TURNS,
  type TurnClient,
  type TurnRecord,
  writeTurn,
} from './turn-record.js';

/** How long those who wait must have seen the record of a running sign-in unchanged before its owner counts as dead, in ms. */
const SILENCE_MS = 10_000;
/** How often the owner changes it, in ms. */
const BEAT_MS = 2_500;
/** How often those who wait look at the store, and an owner whether someone else got tokens, in ms. */
const LOOK_MS = 250;
/** The longest pause of an owner whose store fails, in ms: it may be a keychain that shows a dialog each time. */
const LONGEST_LOOK_MS = 10_000;
/** How many looks in a row may fail before those who wait give up. */
const MOST_FAILED_LOOKS = 20;
/** When the store may forget a record, in ms. Machines may differ in their clocks, so it is far more than the silence. */
const KEPT_MS = 60_000;
/** How long a failure stays to be read by those who waited, in ms. */
const FAILURE_MS = 5_000;

/** What a sign-in that is under way tells its turn. */
export interface Turn {
  /** Aborts with the caller's signal, and when the sign-in has become needless. */
  readonly signal: AbortSignal;
  /** The person is asked to go to this URL, and to enter the code there if there is one; other windows can offer it too. */
  presented(url: string, userCode?: string): void;
  /** The sign-in is made with this client. */
  uses(client: TurnClient): void;
  /** The browser came back: from here on this sign-in comes to its own end, unless it presents another URL. */
  arrived(): void;
}

/** One sign-in, as far as its turn is concerned. */
export interface TurnWork {
  readonly signal: AbortSignal;
  /** What is asked for, in a form that can be compared. */
  readonly wanted: string;
  /** Whether a person asked for it, and not a request. */
  readonly explicit: boolean;
  /** Reads the store: tokens that make this sign-in needless. */
  readonly adopt: () => Promise<TokenSet | undefined>;
  /** Signs in. */
  readonly lead: (turn: Turn) => Promise<TokenSet>;
}

/** How a sign-in ended. */
export interface TurnResult {
  readonly tokens: TokenSet;
  /** Whether someone else got them. */
  readonly adopted: boolean;
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

/** What someone who waits has seen. */
interface Wait {
  /** The sign-in that is waited for. */
  awaited: TurnRecord | undefined;
  /** The record as it was seen last, and for how long it has not changed. */
  seen: string | undefined;
  silentMs: number;
  failedLooks: number;
}

/** A sign-in of this window while it has its turn. */
interface Leading {
  readonly owner: string;
  readonly work: TurnWork;
  url: string | undefined;
  userCode?: string | undefined;
  client?: TurnClient | undefined;
  /** Whether the browser came back. */
  arrived: boolean;
}

/**
 * One sign-in for a session at a time among all windows, processes and machines that share the store. It is a record that its owner
 * keeps changing, and not a held lock: where the owner dies, the next one takes over when it saw no change for a while.
 */
export class SignInTurns {
  readonly #options: SignInTurnsOptions;
  readonly #key: string;

  constructor(options: SignInTurnsOptions) {
    this.#options = options;
    this.#key = TURNS + options.session;
  }

  /**
   * Signs in where nobody else is at it; otherwise waits for theirs and adopts its tokens or its failure. Where theirs was
   * cancelled, its owner died, or what it brought does not do, it is this one's turn.
   */
  async run(work: TurnWork): Promise<TurnResult> {
    const owner = crypto.randomUUID();
    const wait: Wait = { awaited: undefined, seen: undefined, silentMs: 0, failedLooks: 0 };
    for (;;) {
      const next = await this.#lookAround(owner, work, wait);
      if (next === 'lead') return this.#lead({ owner, work, url: undefined, arrived: false });
      if (next !== 'wait') return { tokens: next, adopted: true };
      await this.#pause(LOOK_MS, work.signal);
      wait.silentMs += LOOK_MS;
    }
  }

  /** One look; a bad one is no reason to leave a sign-in that goes well. */
  async #lookAround(owner: string, work: TurnWork, wait: Wait): Promise<TokenSet | 'lead' | 'wait'> {
    try {
      const next = (await work.adopt()) ?? (await this.#nextStep(owner, work, wait));
      wait.failedLooks = 0;
      return next;
    } catch (error) {
      if (error instanceof Ended) throw error.cause;
      wait.failedLooks += 1;
      if (work.signal.aborted || wait.awaited === undefined || wait.failedLooks > MOST_FAILED_LOOKS) throw error;
      return 'wait';
    }
  }

  async #nextStep(owner: string, work: TurnWork, wait: Wait): Promise<'lead' | 'wait'> {
    const seen = await this.#readText();
    if (seen !== wait.seen) wait.silentMs = 0;
    wait.seen = seen;
    const running = await this.#runningIn(seen, work, wait.awaited?.owner);
    if (running === undefined || wait.silentMs >= SILENCE_MS) {
      return (await this.#claim(owner, seen, work)) ? 'lead' : 'wait';
    }
    this.#announce(running, wait.awaited);
    wait.awaited = running;
    return 'wait';
  }

  /** The sign-in that has to be waited for. Throws what the one that was waited for ended with, or the offer that is still open. */
  async #runningIn(
    text: string | undefined,
    work: TurnWork,
    awaited: string | undefined,
  ): Promise<TurnRecord | undefined> {
    const found = text === undefined ? undefined : parseTurn(text);
    if (found?.failure !== undefined) {
      if (found.owner === awaited && sharesFailure(found, work)) throw new Ended(failedElsewhere(found.failure));
      return undefined;
    }
    if (found?.offer === undefined) return found;
    if (found.wanted === work.wanted && (await this.#options.isOpen(found.offer))) {
      throw new Ended(authorizationRequired(found.offer));
    }
    return undefined;
  }

  #announce({ owner, url, userCode }: TurnRecord, awaited: TurnRecord | undefined): void {
    if (owner === awaited?.owner && url === awaited.url && userCode === awaited.userCode) return;
    const shown = { ...(url !== undefined && { url }), ...(userCode !== undefined && { userCode }) };
    this.#options.emit({ type: 'sign_in_elsewhere', ...shown });
  }

  /** Takes the turn, unless the record is no longer the one that was seen. */
  #claim(owner: string, seen: string | undefined, { wanted, signal }: TurnWork): Promise<boolean> {
    return this.#locked(async (lease) => {
      if ((await this.#readText()) !== seen) return false;
      await this.#write({ owner, wanted, beat: 0 }, KEPT_MS, lease);
      return true;
    }, signal);
  }

  async #lead(leading: Leading): Promise<TurnResult> {
    const { work } = leading;
    const needless = new AbortController();
    const over = new AbortController();
    // With the caller's signal too: work that does not end must not keep the others out.
    const ended = AbortSignal.any([over.signal, work.signal]);
    let adopted: TokenSet | undefined;
    void this.#beat(leading, ended);
    void this.#look(leading, ended).then((tokens) => {
      adopted = tokens;
      if (tokens !== undefined) needless.abort();
    });
    const turn: Turn = {
      signal: AbortSignal.any([work.signal, needless.signal]),
      uses(client) {
        leading.client = client;
      },
      presented(url, userCode) {
        leading.url = url;
        leading.userCode = userCode;
        leading.arrived = false;
      },
      arrived() {
        leading.arrived = true;
      },
    };
    try {
      // Once more, now that nobody else can be at it: who was before has stored theirs before they let go.
      const theirs = await work.adopt();
      const tokens = theirs ?? (await work.lead(turn));
      await this.#end(leading);
      return { tokens, adopted: theirs !== undefined };
    } catch (error) {
      await this.#end(leading, adopted === undefined ? error : undefined);
      if (adopted !== undefined) return { tokens: adopted, adopted: true };
      throw error;
    } finally {
      over.abort();
    }
  }

  /** Changes the record again and again, so that those who wait see that its owner lives. */
  async #beat(leading: Leading, ended: AbortSignal): Promise<void> {
    const { owner, work } = leading;
    let written = presentedIn(leading);
    for (let beat = 1; await this.#paused(LOOK_MS, ended); ) {
      // The URL at once, the rest in its time.
      for (let waitedMs = LOOK_MS; waitedMs < BEAT_MS && presentedIn(leading) === written; waitedMs += LOOK_MS) {
        if (!(await this.#paused(LOOK_MS, ended))) return;
      }
      const { url, userCode, client } = leading;
      const shown = { ...(url !== undefined && { url }), ...(userCode !== undefined && { userCode }) };
      const record = { owner, wanted: work.wanted, beat, ...shown, ...(client && { client }) };
      // A store that fails now is met again by whoever needs it; the person is already at work.
      await this.#renew(record, KEPT_MS).catch(() => undefined);
      written = presentedIn(leading);
      beat += 1;
    }
  }

  /** Gives the tokens that someone else obtained while the browser has not come back. */
  async #look(leading: Leading, ended: AbortSignal): Promise<TokenSet | undefined> {
    let pauseMs = LOOK_MS;
    while (await this.#paused(pauseMs, ended)) {
      if (leading.arrived) continue;
      try {
        const tokens = await leading.work.adopt();
        if (tokens !== undefined && !leading.arrived && !ended.aborted) return tokens;
        pauseMs = LOOK_MS;
      } catch {
        pauseMs = Math.min(pauseMs * 2, LONGEST_LOOK_MS);
      }
    }
    return undefined;
  }

  /** Lets the next one have its turn, and those who wait know how it ended. */
  async #end({ owner, work: { wanted } }: Leading, error?: unknown): Promise<void> {
    const failure = failureOf(error);
    try {
      if (failure === undefined) return await this.#remove(owner);
      const { code, url } = failure;
      const isOffer = code === 'authorization_required' && url !== undefined;
      if (isOffer) await this.#renew({ owner, wanted, beat: 0, offer: url }, this.#options.offerMs);
      else await this.#renew({ owner, wanted, beat: 0, failure }, FAILURE_MS);
    } catch {
      // The record runs out by itself.
    }
  }

  #remove(owner: string): Promise<void> {
    return this.#locked(async (lease) => {
      if ((await this.#read())?.owner === owner) await this.#options.store.delete(this.#key, { lease });
    });
  }

  /** Replaces this owner's record, unless another one has the turn or it has ended. */
  #renew(record: TurnRecord, ttlMs: number): Promise<void> {
    return this.#locked(async (lease) => {
      const found = await this.#read();
      if (found?.owner !== record.owner || found.failure !== undefined || found.offer !== undefined) return;
      await this.#write(record, ttlMs, lease);
    });
  }

  /** What is damaged counts as absent: it is over soon, and another sign-in can be had. */
  #readText(): Promise<string | undefined> {
    return undamaged(() => this.#options.store.get(this.#key));
  }

  async #read(): Promise<TurnRecord | undefined> {
    const text = await this.#readText();
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
    if (!(await this.#paused(ms, signal))) throw abortError(signal, 'authorization');
  }

  /** @returns whether the whole time has passed */
  #paused(ms: number, signal: AbortSignal): Promise<boolean> {
    return delay(this.#options.clock, ms, signal).then(
      () => true,
      () => false,
    );
  }
}

/** The end of the wait, and not a bad look. */
class Ended extends Error {
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super();
    this.cause = cause;
  }
}

/** What the others are to learn at once. */
function presentedIn({ url, userCode, client }: Leading): string {
  return `${url ?? ''} ${userCode ?? ''} ${client?.clientId ?? ''}`;
}
