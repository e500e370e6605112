import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import { diskFull, gate, HOUR, KEY, MINUTE, scene, settle, times } from './support.js';

const damaged = () => new McpOAuthError('store_unreadable', 'set aside', { stage: 'store' });

describe('TokenManager: tokens that cannot be stored (invariant 1)', () => {
  it('stores new tokens before they are used', async () => {
    const { server, put, store, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    const { promise, open } = gate();
    const set = store.set.bind(store);
    store.set = async (...args) => {
      await promise;
      return set(...args);
    };
    let handedOut = false;
    const refreshing = manager.refresh('at-1').finally(() => {
      handedOut = true;
    });
    await settle();
    expect([server.requests, handedOut, manager.peek()]).toEqual([1, false, undefined]);
    open();
    expect(await refreshing).toBe('at-2');
    expect((await stored())?.accessToken).toBe('at-2');
  });

  it('a failed write: used from memory, reported, and written with the next call', async () => {
    const { server, put, store, managerOf, stored, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = diskFull;
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(events).toMatchObject([{ type: 'store_error', error: { code: 'store_failed' } }, { type: 'refreshed' }]);
    expect((await stored())?.accessToken).toBe('at-1');
    store.failing = {};
    expect(await manager.getAccessToken()).toBe('at-2');
    await settle();
    expect((await stored())?.refreshToken).toBe('rt-2');
    const { writes } = store;
    for (let call = 0; call < 10; call++) await manager.getAccessToken();
    await settle();
    expect(store.writes).toBe(writes);
  });

  it('retries a write that keeps failing with growing pauses, not with every call', async () => {
    const { clock, server, put, store, managerOf, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.refresh('at-1');
    for (let second = 0; second < 8; second++) {
      for (let call = 0; call < 20; call++) {
        expect(await manager.getAccessToken()).toBe('at-2');
        await settle();
      }
      clock.advance(1_000);
    }
    const errors = events.filter((event) => event.type === 'store_error');
    expect(errors).toHaveLength(1 + 4);
  });

  it('reload() and current() do not give the older stored tokens back', async () => {
    const { server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.refresh('at-1');
    expect((await manager.reload())?.accessToken).toBe('at-2');
    expect((await manager.current())?.refreshToken).toBe('rt-2');
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('refreshes on from the unwritten refresh token, never from the rotated one', async () => {
    const { clock, server, put, store, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.refresh('at-1');
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBe('at-3');
    store.failing = {};
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBe('at-4');
    expect(server.revoked).toBe(false);
    expect((await stored())?.refreshToken).toBe('rt-4');
  });

  it('goes on without the lock where the store breaks altogether and only this manager knows the tokens', async () => {
    const { clock, server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.refresh('at-1');
    store.failing = { get: diskFull, set: diskFull, lock: diskFull };
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBe('at-3');
    expect(server.revoked).toBe(false);
  });

  it('without unwritten tokens a store that cannot lock is an error, not a refresh without a lock', async () => {
    const { clock, server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    store.failing.lock = () => new Error('EIO');
    clock.advance(HOUR);
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: 'store_failed', stage: 'store' });
    expect(server.requests).toBe(0);
    store.failing = {};
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('a newer login by someone else wins over unwritten tokens', async () => {
    const { clock, server, put, store, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.refresh('at-1');
    store.failing = {};
    clock.advance(MINUTE);
    await put(server.issue());
    expect((await manager.reload())?.accessToken).toBe('at-3');
    await settle();
    expect((await stored())?.accessToken).toBe('at-3');
  });

  it('setTokens() keeps a sign-in that cannot be stored, even where the lock is stuck', async () => {
    const { clock, server, store, managerOf, stored, types } = scene();
    const manager = managerOf({ lockTimeoutMs: 1_000 });
    const { promise, open } = gate();
    const holder = store.lock(KEY, () => promise);
    const setting = manager.setTokens(server.issue());
    await settle();
    clock.advance(1_000);
    await setting;
    expect(await manager.getAccessToken()).toBe('at-1');
    expect(types()).toEqual(['store_error']);
    open();
    await holder;
    clock.advance(1_000);
    await manager.getAccessToken();
    await settle();
    expect((await stored())?.accessToken).toBe('at-1');
  });

  it('setTokens() over a damaged record: reported, and written with the next call', async () => {
    const { server, store, managerOf, stored, types } = scene();
    const manager = managerOf();
    store.failing.set = () => {
      store.failing = {};
      return damaged();
    };
    await manager.setTokens(server.issue());
    expect(types()).toEqual(['store_error']);
    await manager.getAccessToken();
    await settle();
    expect((await stored())?.accessToken).toBe('at-1');
  });

  it('close() makes a last attempt to write', async () => {
    const { server, store, managerOf, stored } = scene();
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.setTokens(server.issue());
    store.failing = {};
    manager.close();
    await settle();
    expect((await stored())?.accessToken).toBe('at-1');
  });

  it('a lease lost after the refresh keeps the new tokens, and they are written as soon as the lock can be had', async () => {
    const { server, put, store, managerOf, stored, types } = scene();
    await put(server.issue());
    const manager = managerOf();
    store.failing.set = () => {
      // Only the lost lease is refused.
      store.failing = {};
      return new McpOAuthError('lease_lost', 'lost', { stage: 'store' });
    };
    expect(await manager.refresh('at-1')).toBe('at-2');
    await settle();
    expect((await stored())?.accessToken).toBe('at-2');
    expect(types()).toEqual(['store_error', 'refreshed']);
  });
});

describe('TokenManager: stored content that cannot be read', () => {
  it.each([
    '',
    'garbage',
    '{}',
    '{"v":2,"tokens":{}}',
    '{"v":1,"tokens":{"accessToken":7}}',
    'null',
  ])('is store_unreadable, never taken for empty, and stays: %j', async (text) => {
    const { store, managerOf } = scene();
    await store.set(KEY, text);
    const manager = managerOf();
    for (const call of [
      () => manager.getAccessToken(),
      () => manager.current(),
      () => manager.reload(),
      () => manager.refresh('x'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'store_unreadable', stage: 'store' });
    }
    expect(await store.get(KEY)).toBe(text);
  });

  it("is not overwritten by a refresh: another version's session stays", async () => {
    const { clock, server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await store.set(KEY, '{"v":2}');
    clock.advance(HOUR);
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: 'store_unreadable' });
    expect(server.requests).toBe(0);
    expect(await store.get(KEY)).toBe('{"v":2}');
    await manager.setTokens(server.issue());
    expect(await managerOf().getAccessToken()).toBe('at-2');
  });

  it('a store that reports damage: the session in memory goes on, and is written again', async () => {
    const { clock, server, put, store, managerOf, stored, types } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await store.delete(KEY);
    store.failing.get = () => {
      store.failing = {};
      return damaged();
    };
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBe('at-2');
    expect(types()).toEqual(['store_error', 'refreshed']);
    expect((await stored())?.refreshToken).toBe('rt-2');
  });

  it('a foreign error of a store becomes store_failed', async () => {
    const { store, managerOf } = scene();
    store.failing.get = () => new Error('EIO');
    await expect(managerOf().getAccessToken()).rejects.toMatchObject({
      code: 'store_failed',
      cause: { message: 'EIO' },
    });
  });

  it('a broken store does not matter while the token in memory is fresh', async () => {
    const { server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    store.failing = { get: diskFull, set: diskFull, lock: diskFull };
    expect(await times(5, () => manager.getAccessToken())).toEqual(Array(5).fill('at-1'));
  });
});
