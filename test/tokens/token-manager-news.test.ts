import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { diskFull, FlakyStore, gate, HOUR, KEY, neighbours, scene, settle, times } from './support.js';

/** Makes the reads of the store wait, or fail. */
function slowReads(store: FlakyStore) {
  const { promise, open } = gate();
  store.get = async (key) => {
    store.reads++;
    const value = await MemoryTokenStore.prototype.get.call(store, key);
    await promise;
    if (store.failing.get) throw store.failing.get();
    return value;
  };
  return { open };
}

describe('TokenManager: what others in the process do is heard of at once', () => {
  it('F25: a sign-in elsewhere', async () => {
    const { server, here, there, types } = await neighbours();
    await there.setTokens(server.issue());
    expect(await here.getAccessToken()).toBe('at-2');
    expect(here.peek()?.accessToken).toBe('at-2');
    expect(types()).toEqual(['adopted']);
    expect(server.requests).toBe(0);
  });

  it('F25: a sign-out elsewhere: no call and no peek() sees the former token from then on', async () => {
    const { here, there } = await neighbours();
    const signingOut = there.clear();
    while ((await Promise.race([signingOut, 'pending'])) === 'pending') await settle();
    expect(here.peek()).toBeUndefined();
    expect(await here.getAccessToken()).toBeUndefined();
    expect(await here.current()).toBeUndefined();
  });

  it('F25: a refresh elsewhere', async () => {
    const { server, store, here, there } = await neighbours();
    await there.refresh('at-1');
    await settle();
    const { reads } = store;
    expect(await times(20, () => here.getAccessToken())).toEqual(Array(20).fill('at-2'));
    expect(store.reads).toBe(reads);
    expect(server.requests).toBe(1);
  });

  it('until the store was read, calls wait for that one read, and peek() gives nothing', async () => {
    const { server, store, put, here, there } = await neighbours();
    there.close();
    const { open } = slowReads(store);
    const { reads } = store;
    await put(server.issue());
    expect(store.reads).toBe(reads + 1);
    expect(here.peek()).toBeUndefined();
    let answered = 0;
    const calls = times(20, () => here.getAccessToken().finally(() => answered++));
    await settle();
    expect([answered, here.peek()]).toEqual([0, undefined]);
    open();
    expect(await calls).toEqual(Array(20).fill('at-2'));
    expect(store.reads).toBe(reads + 1);
    expect(here.peek()?.accessToken).toBe('at-2');
  });

  it('a change during that read is read too', async () => {
    const { server, store, put, here } = await neighbours();
    const { open } = slowReads(store);
    await put(server.issue());
    await settle();
    await put(server.issue());
    const call = here.getAccessToken();
    open();
    expect(await call).toBe('at-3');
  });

  it('what was read between two changes is not taken for fresh', async () => {
    const { server, store, put, here, there } = await neighbours();
    there.close();
    const first = slowReads(store);
    await put(server.issue());
    await settle();
    await put(server.issue());
    const second = slowReads(store);
    first.open();
    await settle();
    expect(here.peek()).toBeUndefined();
    second.open();
    await settle();
    expect(here.peek()?.accessToken).toBe('at-3');
  });

  it('a read that began before and ends after it does not bring the former tokens back', async () => {
    const { server, store, put, here } = await neighbours();
    const former = await store.get(KEY);
    const { promise, open } = gate();
    store.get = async () => {
      await promise;
      return former;
    };
    const reloading = here.reload();
    await settle();
    store.get = FlakyStore.prototype.get;
    await put(server.issue());
    await settle();
    open();
    await reloading;
    expect(await here.getAccessToken()).toBe('at-2');
  });

  it('where the store cannot be read then, what is in memory goes on', async () => {
    const { server, store, put, here } = await neighbours();
    store.failing.get = diskFull;
    await put(server.issue());
    expect(await here.getAccessToken()).toBe('at-1');
    expect(here.peek()?.accessToken).toBe('at-1');
  });

  it('a store that does not answer then is waited for five seconds', async () => {
    const { clock, server, store, put, here } = await neighbours();
    slowReads(store);
    await put(server.issue());
    const call = here.getAccessToken();
    await settle();
    clock.advance(5_000);
    expect(await call).toBe('at-1');
    expect(here.peek()?.accessToken).toBe('at-1');
    expect(clock.timers).toBe(0);
  });

  it('damage that this read finds is reported, and the session in memory outlives it', async () => {
    const { server, store, put, here, stored, types } = await neighbours();
    store.failing.get = () => {
      store.failing = {};
      // What was set aside is no longer there.
      void store.delete(KEY);
      return new McpOAuthError('store_unreadable', 'set aside', { stage: 'store' });
    };
    await put(server.issue());
    expect(await here.getAccessToken()).toBe('at-1');
    expect(types()).toContain('store_error');
    await here.getAccessToken();
    await settle();
    expect((await stored())?.accessToken).toBe('at-1');
  });

  it('what cannot be read and was not set aside is neither replaced nor overtaken from memory', async () => {
    const { clock, server, store, put, here, stored } = await neighbours();
    const unreadable = () => new McpOAuthError('store_unreadable', 'another key', { stage: 'store' });
    const before = server.requests;
    await put(server.issue());
    store.failing.get = unreadable;
    clock.advance(HOUR);
    await expect(here.getAccessToken()).rejects.toMatchObject({ code: 'store_unreadable' });
    await expect(here.refresh('at-1')).rejects.toMatchObject({ code: 'store_unreadable' });
    await settle();
    store.failing = {};
    expect(server.requests).toBe(before);
    expect((await stored())?.accessToken).toBe('at-2');
    expect(server.revoked).toBe(false);
  });

  it('tokens that could not be written give way to a later sign-in, whatever its clock says', async () => {
    const { clock, server, store, put, here, stored } = await neighbours();
    for (const _ of [1, 2]) {
      store.failing.set = () => new Error('disk full');
      await here.setTokens(server.issue());
    }
    store.failing = {};
    await put({ ...server.issue(), accessToken: 'theirs', issuedAt: clock.now() - 30_000 });
    await here.getAccessToken();
    await settle();
    expect(await here.getAccessToken()).toBe('theirs');
    expect((await stored())?.accessToken).toBe('theirs');
  });

  it('tokens that could not be written outlive what they replaced, also several in a row', async () => {
    const { server, store, put, here, stored } = await neighbours();
    const former = await stored();
    store.failing.set = () => new Error('disk full');
    for (const _ of [1, 2, 3]) await here.setTokens(server.issue());
    store.failing = {};
    await put(former as NonNullable<typeof former>);
    expect(await here.getAccessToken()).toBe('at-4');
    await settle();
    await here.getAccessToken();
    await settle();
    expect((await stored())?.accessToken).toBe('at-4');
  });

  it.each([
    'here',
    'there',
  ] as const)('a store that loses its last write, of %s, does not bring a used refresh token back', async (writer) => {
    const world = await neighbours();
    const { clock, server, put, here, stored } = world;
    const former = await stored();
    clock.advance(HOUR);
    await world[writer].getAccessToken();
    await here.reload();
    await put(former as NonNullable<typeof former>);
    expect((await here.reload())?.accessToken).toBe('at-2');
    await here.getAccessToken();
    await settle();
    expect((await stored())?.accessToken).toBe('at-2');
    clock.advance(HOUR);
    expect(await here.getAccessToken()).toBe('at-3');
    expect([server.requests, server.revoked]).toEqual([2, false]);
  });

  it('a refused token that was replaced elsewhere costs no refresh', async () => {
    const { server, here, there } = await neighbours();
    const [mine] = await Promise.all([here.refresh('at-1'), there.setTokens(server.issue())]);
    expect(['at-2', 'at-3']).toContain(mine);
    expect(await here.refresh('at-1')).toBe(await there.getAccessToken());
    expect(server.revoked).toBe(false);
  });

  it('F2: 20 managers at expiry cost one refresh, also where they hear of it while they wait for the lock', async () => {
    const { clock, store, server, managerOf, events } = await neighbours();
    const managers = Array.from({ length: 20 }, () => managerOf());
    await Promise.all(managers.map((manager) => manager.getAccessToken()));
    clock.advance(HOUR);
    const calls = await Promise.all(managers.flatMap((manager) => times(2, () => manager.getAccessToken())));
    expect(new Set(calls.flat())).toEqual(new Set(['at-2']));
    expect(server.requests).toBe(1);
    expect(server.revoked).toBe(false);
    await settle();
    expect(events.filter((event) => event.type === 'refreshed')).toHaveLength(1);
    // The two neighbours are among those who adopt; one of the 20 refreshed, and one neighbour reports nothing.
    expect(events.filter((event) => event.type === 'adopted')).toHaveLength(20);
    expect(store.watchers).toBe(22);
  });

  it('a sign-out of our own that waits for the lock is not undone by news of the former session', async () => {
    const { server, store, put, here } = await neighbours();
    const { promise, open } = gate();
    const holder = store.lock(KEY, () => promise);
    const clearing = here.clear();
    await settle();
    await put(server.issue());
    await settle();
    expect(here.peek()).toBeUndefined();
    open();
    await Promise.all([holder, clearing]);
    expect(await here.getAccessToken()).toBeUndefined();
  });
});

it('F25: managers over two FileTokenStore objects for one directory hear of each other, and not of themselves', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'token-manager-'));
  try {
    const { clock, server, managerOf } = scene();
    const storeOf = () => new FileTokenStore({ directory, keyStorage: 'file', clock });
    const [store, other] = [storeOf(), storeOf()];
    const [here, there] = [managerOf({ store }), managerOf({ store: other })];
    await here.setTokens(server.issue());
    expect(here.peek()?.accessToken).toBe('at-1');
    expect(await there.getAccessToken()).toBe('at-1');
    expect(await there.refresh('at-1')).toBe('at-2');
    expect(there.peek()?.accessToken).toBe('at-2');
    expect(here.peek()).toBeUndefined();
    expect(await here.getAccessToken()).toBe('at-2');
    await there.clear();
    expect(await here.getAccessToken()).toBeUndefined();
    here.close();
    there.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
