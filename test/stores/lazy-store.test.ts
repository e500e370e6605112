import { describe, expect, it } from 'vitest';
import { LazyStore } from '../../src/stores/lazy-store.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { Notices } from '../../src/stores/notices.js';
import type { TokenStore } from '../../src/stores/token-store.js';
import { ManualClock } from '../support/clock.js';

/** Tells of its own writes. */
class WatchedStore extends MemoryTokenStore {
  readonly notices = new Notices();
  override async set(...args: Parameters<TokenStore['set']>): Promise<void> {
    await super.set(...args);
    this.notices.changed(args[0]);
  }
  override watch(key: string, listener: () => void): () => void {
    return this.notices.watch(key, listener);
  }
}

describe('a store that its first use opens', () => {
  it('tells those who watched before it was opened and after, until they end it', async () => {
    const lazy = new LazyStore(async () => new WatchedStore(), new ManualClock());
    const told: string[] = [];
    const watch = (name: string) => lazy.watch('a', () => void told.push(name));
    const [endKept, endEarly, endLate] = [watch('kept'), watch('ended early'), watch('ended late')];
    endEarly();
    await lazy.set('a', '1');
    expect(told.splice(0)).toEqual(['kept', 'ended late']);
    endLate();
    const endAfter = watch('after');
    await lazy.set('a', '2');
    await lazy.set('b', '2');
    expect(told.splice(0)).toEqual(['kept', 'after']);
    endKept();
    endAfter();
    await lazy.set('a', '3');
    expect(told).toEqual([]);
  });

  it('watches nothing where the store has nothing to tell', async () => {
    const { get, set, delete: remove, list, lock } = new MemoryTokenStore();
    const silent: TokenStore = { get, set, delete: remove, list, lock };
    const lazy = new LazyStore(async () => silent, new ManualClock());
    const ends = [lazy.watch('a', () => {})];
    await lazy.opened();
    ends.push(lazy.watch('a', () => {}));
    for (const end of ends) end();
  });

  it('is opened again by the next call where opening failed', async () => {
    const outcomes = [new Error('no home')];
    const lazy = new LazyStore(async () => {
      const failure = outcomes.shift();
      if (failure !== undefined) throw failure;
      return new MemoryTokenStore();
    }, new ManualClock());
    const both = [lazy.get('a'), lazy.list('')].map((call) => expect(call).rejects.toThrow('no home'));
    await Promise.all(both);
    await lazy.set('a', '1');
    expect(await lazy.get('a')).toBe('1');
  });
});
