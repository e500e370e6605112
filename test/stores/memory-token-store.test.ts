import { describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { ManualClock } from '../support/clock.js';
import { describeTokenStore } from './contract.js';

describeTokenStore('MemoryTokenStore', async (clock) => ({ store: new MemoryTokenStore({ clock }) }));

describe('MemoryTokenStore', () => {
  it('drops what is over without being asked for it', async () => {
    const clock = new ManualClock();
    const store = new MemoryTokenStore({ clock });
    for (let index = 0; index < 1_000; index++) {
      await store.set(`transaction:${index}`, 'v', { ttlMs: 10 });
      clock.advance(1);
    }
    expect((await store.list('')).length).toBeLessThanOrEqual(10);
  });

  it('keeps two stores apart, their leases too', async () => {
    const [one, two] = [new MemoryTokenStore(), new MemoryTokenStore()];
    await one.set('a', '1');
    expect(await two.get('a')).toBeUndefined();
    await one.lock('a', async (lease) => {
      await expect(two.set('a', '1', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
    });
  });

  it('tells who watches a key of each change of it, once it is done, and nobody else', async () => {
    const store = new MemoryTokenStore();
    const seen: unknown[] = [];
    const end = store.watch('a', () => seen.push(store.get('a')));
    store.watch('b', () => seen.push('b'));
    await store.set('a', '1');
    await store.get('a');
    await store.delete('a');
    await store.delete('a');
    expect(await Promise.all(seen)).toEqual(['1', undefined]);
    end();
    end();
    await store.set('a', '2');
    expect(seen).toHaveLength(2);
  });

  it('a write that is refused is no change, and a listener that throws breaks no write', async () => {
    const store = new MemoryTokenStore();
    let changes = 0;
    store.watch('a', () => {
      throw new Error('listener');
    });
    store.watch('a', () => changes++);
    const lease = await store.lock('a', async (held) => held);
    await expect(store.set('a', '1', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
    expect(changes).toBe(0);
    await store.set('a', '1');
    expect(changes).toBe(1);
  });
});
