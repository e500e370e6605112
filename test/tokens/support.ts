import { McpOAuthError } from '../../src/errors.js';
import type { AuthEvent } from '../../src/events.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import type { Lease, LockOptions, TokenStore } from '../../src/stores/token-store.js';
import { decodeTokens, encodeTokens } from '../../src/tokens/token-codec.js';
import { TokenManager } from '../../src/tokens/token-manager.js';
import type { TokenManagerOptions } from '../../src/tokens/token-manager-options.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { ManualClock } from '../support/clock.js';

export const KEY = 'session';
export const HOUR = 3_600_000;
export const MINUTE = 60_000;

export const invalidGrant = () =>
  new McpOAuthError('token_request_failed', 'dead', { stage: 'token', status: 400, oauthError: 'invalid_grant' });
export const unavailable = () => new McpOAuthError('server_unavailable', 'later', { stage: 'token', status: 503 });
export const diskFull = () => new McpOAuthError('store_failed', 'disk full', { stage: 'store' });

/** A store that can be made to fail, and that counts. */
export class FlakyStore extends MemoryTokenStore {
  reads = 0;
  writes = 0;
  /** Whether it tells of changes. Without it the managers over it are like processes, which do not hear of each other. */
  tells = false;
  watchers = 0;
  failing: Partial<Record<'get' | 'set' | 'delete' | 'lock', () => unknown>> = {};

  override async get(key: string) {
    this.reads++;
    if (this.failing.get) throw this.failing.get();
    return super.get(key);
  }
  override async set(...args: Parameters<TokenStore['set']>) {
    if (this.failing.set) throw this.failing.set();
    this.writes++;
    return super.set(...args);
  }
  override async delete(...args: Parameters<TokenStore['delete']>) {
    if (this.failing.delete) throw this.failing.delete();
    return super.delete(...args);
  }
  override watch(key: string, listener: () => void): () => void {
    this.watchers++;
    const end = super.watch(key, () => {
      if (this.tells) listener();
    });
    return () => {
      this.watchers--;
      end();
    };
  }
  override async lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    if (this.failing.lock) throw this.failing.lock();
    return super.lock(key, fn, options);
  }
}

/** A clock whose machine can sleep: the time goes on, but the timers stand still. */
class SleepingClock extends ManualClock {
  #sleptMs = 0;

  override now(): number {
    return super.now() + this.#sleptMs;
  }

  sleep(ms: number): void {
    this.#sleptMs += ms;
  }
}

/** An authorization server that rotates refresh tokens and revokes the family when one is used twice. */
class RotatingServer {
  requests = 0;
  revoked = false;
  /** What the next refreshes do instead of answering. */
  readonly failures: (() => unknown)[] = [];
  /** While set, refreshes wait for it. */
  gate: Promise<void> | undefined;
  lifetimeMs: number | undefined = HOUR;
  signals: AbortSignal[] = [];
  readonly #clock: ManualClock;
  #generation = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  issue(): TokenSet {
    this.#generation++;
    const now = this.#clock.now();
    return {
      accessToken: `at-${this.#generation}`,
      tokenType: 'bearer',
      issuedAt: now,
      refreshToken: `rt-${this.#generation}`,
      ...(this.lifetimeMs !== undefined && { expiresAt: now + this.lifetimeMs }),
    };
  }

  readonly refresh = async (tokens: TokenSet, { signal }: { signal: AbortSignal }): Promise<TokenSet> => {
    this.requests++;
    this.signals.push(signal);
    await this.gate;
    const failure = this.failures.shift();
    if (failure) throw failure();
    if (tokens.refreshToken !== `rt-${this.#generation}`) this.revoked = true;
    if (this.revoked) throw invalidGrant();
    return this.issue();
  };
}

/** One store, one server, and as many managers over them as a test wants. */
export function scene() {
  const clock = new SleepingClock();
  const store = new FlakyStore({ clock });
  const server = new RotatingServer(clock);
  const events: AuthEvent[] = [];
  const managerOf = (options: Partial<TokenManagerOptions> = {}) =>
    new TokenManager({
      store,
      key: KEY,
      clock,
      refresh: server.refresh,
      random: () => 0,
      onEvent: (event) => events.push(event),
      ...options,
    });
  const stored = async () => {
    const text = await MemoryTokenStore.prototype.get.call(store, KEY);
    return text === undefined ? undefined : decodeTokens(text);
  };
  const put = (tokens: TokenSet) => MemoryTokenStore.prototype.set.call(store, KEY, encodeTokens(tokens));
  const types = () => events.map((event) => event.type);
  return { clock, store, server, events, managerOf, stored, put, types };
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

/** A promise that is settled from outside. */
export function gate() {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open: () => open() };
}

export const times = <T>(count: number, fn: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, fn));

/** Two managers in one process over a store that tells them of changes; both have read the session. */
export async function neighbours() {
  const shared = scene();
  shared.store.tells = true;
  await shared.put(shared.server.issue());
  const [here, there] = [shared.managerOf(), shared.managerOf({ onEvent: undefined })];
  for (const manager of [here, there]) await manager.getAccessToken();
  return { ...shared, here, there };
}
