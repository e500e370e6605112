import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisClient } from '../../src/stores/redis-client.js';
import { ACQUIRE, EXTEND, RELEASE } from '../../src/stores/redis-scripts.js';
import { RedisTokenStore, type RedisTokenStoreOptions } from '../../src/stores/redis-token-store.js';
import { ManualClock } from '../support/clock.js';
import { fakeRedis } from './redis-support.js';

const SECRET = 'refresh-token-of-alice';
const never = () => new Promise<never>(() => {});

describe('the options of RedisTokenStore', () => {
  const { client } = fakeRedis(async () => null);
  it.each<[string, Partial<Record<keyof RedisTokenStoreOptions, unknown>>, RegExp]>([
    ['no client', {}, /`client` must be a client of the package `redis`/],
    ['a URL', { client: 'redis://localhost' }, /`client` must be/],
    ['the client of another library', { client: { eval: () => 1, get: () => 1 } }, /`client` must be/],
    ['a client that adds a prefix', { client: { ...client, options: { keyPrefix: 'a:' } } }, /`prefix` to the store/],
    ['braces in the prefix', { client, prefix: '{app}:' }, /without braces/],
    ['a lifetime of zero', { client, idleTtlMs: 0 }, /`idleTtlMs` must be a whole number of ms above 0/],
    ['a fraction', { client, lockTtlMs: 0.5 }, /`lockTtlMs`/],
    ['a time as text', { client, timeoutMs: '5000' }, /`timeoutMs`/],
    ['a short key', { client, encryptionKey: 'c2hvcnQ=' }, /32 random bytes/],
    ['former keys alone', { client, formerEncryptionKeys: [new Uint8Array(32)] }, /need an `encryptionKey`/],
  ])('%s: invalid_options that says what to give', (_, options, message) => {
    const make = () => new RedisTokenStore(options as unknown as RedisTokenStoreOptions);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) }));
  });

  it('nothing at all is invalid_options too', () => {
    const make = () => new RedisTokenStore(undefined as unknown as RedisTokenStoreOptions);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });
});

describe('a Redis that does not do as it is told', () => {
  it("ends every call after timeoutMs, and takes what waits in the client's queue back", async () => {
    const clock = new ManualClock();
    const { client, sent } = fakeRedis(never);
    const store = new RedisTokenStore({ client, clock, timeoutMs: 700 });
    const calls = [
      store.get('a'),
      store.set('a', SECRET),
      store.set('a', 'next'),
      store.delete('b'),
      store.lock('a', never),
    ];
    const outcomes = Promise.allSettled(calls);
    await vi.waitFor(() => expect(sent.length).toBe(4));
    clock.advance(699);
    expect(sent.some(({ signal }) => signal.aborted)).toBe(false);
    clock.advance(1);
    for (const outcome of await outcomes) {
      const reason: unknown = outcome.status === 'rejected' ? outcome.reason : outcome;
      expect(reason).toMatchObject({
        code: 'store_failed',
        message: expect.stringMatching(/did not answer within 700 ms.*try again/),
      });
    }
    expect(sent.slice(0, 4).every(({ signal }) => signal.aborted)).toBe(true);
    // The second write waited for the first, and was never sent. The lock may be held: it is given back.
    expect(sent.slice(4).map(({ script }) => script)).toEqual([RELEASE]);
    clock.advance(700);
    expect(clock.timers).toBe(0);
  });

  it.each([
    ['NOAUTH Authentication required.', /NOAUTH.*a user that may run EVAL/],
    ["READONLY You can't write against a read only replica.", /READONLY.*master/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /OOM.*maxmemory/],
    [
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      /WRONGTYPE.*another `prefix`|Another application/,
    ],
    [`ERR value '${SECRET}' is not to my liking`, /ERR.*try again/],
  ])('reports the answer %s, with a remedy and without repeating it', async (reply, message) => {
    const error = Object.assign(new Error(reply), { command: ['EVAL', SECRET], args: [SECRET] });
    const store = new RedisTokenStore({ client: fakeRedis(() => Promise.reject(error)).client });
    const failure: unknown = await store.set('a', SECRET).catch((caught: unknown) => caught);
    expect(failure).toMatchObject({ code: 'store_failed', stage: 'store', message: expect.stringMatching(message) });
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(SECRET);
  });

  it('reports what the client throws, without its properties', async () => {
    class ClientClosedError extends Error {}
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', command: SECRET });
    const failures: [Error, RegExp][] = [
      [refused, /\(ECONNREFUSED\)\. Check that Redis runs/],
      [new ClientClosedError('The client is closed'), /Call `connect\(\)` of the client/],
    ];
    for (const [thrown, message] of failures) {
      const { client } = fakeRedis(() => {
        throw thrown;
      });
      const failure: unknown = await new RedisTokenStore({ client }).get('a').catch((caught: unknown) => caught);
      expect(failure).toMatchObject({ code: 'store_failed', message: expect.stringMatching(message) });
      expect((failure as Error).cause).toMatchObject({ message: thrown.message });
      expect(inspect(failure, { depth: 9 })).not.toContain(SECRET);
    }
  });

  it('ends the wait for a lock with its signal or its timeout, even while Redis is silent', async () => {
    const clock = new ManualClock();
    const store = new RedisTokenStore({ client: fakeRedis(never).client, clock });
    const controller = new AbortController();
    const aborted = store.lock('a', never, { signal: controller.signal });
    const timedOut = store.lock('b', never, { timeoutMs: 100 });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    clock.advance(100);
    await expect(timedOut).rejects.toMatchObject({ code: 'lock_timeout' });
  });
});

