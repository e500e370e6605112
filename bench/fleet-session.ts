import type { TokenManager, TokenSet } from '../src/index.js';
import { EventClock, SharedStore } from './fleet-store.js';
import { Calls, Chance, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Traffic } from './fleet-traffic.js';
import type { Library } from './library.js';

/**
 * Which provider serves a call. `warm`: one that holds the session's token, and while it refreshes each call a new one on another
 * instance. `request`: each call a new one, which is let go after it. With both, calls that come while the token is fresh are passed
 * over: they change nothing. `cached`: a random instance, and each keeps a provider of every session that it served. `sticky`: always
 * the same instance, which keeps it. With these two every call is carried out.
 */
export type Routing = 'warm' | 'request' | 'cached' | 'sticky';

export interface Fleet {
  readonly traffic: Traffic;
  readonly routing: Routing;
  readonly sessions: number;
  /** While the authorization server answers nothing but 503, in ms from the beginning of the day. */
  readonly outage?: Outage;
}

export interface Outage {
  readonly from: number;
  readonly to: number;
}

/** What a part of a fleet did in a day. */
export interface FleetCounts {
  sessions: number;
  calls: number;
  /** Refresh requests at the authorization server, by the second of the day. */
  readonly refreshesBySecond: number[];
  /** Of these: those that were answered with tokens. */
  refreshes: number;
  /** Refresh tokens that were presented although they were rotated: each would revoke the session. */
  reused: number;
  /** Calls that had no valid token and waited for a refresh. */
  waited: number;
  /** Calls that got no token, or one that is over. */
  failed: number;
  gets: number;
  locks: number;
  contended: number;
  /** Providers that existed at the end of the day. */
  providers: number;
}

export const INSTANCES = 50;
export const TOKEN_LIFETIME_MS = HOUR_MS;
/** Before this, a call with a token in hand does nothing: that is what the documentation of `getAccessToken` promises. */
const WINDOW_MS = Math.min(5 * MINUTE_MS, TOKEN_LIFETIME_MS * 0.2);
const ISSUED_WITHIN_MS = MINUTE_MS;
const [FASTEST_REFRESH_MS, SLOWEST_REFRESH_MS] = [50, 300];
/** After an answer that can be tried again; after the last the refresh has failed. */
const RETRY_PAUSES_MS = [500, 2_000, 0];
const NEVER: Outage = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
/** The beginning of the day; any will do. */
const EPOCH_MS = 1_800_000_000_000;

export function noCounts(): FleetCounts {
  return {
    sessions: 0,
    calls: 0,
    refreshesBySecond: new Array<number>(DAY_MS / SECOND_MS).fill(0),
    refreshes: 0,
    reused: 0,
    waited: 0,
    failed: 0,
    gets: 0,
    locks: 0,
    contended: 0,
    providers: 0,
  };
}

/** When a session signed in, in whole ms from the beginning of the day. */
export function signInTime(chance: Chance): number {
  return Math.floor(chance.between(0, ISSUED_WITHIN_MS));
}

/** How long the authorization server takes for a refresh, in whole ms. */
export function refreshLatency(chance: Chance): number {
  return Math.ceil(chance.between(FASTEST_REFRESH_MS, SLOWEST_REFRESH_MS));
}

/**
 * One user's session at one server, over a day and all instances, with the real `TokenManager`. Sessions do not touch each other, so
 * each has a clock of its own, and as many as one likes can be simulated one after the other.
 */
export class FleetSession {
  readonly #library: Library;
  readonly #counts: FleetCounts;
  readonly #routing: Routing;
  readonly #passesOver: boolean;
  readonly #outage: Outage;
  readonly #chance: Chance;
  readonly #calls: Calls;
  readonly #clock: EventClock;
  readonly #store = new SharedStore();
  readonly #managers = new Map<number, TokenManager>();
  readonly #home: number;
  #nextCall: number;
  /** The day is over: calls that still wait find their provider closed. */
  #isOver = false;
  #currentRefreshToken = '';
  /** What the store had been asked when no refresh was under way: the session is at rest. */
  #atRest = { sets: 0, locks: 0 };

