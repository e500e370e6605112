import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Lease, TokenStore } from '../../src/stores/token-store.js';
import { ManualClock } from '../support/clock.js';

/** What the contract needs of a backend. */
export interface Backend {
  readonly store: TokenStore;
  /** Another store object over the same content, where the backend outlives the object. */
  readonly reopen?: () => TokenStore;
  readonly dispose?: () => Promise<void>;
}

/** The one suite that every backend has to pass. `open` gives an empty backend. */
export function describeTokenStore(name: string, open: (clock: ManualClock) => Promise<Backend>): void {
  describe(`TokenStore contract: ${name}`, () => {
    let clock: ManualClock;
    let backend: Backend;
    let store: TokenStore;

    beforeEach(async () => {
      clock = new ManualClock();
      backend = await open(clock);
      store = backend.store;
    });
    afterEach(async () => backend.dispose?.());

    describeValues(() => ({ store, clock, reopen: backend.reopen }));
    describeLocks(() => ({ store, clock }));
  });
}

function describeValues(
  current: () => { store: TokenStore; clock: ManualClock; reopen: (() => TokenStore) | undefined },
): void {
  it('gives back what was set, and undefined for what was not', async () => {
    const { store } = current();
    expect(await store.get('a')).toBeUndefined();
    await store.set('a', '1');
    await store.set('b', '2');
    expect(await store.get('a')).toBe('1');
    expect(await store.get('b')).toBe('2');
    expect(await store.get('A')).toBeUndefined();
  });

  it('keeps values apart from any state of the object where the backend lasts', async () => {
    const { store, reopen } = current();
    await store.set('a', '1');
    expect(await (reopen?.() ?? store).get('a')).toBe('1');
  });

  it('replaces the whole value', async () => {
    const { store } = current();
    await store.set('a', 'x'.repeat(10_000));
    await store.set('a', 'short');
    expect(await store.get('a')).toBe('short');
  });

  it.each([
    '',
    'https://mcp.example.com/mcp?x=1#y',
    '../../etc/passwd',
    'a/b\\c:d*e',
    '__proto__',
    'ключ 🔑',
    'k'.repeat(5_000),
  ])('takes any string as key: %.40s', async (key) => {
    const { store } = current();
    await store.set(key, 'value');
    expect(await store.get(key)).toBe('value');
    expect(await store.list('')).toEqual([key]);
    await store.delete(key);
    expect(await store.get(key)).toBeUndefined();
  });

  it.each([
    '',
    '\0\n"\\',
    '🔑 \u2028',
    '\ud800',
    'v'.repeat(200_000),
  ])('takes any string as value: %.20j', async (value) => {
    const { store } = current();
    await store.set('a', value);
    expect(await store.get('a')).toBe(value);
  });

  it('deletes, and deletes again without an error', async () => {
    const { store } = current();
    await store.set('a', '1');
    await store.delete('a');
    await store.delete('a');
    expect(await store.get('a')).toBeUndefined();
    expect(await store.list('')).toEqual([]);
  });

  it('lists the keys that begin with the prefix, taken literally', async () => {
    const { store } = current();
    for (const key of ['p:1', 'p:2', 'q:1', 'p', 'x*', 'xy']) await store.set(key, 'v');
    expect((await store.list('p:')).sort()).toEqual(['p:1', 'p:2']);
    expect(await store.list('x*')).toEqual(['x*']);
    expect(await store.list('none')).toEqual([]);
    expect(await store.list('')).toHaveLength(6);
  });

  it('forgets a value after its ttlMs, and not before', async () => {
    const { store, clock } = current();
    await store.set('a', '1', { ttlMs: 1_000 });
    await store.set('b', '2');
    clock.advance(999);
    expect(await store.get('a')).toBe('1');
    clock.advance(1);
    expect(await store.list('')).toEqual(['b']);
    expect(await store.get('a')).toBeUndefined();
    await store.set('a', 'again');
    clock.advance(10_000);
    expect(await store.get('a')).toBe('again');
  });

  it('applies writes to one key in the order of the calls', async () => {
    const { store } = current();
    await Promise.all(Array.from({ length: 20 }, (_, index) => store.set('a', String(index))));
    expect(await store.get('a')).toBe('19');
    await Promise.all([store.set('a', 'x'), store.delete('a')]);
    expect(await store.get('a')).toBeUndefined();
  });
}

