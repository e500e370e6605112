import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/tokens/backoff.js';
import { gate, HOUR, MINUTE, scene, settle, times, unavailable } from './support.js';

const DAY = 24 * HOUR;

/** Managers over one session that have all read it. */
async function sharing(count: number) {
  const shared = scene();
  await shared.put(shared.server.issue());
  const managers = Array.from({ length: count }, () => shared.managerOf());
  for (const manager of managers) await manager.getAccessToken();
  return { ...shared, managers, manager: managers[0] as (typeof managers)[number] };
}

describe('TokenManager: after a laptop sleep', () => {
  it.each([1, 10, 50])('%d concurrent calls refresh once', async (calls) => {
    const { clock, server, manager } = await sharing(1);
    clock.sleep(9 * HOUR);
    expect(await times(calls, () => manager.getAccessToken())).toEqual(Array(calls).fill('at-2'));
    expect(server.requests).toBe(1);
  });

  it('50 concurrent calls of five managers that share the session refresh once', async () => {
    const { clock, server, managers } = await sharing(5);
    clock.sleep(9 * HOUR);
    const calls = managers.flatMap((manager) => Array.from({ length: 10 }, () => manager.getAccessToken()));
    expect(await Promise.all(calls)).toEqual(Array(50).fill('at-2'));
    expect(server.requests).toBe(1);
    expect(server.revoked).toBe(false);
  });

  it('a refresh during which the machine slept is not sent a second time', async () => {
    const { clock, server, manager } = await sharing(1);
    clock.advance(HOUR - MINUTE);
    const { promise, open } = gate();
    server.gate = promise;
    await manager.getAccessToken();
    await settle();
    clock.sleep(9 * HOUR);
    const waiting = times(50, () => manager.getAccessToken());
    await settle();
    open();
    expect(new Set(await waiting)).toEqual(new Set(['at-2']));
    expect(server.requests).toBe(1);
  });

  it('a network that is not there yet: each call says "try again", nothing is lost, and the next one works', async () => {
    const { clock, server, manager, stored } = await sharing(1);
    clock.sleep(9 * HOUR);
    server.failures.push(unavailable);
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => manager.getAccessToken()));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { retryable: true } });
    expect(server.requests).toBe(1);
    expect((await stored())?.refreshToken).toBe('rt-1');
    expect(await times(50, () => manager.getAccessToken())).toEqual(Array(50).fill('at-2'));
    expect(server.requests).toBe(2);
  });
});

describe('TokenManager: a clock that was set back', () => {
  it.each([
    ['half a minute', 0, 30_000],
    ['two minutes', 1, 2 * MINUTE],
    ['a day', 1, DAY],
    ['ten years', 1, 3_650 * DAY],
  ])('by %s: the calls go on, and cost %d refreshes', async (_, refreshes, backMs) => {
    const { clock, server, manager } = await sharing(1);
    clock.advance(-backMs);
    expect(await times(50, () => manager.getAccessToken())).toEqual(Array(50).fill('at-1'));
    await settle();
    for (let minute = 0; minute < 40; minute++) {
      expect(await times(10, () => manager.getAccessToken())).toEqual(Array(10).fill(`at-${1 + refreshes}`));
      await settle();
      clock.advance(MINUTE);
    }
    expect(server.requests).toBe(refreshes);
  });

  it('in the middle of a lifetime: the token is used until a 401, which refreshes it once', async () => {
    const { clock, server, manager } = await sharing(1);
    clock.advance(50 * MINUTE);
    clock.advance(-40 * MINUTE);
    expect(await manager.getAccessToken()).toBe('at-1');
    expect(await times(50, () => manager.refresh('at-1'))).toEqual(Array(50).fill('at-2'));
    expect(server.requests).toBe(1);
  });

  it('several managers refresh once', async () => {
    const { clock, server, managers } = await sharing(5);
    clock.advance(-DAY);
    await Promise.all(managers.map((manager) => manager.getAccessToken()));
    await settle();
    expect(await Promise.all(managers.map((manager) => manager.getAccessToken()))).toEqual(Array(5).fill('at-2'));
    expect(server.requests).toBe(1);
    expect(server.revoked).toBe(false);
  });

  it('while the authorization server is away: no storm, and the valid token is used', async () => {
    const { clock, server, manager, types } = await sharing(1);
    clock.advance(-DAY);
    server.failures.push(...Array(1_000).fill(unavailable));
    for (let second = 0; second < 60; second++) {
      expect(await times(20, () => manager.getAccessToken())).toEqual(Array(20).fill('at-1'));
      await settle();
      clock.advance(1_000);
    }
    expect(server.requests).toBe(6);
    expect(new Set(types())).toEqual(new Set(['refresh_failed']));
  });

  it('again and again: one attempt for each time, not one for each call', async () => {
    const { clock, server, manager } = await sharing(1);
    clock.advance(HOUR - MINUTE);
    server.failures.push(...Array(1_000).fill(unavailable));
    for (let jump = 1; jump <= 5; jump++) {
      for (let call = 0; call < 50; call++) {
        await manager.getAccessToken();
        await settle();
      }
      expect(server.requests).toBe(jump);
      clock.advance(-DAY);
    }
  });

  it('does not prolong the pause after a failure', async () => {
    const { clock, server, manager } = await sharing(1);
    clock.advance(HOUR - MINUTE);
    server.failures.push(unavailable);
    await manager.getAccessToken();
    await settle();
    clock.advance(-30 * DAY);
    await manager.getAccessToken();
    await settle();
    expect(server.requests).toBe(2);
  });
});

describe('Backoff', () => {
  it('is over after a jump forward, and grows on from where it was', () => {
    const backoff = new Backoff();
    for (let failure = 0; failure < 3; failure++) backoff.failed(0);
    expect([backoff.ready(3_999), backoff.ready(4_000), backoff.ready(DAY)]).toEqual([false, true, true]);
    backoff.failed(DAY);
    expect([backoff.ready(DAY + 7_999), backoff.ready(DAY + 8_000)]).toEqual([false, true]);
  });

  it('lets one attempt through after a jump back, and pauses again from there', () => {
    const backoff = new Backoff();
    backoff.failed(DAY);
    expect(backoff.ready(HOUR)).toBe(true);
    backoff.failed(HOUR);
    expect([backoff.ready(HOUR), backoff.ready(HOUR + 1_999), backoff.ready(HOUR + 2_000)]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
