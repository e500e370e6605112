import { describe, expect, it } from 'vitest';
import { freshSpan } from '../../src/tokens/expiry.js';
import { gate, HOUR, invalidGrant, MINUTE, scene, settle, times, unavailable } from './support.js';

describe('TokenManager: ahead of time (invariant 4)', () => {
  it.each([
    ['an hour', HOUR, HOUR - 5 * MINUTE, 210_000],
    ['ten minutes', 10 * MINUTE, 8 * MINUTE, 84_000],
    ['one minute', MINUTE, 48_000, 7_000],
    ['five seconds', 5_000, 4_000, 0],
  ])('F8: a token that lives %s is refreshed in the first part of its window, each at a moment of its own', async (_, lifetime, start, spread) => {
    const moments = new Set<number>();
    for (let session = 0; session < 20; session++) {
      const { clock, server, put, managerOf } = scene();
      server.lifetimeMs = lifetime;
      const tokens = { ...server.issue(), accessToken: `token-of-session-${session}` };
      await put(tokens);
      const manager = managerOf();
      const moment = freshSpan(tokens).until - tokens.issuedAt;
      moments.add(moment);
      expect(moment).toBeGreaterThanOrEqual(start);
      expect(moment).toBeLessThanOrEqual(start + spread);
      clock.advance(moment - 1);
      expect(await manager.getAccessToken()).toBe(tokens.accessToken);
      await settle();
      expect(server.requests).toBe(0);
      clock.advance(1);
      expect(await manager.getAccessToken()).toBe(tokens.accessToken);
      await settle();
      expect(server.requests).toBe(1);
      expect(await manager.getAccessToken()).toBe('at-2');
    }
    expect(moments.size).toBe(spread === 0 ? 1 : 20);
  });

  it('managers that share a session come to the same moment, also over a restart', async () => {
    const { clock, server, put, managerOf } = scene();
    const tokens = server.issue();
    await put(tokens);
    const managers = [managerOf(), managerOf()];
    for (const manager of managers) await manager.getAccessToken();
    clock.advance(freshSpan(tokens).until - clock.now() - 1);
    for (const manager of [...managers, managerOf()]) await manager.getAccessToken();
    await settle();
    expect(server.requests).toBe(0);
    clock.advance(1);
    await Promise.all([...managers, managerOf()].map((manager) => manager.getAccessToken()));
    await settle();
    expect(server.requests).toBe(1);
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
    // The window begins here; the first attempt comes at the token's own moment in it.
    server.failures.push(...Array(100).fill(unavailable));
    const at: number[] = [];
    const start = clock.now();
    for (let second = 0; second < 280; second++) {
      const before = server.requests;
      expect(await manager.getAccessToken()).toBe('at-1');
      await settle();
      if (server.requests > before) at.push((clock.now() - start) / 1_000);
      clock.advance(1_000);
    }
    const [first = 0] = at;
    expect(first).toBeLessThanOrEqual(210);
    expect(at.map((second) => second - first)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
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