function describeLocks(current: () => { store: TokenStore; clock: ManualClock }): void {
  it('lets one holder in at a time for each key, in the order of the calls', async () => {
    const { store } = current();
    const trace: string[] = [];
    const hold = (key: string, name: string) =>
      store.lock(key, async () => {
        trace.push(`+${name}`);
        await store.get(key);
        trace.push(`-${name}`);
      });
    await Promise.all([hold('a', '1'), hold('a', '2'), hold('a', '3')]);
    expect(trace).toEqual(['+1', '-1', '+2', '-2', '+3', '-3']);
  });

  it('does not let one key wait for another', async () => {
    const { store } = current();
    const outcome = await store.lock('a', () => store.lock('b', async () => 'both'));
    expect(outcome).toBe('both');
  });

  it('gives the result or the error of the work, and is free again after either', async () => {
    const { store } = current();
    const failure = new Error('work');
    await expect(store.lock('a', () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await store.lock('a', async () => 42)).toBe(42);
  });

  it('throws lock_timeout after timeoutMs, and the lock stays with its holder', async () => {
    const { store, clock } = current();
    const holder = held(store, 'a');
    await holder.entered;
    const waiting = store.lock('a', async () => 'never', { timeoutMs: 1_000 });
    const refusal = expect(waiting).rejects.toMatchObject({ code: 'lock_timeout', stage: 'store', retryable: true });
    clock.advance(999);
    clock.advance(1);
    await refusal;
    const next = store.lock('a', async () => 'next');
    holder.leave();
    expect(await next).toBe('next');
    await holder.done;
    expect(clock.timers).toBe(0);
  });

  it('throws aborted with the signal, before and during the wait, and leaves nothing behind', async () => {
    const { store, clock } = current();
    await expect(store.lock('a', async () => 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
    const holder = held(store, 'a');
    await holder.entered;
    const controller = new AbortController();
    const waiting = store.lock('a', async () => 'never', { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'aborted', stage: 'store' });
    holder.leave();
    await holder.done;
    expect(await store.lock('a', async () => 'free')).toBe('free');
    expect(clock.timers).toBe(0);
  });

  it('does not disturb the holder when its signal aborts after it entered', async () => {
    const { store } = current();
    const controller = new AbortController();
    const outcome = await store.lock(
      'a',
      async (lease) => {
        controller.abort();
        await store.set('a', 'written', { lease });
        return lease.signal.aborted;
      },
      { signal: controller.signal },
    );
    expect(outcome).toBe(false);
    expect(await store.get('a')).toBe('written');
  });

  it('takes writes with the lease of a held lock', async () => {
    const { store } = current();
    await store.lock('a', async (lease) => {
      await store.set('a', '1', { lease });
      await store.set('b', '2', { lease });
      await store.delete('b', { lease });
    });
    expect(await store.get('a')).toBe('1');
    expect(await store.get('b')).toBeUndefined();
  });

  it('refuses writes with a stale lease, with lease_lost, and changes nothing', async () => {
    const { store } = current();
    let stale: Lease | undefined;
    await store.lock('a', async (lease) => {
      stale = lease;
      await store.set('a', 'kept', { lease });
    });
    const lease = stale as unknown as Lease;
    await store.lock('a', async () => {
      await expect(store.set('a', 'lost', { lease })).rejects.toMatchObject({ code: 'lease_lost', stage: 'store' });
      await expect(store.delete('a', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
    });
    expect(await store.get('a')).toBe('kept');
  });

  it('gives every lease a token of its own', async () => {
    const { store } = current();
    const tokens = await Promise.all(['a', 'a', 'b'].map((key) => store.lock(key, async (lease) => lease.token)));
    expect(new Set(tokens).size).toBe(3);
  });
}

/** A lock that is held until `leave`. */
function held(store: TokenStore, key: string) {
  let leave = () => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  let enter = () => {};
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const done = store.lock(key, () => {
    enter();
    return left;
  });
  return { entered, leave: () => leave(), done };
}
