import { atMost } from '../bounded-wait.js';
import { systemClock } from '../clock.js';
import { leaseLost } from './keyed-mutex.js';
import type { RedisConnection } from './redis-client.js';
import type { RedisNames } from './redis-key.js';
import { ACQUIRE, EXTEND, RELEASE } from './redis-scripts.js';

/** What the commands of a lock are for, in words that complete "Could not …". */
export const LOCKING = 'lock the token store';
/** How much longer than the lock its last fence is kept. */
export const FENCE_LIFETIMES = 20;
/** How long the result of the work waits for the lock to be given back, in ms. It ends by itself where Redis is silent. */
const RELEASE_WAIT_MS = 1_000;
/** Before Redis is asked again, in ms. */
const RELEASE_PAUSE_MS = 500;

/** A lock in Redis that this object holds. */
export interface Hold {
  readonly names: RedisNames;
  readonly token: string;
  /** Grows with each holder of the lock. */
  readonly fence: string;
  /** Aborts with `lease_lost` when the lock is another's or gone, or Redis has not confirmed it for its whole lifetime. */
  readonly signal: AbortSignal;
  /** Whether Redis confirmed the lock within its lifetime. A process that stood still for long asks before its timers fire. */
  isConfirmed(): boolean;
  /** The lock turned out to be lost. */
  lose(): void;
  /** Never throws. Gives the lock back, unless it is another holder's by now. */
  release(): Promise<void>;
}

/**
 * Takes the lock where it is free, and keeps it until it is released. Its lifetime is counted by Redis, so it is counted in real
 * time here too, whatever clock the store has; and from the moment the command was sent, which is before Redis counts.
 *
 * @returns `undefined` where it is held
 */
export async function tryHold(
  connection: RedisConnection,
  names: RedisNames,
  options: { token: string; ttlMs: number; signal: AbortSignal },
): Promise<Hold | undefined> {
  const { token, ttlMs } = options;
  const askedAt = performance.now();
  let fence: unknown;
  try {
    const lifetimes = [String(ttlMs), String(ttlMs * FENCE_LIFETIMES)];
    fence = await connection.eval(LOCKING, ACQUIRE, [names.lock, names.fence], [token, ...lifetimes], options);
  } catch (error) {
    // It may have been taken all the same.
    void giveBack(connection, { names, token, until: performance.now() + ttlMs });
    throw error;
  }
  if (fence === null || fence === undefined) return undefined;
  return keep(connection, { names, token, ttlMs, askedAt, fence: String(fence) });
}

/** Never throws. Removes the lock, unless it is another holder's. Where Redis does not do it, it is asked again until the lock ended by itself. */
async function giveBack(
  connection: RedisConnection,
  { names, token, until }: { names: RedisNames; token: string; until: number },
): Promise<void> {
  while (performance.now() < until) {
    try {
      await connection.eval(LOCKING, RELEASE, [names.lock], [token]);
      return;
    } catch {
      await new Promise((resolve) => systemClock.schedule(RELEASE_PAUSE_MS, () => resolve(undefined)));
    }
  }
}

function keep(
  connection: RedisConnection,
  held: Pick<Hold, 'names' | 'token' | 'fence'> & {
    readonly ttlMs: number;
    readonly askedAt: number;
  },
): Hold {
  const { names, token, fence, ttlMs } = held;
  const lost = new AbortController();
  let until = held.askedAt + ttlMs;
  let released = false;
  let cancelBeat = () => {};
  let cancelEnd = () => {};

  const stop = () => {
    cancelBeat();
    cancelEnd();
  };
  const lose = () => {
    stop();
    if (!released) lost.abort(leaseLost());
  };
  const confirmedAt = (sentAt: number) => {
    until = sentAt + ttlMs;
    cancelEnd();
    cancelEnd = systemClock.schedule(until - performance.now(), lose);
  };
  const beat = async () => {
    const sentAt = performance.now();
    let pauseMs = ttlMs / 3;
    try {
      const bounds = { timeoutMs: Math.min(connection.timeoutMs, pauseMs), signal: lost.signal };
      const ours = await connection.eval(LOCKING, EXTEND, [names.lock], [token, String(ttlMs)], bounds);
      if (released) return;
      if (Number(ours) !== 1) return lose();
      confirmedAt(sentAt);
    } catch {
      // Redis does not answer as it should; the next beat, or the end of the lock's lifetime, will tell.
      pauseMs = ttlMs / 15;
    }
    if (!released && !lost.signal.aborted) scheduleBeat(pauseMs);
  };
  const scheduleBeat = (ms: number) => {
    // A lock that is held is no reason for the process to stay.
    cancelBeat = systemClock.schedule(ms, () => void beat());
  };
  confirmedAt(held.askedAt);
  scheduleBeat(ttlMs / 3);

  return {
    names,
    token,
    fence,
    signal: lost.signal,
    isConfirmed() {
      if (performance.now() >= until) lose();
      return !lost.signal.aborted;
    },
    lose,
    async release() {
      released = true;
      stop();
      const given = giveBack(connection, { names, token, until });
      if (!lost.signal.aborted) await atMost(systemClock, RELEASE_WAIT_MS, given, { keepAlive: true });
    },
  };
}
