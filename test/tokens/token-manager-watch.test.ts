import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import type { TokenStore } from '../../src/stores/token-store.js';
import { diskFull, gate, KEY, MINUTE, neighbours, scene, settle, times } from './support.js';

describe('TokenManager: its own writes are no news', () => {
  it('a refresh, a sign-in and a sign-out of its own cause no read', async () => {
    const { server, store, managerOf, put } = scene();
    store.tells = true;
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await manager.refresh('at-1');
    const { reads } = store;
    await manager.setTokens(server.issue());
    expect(manager.peek()?.accessToken).toBe('at-3');
    await manager.clear();
    await manager.setTokens(server.issue());
    await settle();
    expect(store.reads).toBe(reads);
    expect(await manager.getAccessToken()).toBe('at-4');
  });

  it('what another writes while its own write is under way is', async () => {
    const { server, store, put, here } = await neighbours();
    const { promise, open } = gate();
    const other = server.issue();
    store.set = async (...args) => {
      await MemoryTokenStore.prototype.set.apply(store, args);
      await promise;
    };
    const setting = here.setTokens(server.issue());
    await settle();
    await put(other);
    const { reads } = store;
    open();
    await setting;
    await settle();
    expect(store.reads).toBe(reads + 1);
    expect(await here.getAccessToken()).toBe('at-2');
  });

  it('a change that comes with a write that failed is', async () => {
    const { server, store, put, here } = await neighbours();
    store.failing.set = () => {
      void put({ ...server.issue(), issuedAt: Number.MAX_SAFE_INTEGER });
      return diskFull();
    };
    const { reads } = store;
    await here.setTokens(server.issue());
    store.failing = {};
    await settle();
    expect(store.reads).toBeGreaterThan(reads);
    expect(await here.getAccessToken()).toBe('at-3');
  });
});

describe('TokenManager: watching the store', () => {
  it('begins with the first read or write, once, and ends with close()', async () => {
    const { server, store, managerOf } = scene();
    const [reader, writer, idle] = [managerOf(), managerOf(), managerOf()];
    expect(store.watchers).toBe(0);
    await times(5, () => reader.getAccessToken());
    expect(store.watchers).toBe(1);
    await writer.setTokens(server.issue());
    await writer.setTokens(server.issue());
    expect(store.watchers).toBe(2);
    for (const manager of [reader, writer, idle]) manager.close();
    expect(store.watchers).toBe(0);
  });

  it('a refresh that is still under way at close() is stored and does not listen again', async () => {
    const { server, store, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    const { promise, open } = gate();
    server.gate = promise;
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'closed' });
    await settle();
    manager.close();
    await refusal;
    open();
    await settle();
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(store.watchers).toBe(0);
  });

  it.each<[string, TokenStore['watch']]>([
    ['has no watch()', undefined],
    [
      'throws in watch()',
      () => {
        throw new Error('no pub/sub');
      },
    ],
  ])('works all the same over a store that %s', async (_, watch) => {
    const { server, store, managerOf } = scene();
    Object.assign(store, { watch });
    const manager = managerOf();
    await manager.setTokens(server.issue());
    expect(await manager.getAccessToken()).toBe('at-1');
    manager.close();
  });

  it('what fails in an observer of the news breaks neither the writer nor the others', async () => {
    const { server, store, managerOf, here } = await neighbours();
    const failing = managerOf({
      onEvent: () => {
        throw new Error('observer');
      },
    });
    await failing.getAccessToken();
    store.watch(KEY, () => {
      throw new Error('listener');
    });
    const last = managerOf();
    await last.getAccessToken();
    const writer = managerOf();
    await writer.setTokens(server.issue());
    for (const manager of [here, failing, last]) expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('a manager that nobody closes can be collected, and the store forgets its listener', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { server, store, put, managerOf } = scene();
    store.tells = true;
    await put(server.issue());
    const useOnce = async () => {
      const manager = managerOf();
      await manager.getAccessToken();
      return new WeakRef(manager);
    };
    const gone = await useOnce();
    expect(store.watchers).toBe(1);
    await expect
      .poll(() => {
        collect();
        // Only whether it is there: what is compared is held.
        return [gone.deref() === undefined, store.watchers];
      })
      .toEqual([true, 0]);
    await put(server.issue());
  });

  it('one that is held is not', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { clock, server, put, here } = await neighbours();
    for (let round = 0; round < 3; round++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    clock.advance(MINUTE);
    await put(server.issue());
    expect(await here.getAccessToken()).toBe('at-2');
  });
});
