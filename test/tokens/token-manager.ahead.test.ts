import { describe, expect, it } from 'vitest';
import { gate, HOUR, invalidGrant, MINUTE, scene, settle, times, unavailable } from './support.js';

describe('TokenManager: ahead of time (invariant 4)', () => {
  it.each([
    [HOUR, HOUR - 5 * MINUTE],
    [10 * MINUTE, 8 * MINUTE],
    [5_000, 4_000],
  ])('F8: with a lifetime of %d ms the window begins at %d ms', async (lifetime, start) => {
    const { clock, server, put, managerOf } = scene();
    server.lifetimeMs = lifetime;
    await put(server.issue());
    const manager = managerOf();
    clock.advance(start - 1);
    expect(await manager.getAccessToken()).toBe('at-1');
    await settle();
    expect(server.requests).toBe(0);
    clock.advance(1);
    expect(await manager.getAccessToken()).toBe('at-1');
    await settle();
    expect(server.requests).toBe(1);
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('F8: calls in the window go on with the valid token, and never start a second refresh', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    clock.advance(HOUR - MINUTE);
    const { promise, open } = gate();
    server.gate = promise;
    expect(await times(100, () => manager.getAccessToken())).toEqual(Array(100).fill('at-1'));
    for (let call = 0; call < 10; call++) expect(manager.peek()?.accessToken).toBe('at-1');
    await settle();
    expect(server.requests).toBe(1);
    open();
    await settle();
    expect(await manager.getAccessToken()).toBe('at-2');
    expect(server.requests).toBe(1);
  });

  it('a call that finds the token over while the background refresh runs waits for that one', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR - MINUTE);
    const { promise, open } = gate();
    server.gate = promise;
    await manager.getAccessToken();
    clock.advance(MINUTE);
    const waiting = manager.getAccessToken();
    await settle();
    open();
    expect(await waiting).toBe('at-2');
    expect(server.requests).toBe(1);
  });

  it('peek() starts the background refresh too', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    clock.advance(HOUR - MINUTE);
    expect(manager.peek()?.accessToken).toBe('at-1');
    await settle();
    expect(manager.peek()?.accessToken).toBe('at-2');
  });

  it('a failed background refresh is only an event, and is tried again after 1, 2, 4 … 60 s', async () => {
    const { clock, server, put, managerOf, events } = scene();
    server.lifetimeMs = 100 * HOUR;
    await put(server.issue());
    const manager = managerOf();
    clock.advance(100 * HOUR - 5 * MINUTE);
    server.failures.push(...Array(100).fill(unavailable));
    const at: number[] = [];
    const start = clock.now();
    for (let second = 0; second < 250; second++) {
      const before = server.requests;
      expect(await manager.getAccessToken()).toBe('at-1');
      await settle();
      if (server.requests > before) at.push((clock.now() - start) / 1_000);
      clock.advance(1_000);
    }
    expect(at).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
    expect(events).toEqual(at.map(() => expect.objectContaining({ type: 'refresh_failed', final: false })));
  });

  it('F6: a dead refresh token found in the background does not end the valid access token', async () => {
    const { clock, server, put, managerOf, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR - MINUTE);
    server.failures.push(invalidGrant);
    await manager.getAccessToken();
    await settle();
    expect(events).toMatchObject([{ type: 'refresh_failed', final: true }]);
    expect(await manager.getAccessToken()).toBe('at-1');
    expect(await manager.refresh('at-1')).toBeUndefined();
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(server.requests).toBe(1);
  });

  it('after a laptop sleep the first calls refresh once', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    clock.advance(9 * HOUR);
    expect(await times(10, () => manager.getAccessToken())).toEqual(Array(10).fill('at-2'));
    expect(server.requests).toBe(1);
  });

  it('after the clock was set back the first call refreshes once, and goes on', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    clock.advance(-24 * HOUR);
    expect(await manager.getAccessToken()).toBe('at-1');
    await settle();
    expect(await times(10, () => manager.getAccessToken())).toEqual(Array(10).fill('at-2'));
    await settle();
    expect(server.requests).toBe(1);
  });

  it('a clock set back does not prolong the pause after a failure', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR - MINUTE);
    server.failures.push(unavailable);
    await manager.getAccessToken();
    await settle();
    clock.advance(-30 * 24 * HOUR);
    await manager.getAccessToken();
    await settle();
    expect(server.requests).toBe(2);
  });

  it('holds no timer while idle, nor after a refresh', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await manager.refresh('at-1');
    await manager.setTokens(server.issue());
    expect(clock.timers).toBe(0);
  });
});
