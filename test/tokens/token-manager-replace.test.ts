import { describe, expect, it } from 'vitest';
import { diskFull, gate, HOUR, KEY, scene, settle } from './support.js';

describe('TokenManager: setTokens, clear and a refresh that is under way', () => {
  it('a sign-in during a refresh wins, and the waiting calls get its token', async () => {
    const { clock, server, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    const { promise, open } = gate();
    server.gate = promise;
    const waiting = manager.getAccessToken();
    await settle();
    await manager.setTokens({
      accessToken: 'signed-in',
      tokenType: 'bearer',
      issuedAt: clock.now(),
      refreshToken: 'r',
    });
    expect(await waiting).toBe('signed-in');
    open();
    await settle();
    expect(await manager.getAccessToken()).toBe('signed-in');
    expect((await stored())?.accessToken).toBe('signed-in');
  });

  it('clear() during a refresh ends it, and nothing comes back', async () => {
    const { clock, server, put, managerOf, stored, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    const { promise, open } = gate();
    server.gate = promise;
    const waiting = manager.getAccessToken();
    await settle();
    await manager.clear();
    expect(await waiting).toBeUndefined();
    expect(server.signals[0]?.aborted).toBe(true);
    open();
    await settle();
    expect(await stored()).toBeUndefined();
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(events).toEqual([]);
  });

  it('clear() forgets unwritten tokens too', async () => {
    const { server, store, managerOf, stored } = scene();
    const manager = managerOf();
    store.failing.set = diskFull;
    await manager.setTokens(server.issue());
    store.failing = {};
    await manager.clear();
    await manager.getAccessToken();
    await settle();
    expect(await stored()).toBeUndefined();
    expect(await manager.current()).toBeUndefined();
  });

  it('clear() says so where the store still holds the session', async () => {
    const { server, put, store, managerOf } = scene();
    await put(server.issue());
    store.failing.delete = diskFull;
    await expect(managerOf().clear()).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('no call sees the former tokens once clear() or setTokens() was called', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    const clearing = manager.clear();
    const setting = manager.setTokens(server.issue());
    const asked = manager.current();
    await Promise.all([clearing, setting]);
    expect((await asked)?.accessToken).toBe('at-2');
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('a read of the store that began before a write does not undo it', async () => {
    const { server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    const { promise, open } = gate();
    const former = await store.get(KEY);
    store.get = async () => {
      await promise;
      return former;
    };
    const reloading = manager.reload();
    await settle();
    await manager.setTokens(server.issue());
    open();
    expect((await reloading)?.accessToken).toBe('at-2');
  });

  it('setTokens() and clear() use the lease of a caller who holds the lock', async () => {
    const { server, store, managerOf, stored } = scene();
    const manager = managerOf();
    await store.lock(KEY, (lease) => manager.setTokens(server.issue(), { lease }));
    expect((await stored())?.accessToken).toBe('at-1');
    await store.lock(KEY, (lease) => manager.clear({ lease }));
    expect(await stored()).toBeUndefined();
  });

  it('setTokens() and reload() with a lease do not wait for a clear() that waits for that lock', async () => {
    const { store, server, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    let clearing: Promise<void> | undefined;
    const seen = await store.lock(KEY, async (lease) => {
      clearing = manager.clear();
      await settle();
      const before = await manager.reload({ lease });
      await manager.setTokens(server.issue(), { lease });
      const after = await manager.reload({ lease });
      return [before?.accessToken, after?.accessToken];
    });
    expect(seen).toEqual(['at-1', 'at-2']);
    await clearing;
    expect(await stored()).toBeUndefined();
    expect(await manager.current()).toBeUndefined();
  });

  it.each([
    'inner\nnewline',
    'a space',
    'ümlaut',
    '',
  ])('setTokens() refuses the access token %j, and does not quote it', async (accessToken) => {
    const { server, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    const refused = { ...server.issue(), accessToken };
    const error: unknown = await manager.setTokens(refused).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    if (accessToken !== '') expect(String(error)).not.toContain(accessToken);
    expect((await stored())?.accessToken).toBe('at-1');
    expect(await manager.getAccessToken()).toBe('at-1');
  });

  it('a lock that is stuck: what its holder stored is adopted, else lock_timeout', async () => {
    const { clock, server, put, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf({ lockTimeoutMs: 1_000 });
    await manager.getAccessToken();
    const { promise, open } = gate();
    const holder = store.lock(KEY, () => promise);
    const first = manager.refresh('at-1');
    const refusal = expect(first).rejects.toMatchObject({ code: 'lock_timeout', retryable: true });
    await settle();
    clock.advance(1_000);
    await refusal;
    const second = manager.refresh('at-1');
    await settle();
    await put(server.issue());
    clock.advance(1_000);
    expect(await second).toBe('at-2');
    expect(server.requests).toBe(0);
    open();
    await holder;
  });
});
