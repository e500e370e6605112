import { describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { describeTokenStore } from './contract.js';
import { ManualClock } from './manual-clock.js';

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
});
