import { describe, expect, it, vi } from 'vitest';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { gate, HOUR, scene, settle, times, unavailable } from './support.js';

describe('TokenManager: signals and close', () => {
  it("a caller's signal ends its own wait at once, and not the refresh of the others", async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    const { promise, open } = gate();
    server.gate = promise;
    const controller = new AbortController();
    const impatient = manager.getAccessToken({ signal: controller.signal });
    const patient = manager.getAccessToken();
    await settle();
    controller.abort(new Error('enough'));
    await expect(impatient).rejects.toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
    expect(server.signals[0]?.aborted).toBe(false);
    open();
    expect(await patient).toBe('at-2');
    expect(server.requests).toBe(1);
  });

  it('a signal that is aborted already ends every call', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    const options = { signal: AbortSignal.abort() };
    for (const call of [
      () => manager.getAccessToken(options),
      () => manager.refresh('at-1', options),
      () => manager.current(options),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'aborted' });
    }
    expect(server.requests).toBe(0);
  });

  it('leaves no listener on a signal that lives longer', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await manager.getAccessToken({ signal });
    clock.advance(HOUR);
    await manager.getAccessToken({ signal });
    server.failures.push(unavailable);
    await manager.refresh('at-2', { signal }).catch(() => {});
    await settle();
    expect(listeners).toBe(0);
  });

  it('close() ends the waits with closed, and every later call', async () => {
    const { clock, server, put, managerOf, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    server.gate = new Promise(() => {});
    const waiting = manager.getAccessToken();
    const refusal = expect(waiting).rejects.toMatchObject({ code: 'closed' });
    await settle();
    manager.close();
    manager.close();
    await refusal;
    await settle();
    expect(server.signals[0]?.aborted).toBe(false);
    expect(events).toEqual([]);
    expect(manager.peek()).toBeUndefined();
    for (const call of [
      () => manager.getAccessToken(),
      () => manager.refresh('at-1'),
      () => manager.current(),
      () => manager.reload(),
      () => manager.setTokens(server.issue()),
      () => manager.clear(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'closed', stage: 'token' });
    }
  });

  it('close() during a refresh: waiters end at once, the refresh goes on, and its result is stored for the next manager', async () => {
    const { clock, server, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    const { promise, open } = gate();
    server.gate = promise;
    const waiting = [manager.getAccessToken(), manager.refresh('at-1')].map((wait) =>
      expect(wait).rejects.toMatchObject({ code: 'closed' }),
    );
    await settle();
    manager.close();
    await Promise.all(waiting);
    expect((await stored())?.refreshToken).toBe('rt-1');
    open();
    await settle();
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(await managerOf().getAccessToken()).toBe('at-2');
    expect(server.requests).toBe(1);
    expect(server.revoked).toBe(false);
  });

  it('close() ends a wait for a store that does not answer', async () => {
    const { store, managerOf } = scene();
    store.get = () => new Promise(() => {});
    const manager = managerOf();
    const refusal = expect(manager.getAccessToken()).rejects.toMatchObject({ code: 'closed' });
    await settle();
    manager.close();
    await refusal;
  });

  it('close() while new tokens are being written lets the write finish', async () => {
    const { server, put, store, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    const { promise, open } = gate();
    store.set = async (...args) => {
      await promise;
      return MemoryTokenStore.prototype.set.apply(store, args);
    };
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'closed' });
    await settle();
    manager.close();
    await refusal;
    open();
    await settle();
    expect((await stored())?.refreshToken).toBe('rt-2');
  });
});

describe('TokenManager: many waits', () => {
  it('puts one listener on a signal that many calls share', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    await times(100, () => manager.getAccessToken({ signal }));
    expect(add.mock.calls.length).toBeLessThanOrEqual(3);
  });
});