  constructor(library: Library, { traffic, routing, outage = NEVER }: Fleet, seed: number, counts: FleetCounts) {
    this.#library = library;
    this.#counts = counts;
    this.#routing = routing;
    this.#passesOver = routing === 'warm' || routing === 'request';
    this.#outage = outage;
    this.#chance = new Chance(seed);
    const signedInAt = signInTime(this.#chance);
    this.#calls = new Calls(traffic, this.#chance, signedInAt);
    this.#clock = new EventClock(EPOCH_MS + signedInAt);
    this.#home = this.#anyInstance();
    this.#nextCall = Number.POSITIVE_INFINITY;
  }

  /** Signs in: somebody else's tokens are put into the store. */
  async begin(): Promise<void> {
    const manager = this.#newManager();
    await manager.setTokens(this.#issue());
    manager.close();
    Object.assign(this.#store.counts, { gets: 0, sets: 0, locks: 0, contended: 0 });
    this.#skip();
  }

  /**
   * Goes on until something has to settle that calls began: afterwards the event loop needs a turn.
   * @returns false when the day is over
   */
  step(): boolean {
    this.#afterRefresh();
    for (;;) {
      const timerAt = this.#clock.nextAt;
      if (timerAt <= this.#nextCall) {
        if (timerAt >= EPOCH_MS + DAY_MS) return false;
        this.#clock.advance();
        return true;
      }
      if (this.#nextCall >= EPOCH_MS + DAY_MS) return false;
      this.#clock.time = this.#nextCall;
      const isSettled = this.#call();
      this.#nextCall = this.#callAfter(this.#clock.time);
      if (!isSettled) return true;
    }
  }

  /** Closes what is left and adds to the counts. */
  end(): void {
    const { gets, locks, contended } = this.#store.counts;
    this.#counts.sessions += 1;
    this.#counts.calls += this.#calls.expected;
    this.#counts.gets += gets;
    this.#counts.locks += locks;
    this.#counts.contended += contended;
    this.#counts.providers += this.#managers.size;
    this.#isOver = true;
    this.#closeManagers();
  }

  /** One call as the authorized fetch makes it. @returns whether nothing is left to settle */
  #call(): boolean {
    const manager = this.#serving();
    const before = this.#store.operations;
    const tokens = manager.peek();
    if (tokens === undefined) {
      void this.#follow(manager);
      return false;
    }
    if (isExpired(tokens.expiresAt, this.#clock.time)) this.#counts.failed += 1;
    return this.#store.operations === before;
  }

  async #follow(manager: TokenManager): Promise<void> {
    const calledAt = this.#clock.time;
    try {
      const token = await manager.getAccessToken();
      if (token === undefined || isExpired(expiryIn(token), this.#clock.time)) this.#counts.failed += 1;
    } catch {
      if (!this.#isOver) this.#counts.failed += 1;
    }
    if (this.#clock.time > calledAt) this.#counts.waited += 1;
  }

  #serving(): TokenManager {
    if (this.#passesOver) return this.#standIn();
    const instance = this.#routing === 'sticky' ? this.#home : this.#anyInstance();
    return this.#managers.get(instance) ?? this.#keep(instance);
  }

  /** One provider stands in for those that find the token fresh; calls that come while it is being refreshed have one each. */
  #standIn(): TokenManager {
    const standIn = this.#managers.get(0);
    const isRefreshing = this.#store.counts.locks > this.#atRest.locks;
    return standIn === undefined || isRefreshing ? this.#keep(this.#managers.size) : standIn;
  }

  #keep(index: number): TokenManager {
    const manager = this.#newManager();
    this.#managers.set(index, manager);
    return manager;
  }

  #newManager(): TokenManager {
    return new this.#library.TokenManager({
      store: this.#store,
      key: 'session',
      clock: this.#clock,
      refresh: (tokens) => this.#refresh(tokens),
    });
  }

  /** A refresh as `refreshTokens` does it: what a 503 answers is tried again after half a second and after two seconds more. */
  async #refresh({ refreshToken }: TokenSet): Promise<TokenSet> {
    for (const pauseMs of RETRY_PAUSES_MS) {
      const isAnswered = this.#request(refreshToken);
      await this.#pass(refreshLatency(this.#chance));
      if (isAnswered) return this.#issue();
      if (pauseMs > 0) await this.#pass(pauseMs);
    }
    throw new this.#library.McpOAuthError('server_unavailable', 'The simulated server is out.', { stage: 'token' });
  }

  /** The authorization server: it rotates, and would end the session of whoever presents a rotated token. */
  #request(refreshToken: string | undefined): boolean {
    const counts = this.#counts;
    const time = this.#clock.time - EPOCH_MS;
    const second = Math.floor(time / SECOND_MS);
    counts.refreshesBySecond[second] = (counts.refreshesBySecond[second] ?? 0) + 1;
    if (time >= this.#outage.from && time < this.#outage.to) return false;
    counts.refreshes += 1;
    if (refreshToken !== this.#currentRefreshToken) counts.reused += 1;
    this.#currentRefreshToken = '';
    return true;
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.schedule(ms, resolve));
  }

  #issue(): TokenSet {
    const issuedAt = this.#clock.time;
    const expiresAt = issuedAt + TOKEN_LIFETIME_MS;
    this.#currentRefreshToken = this.#chance.text();
    return {
      accessToken: `${this.#chance.text()}.${expiresAt}`,
      tokenType: 'bearer',
      issuedAt,
      expiresAt,
      refreshToken: this.#currentRefreshToken,
    };
  }

  #callAfter(time: number): number {
    return EPOCH_MS + this.#calls.after(time - EPOCH_MS);
  }

  /** Once new tokens are stored, nobody waits any more, and nothing happens until they are due. */
  #afterRefresh(): void {
    const { sets, locks } = this.#store.counts;
    if (!this.#passesOver || sets === this.#atRest.sets) return;
    this.#atRest = { sets, locks };
    const warm = this.#managers.get(0);
    // Not closed: there is nothing to release, and the day has millions of them.
    this.#managers.clear();
    if (warm !== undefined && this.#routing === 'warm') this.#managers.set(0, warm);
    this.#skip();
  }

  /** Passes over the calls that a fresh token answers. */
  #skip(): void {
    const from = this.#passesOver ? this.#clock.time + TOKEN_LIFETIME_MS - WINDOW_MS : this.#clock.time;
    this.#nextCall = this.#callAfter(from);
  }

  #closeManagers(): void {
    for (const manager of this.#managers.values()) manager.close();
    this.#managers.clear();
  }

  #anyInstance(): number {
    return Math.floor(this.#chance.next() * INSTANCES);
  }
}

function isExpired(expiresAt: number | undefined, now: number): boolean {
  return expiresAt !== undefined && now >= expiresAt;
}

function expiryIn(accessToken: string): number {
  return Number(accessToken.slice(accessToken.indexOf('.') + 1));
}