describe('watch', () => {
  it('tells of the writes of every store over the same client and prefix, until it is ended', async () => {
    const { client } = fakeRedis(async () => 1);
    const make = (prefix?: string) => new RedisTokenStore({ client: client as RedisClient, ...(prefix && { prefix }) });
    const [one, two, other] = [make(), make(), make('other:')];
    let told = 0;
    const end = one.watch('a', () => {
      told += 1;
    });
    await one.set('a', '1');
    await two.delete('a');
    await two.set('b', '1');
    await other.set('a', '1');
    expect(told).toBe(2);
    end();
    await one.set('a', '2');
    expect(told).toBe(2);
  });

  it('does not tell of a write that failed', async () => {
    const store = new RedisTokenStore({ client: fakeRedis(() => Promise.reject(new Error('OOM'))).client });
    let told = 0;
    store.watch('a', () => {
      told += 1;
    });
    await expect(store.set('a', '1')).rejects.toMatchObject({ code: 'store_failed' });
    expect(told).toBe(0);
  });
});

describe('a lock that is held', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Holds the lock of `a` over a Redis that answers `beat` when it is asked for another while. */
  async function holding(beat: () => Promise<unknown>) {
    const { client, sent } = fakeRedis(async (script) => (script === EXTEND ? beat() : script === ACQUIRE ? '7' : 1));
    const store = new RedisTokenStore({ client, lockTtlMs: 9_000 });
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    let enter: (signal: AbortSignal) => void = () => {};
    const entered = new Promise<AbortSignal>((resolve) => {
      enter = resolve;
    });
    const done = store.lock('a', (lease) => {
      enter(lease.signal);
      return left;
    });
    const beats = () => sent.filter(({ script }) => script === EXTEND).length;
    return { signal: await entered, leave, done, beats, sent };
  }

  it('is kept for as long as Redis confirms it, and not any longer', async () => {
    const { signal, leave, done, beats, sent } = await holding(async () => 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(signal.aborted).toBe(false);
    expect(beats()).toBe(20);
    leave();
    await done;
    expect(sent.at(-1)?.script).toBe(RELEASE);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([beats(), vi.getTimerCount(), signal.aborted]).toEqual([20, 0, false]);
  });

  it("ends with lease_lost as soon as Redis says that it is another's", async () => {
    const { signal, leave, done } = await holding(async () => 0);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal.reason).toMatchObject({ code: 'lease_lost' });
    leave();
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['silent', never],
    ['refusing', () => Promise.reject(new Error('LOADING'))],
  ])('ends with lease_lost when Redis is %s for its whole lifetime', async (_, beat) => {
    const { signal, leave, done, beats } = await holding(beat);
    await vi.advanceTimersByTimeAsync(8_999);
    expect(signal.aborted).toBe(false);
    expect(beats()).toBeGreaterThan(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal.reason).toMatchObject({ code: 'lease_lost' });
    leave();
    await done;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('survives a Redis that is gone for less than its lifetime', async () => {
    let gone = true;
    const { signal, leave, done } = await holding(() =>
      gone ? Promise.reject(new Error('gone')) : Promise.resolve(1),
    );
    await vi.advanceTimersByTimeAsync(8_000);
    gone = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(signal.aborted).toBe(false);
    leave();
    await done;
  });

  it('does not keep the result of the work waiting when Redis does not answer the release', async () => {
    const { client } = fakeRedis((script) => (script === ACQUIRE ? Promise.resolve('7') : never()));
    const outcome = new RedisTokenStore({ client }).lock('a', async () => 'done');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBe('done');
  });
});
