import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import { noteAskedWait } from '../../src/http/retry.js';
import type { TokenManagerOptions } from '../../src/tokens/token-manager-options.js';
import { HOUR, MINUTE, scene, settle, times, unavailable } from './support.js';

/** A session whose token is over, at a server that is away. */
async function outage(failure: () => Error = unavailable, options: Partial<TokenManagerOptions> = {}) {
  const world = scene();
  await world.put(world.server.issue());
  const manager = world.managerOf(options);
  await manager.current();
  world.server.failures.push(...Array.from({ length: 100 }, () => failure));
  world.clock.advance(HOUR);
  const fail = async () => {
    const outcome = await manager.getAccessToken().catch((error: McpOAuthError) => error);
    if (typeof outcome === 'string' || outcome === undefined) throw new Error('it did not fail');
    return outcome;
  };
  const back = () => world.server.failures.splice(0);
  return { ...world, manager, fail, back };
}

/** The seconds at which the server is asked within `seconds`, with 5 calls every 100 ms. */
async function asked(world: Awaited<ReturnType<typeof outage>>, seconds: number): Promise<number[]> {
  const at: number[] = [];
  for (let tick = 0; tick < seconds * 10; tick++) {
    const before = world.server.requests;
    await times(5, world.fail);
    if (world.server.requests > before) at.push(tick / 10);
    world.clock.advance(100);
  }
  return at;
}

describe('TokenManager: an authorization server that is away after expiry', () => {
  it('F4: is asked again by the next call, and then after 1, 2, 4 … 30 s, however many calls come', async () => {
    const world = await outage();
    expect(await asked(world, 95)).toEqual([0, 0.1, 1.1, 3.1, 7.1, 15.1, 31.1, 61.1, 91.1]);
    expect(world.server.requests).toBe(9);
    expect(await world.stored()).toMatchObject({ refreshToken: 'rt-1' });
  });

  it.each([
    ['no answer', () => new TypeError('fetch failed')],
    ['a page of somebody else', () => new McpOAuthError('server_unavailable', 'page', { stage: 'token', status: 200 })],
    [
      'the sign-in page of a network',
      () => new McpOAuthError('server_unavailable', 'm', { stage: 'token', status: 511 }),
    ],
  ])('F4: where there is %s there is nobody to spare: pauses of 1, 2, 4 and 5 s', async (_, failure) => {
    expect(await asked(await outage(failure), 20)).toEqual([0, 0.1, 1.1, 3.1, 7.1, 12.1, 17.1]);
  });

  it('calls in a pause fail at once with the last error and the time to wait, and stay retryable', async () => {
    const { clock, server, manager, fail } = await outage();
    await times(2, fail);
    await fail();
    expect(server.requests).toBe(2);
    clock.advance(400);
    for (const call of [fail, () => manager.refresh('at-1').catch((error: McpOAuthError) => error)]) {
      const error = (await call()) as McpOAuthError;
      expect(error).toMatchObject({ code: 'server_unavailable', status: 503, stage: 'token', retryable: true });
      expect(error.message).toMatch(/^later .*try again in 1 s\.$/);
    }
    expect(server.requests).toBe(2);
  });

  it('is met again within a pause of its return: one refresh, and the pauses begin anew', async () => {
    const world = await outage();
    await asked(world, 16);
    world.back();
    const { requests } = world.server;
    world.clock.advance(30_000);
    expect(await times(50, () => world.manager.getAccessToken())).toEqual(Array(50).fill('at-2'));
    expect(world.server.requests).toBe(requests + 1);
    world.clock.advance(HOUR);
    world.server.failures.push(...Array.from({ length: 100 }, () => unavailable));
    expect(await asked(world, 4)).toEqual([0, 0.1, 1.1, 3.1]);
  });

  it('pauses are up to half shorter by chance: sessions that failed together do not come back together', async () => {
    const moments = new Set<number>();
    for (let session = 0; session < 10; session++) {
      const world = await outage(unavailable, { random: () => session / 10 });
      const [, , third = 0] = await asked(world, 2);
      expect(third).toBeGreaterThanOrEqual(0.6);
      expect(third).toBeLessThanOrEqual(1.1);
      moments.add(third);
    }
    expect(moments.size).toBeGreaterThan(4);
  });

  it('Retry-After counts from the first failure on, across calls, and never less', async () => {
    const world = await outage(() => noteAskedWait(unavailable(), 20_000));
    expect(await asked(world, 50)).toEqual([0, 20, 40]);
    const spread = await outage(() => noteAskedWait(unavailable(), 20_000), { random: () => 0.999 });
    const [, second = 0] = await asked(spread, 30);
    expect(second).toBeGreaterThan(20);
    expect(second).toBeLessThanOrEqual(25);
  });

  it('Retry-After of a refresh ahead of expiry holds once the token is over', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    server.failures.push(() => noteAskedWait(unavailable(), 2 * MINUTE));
    clock.advance(HOUR - 10_000);
    expect(await manager.getAccessToken()).toBe('at-1');
    await settle();
    expect(server.requests).toBe(1);
    clock.advance(10_000);
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: 'server_unavailable' });
    expect(server.requests).toBe(1);
    clock.advance(110_000);
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('failures ahead of expiry do not hold up the first call without a token', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR - MINUTE);
    server.failures.push(...Array.from({ length: 6 }, () => unavailable));
    for (let second = 0; second < 59; second++) {
      expect(await manager.getAccessToken()).toBe('at-1');
      await settle();
      clock.advance(1_000);
    }
    expect(server.requests).toBe(6);
    clock.advance(1_000);
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('a pause does not hide what another process obtained, and retryRefresh() ends it', async () => {
    const { clock, server, manager, put, fail, back } = await outage();
    for (let call = 0; call < 3; call++) await fail();
    expect(server.requests).toBe(2);
    manager.retryRefresh();
    await fail();
    expect(server.requests).toBe(3);
    await put({ ...server.issue(), issuedAt: clock.now(), expiresAt: clock.now() + HOUR });
    expect(await manager.getAccessToken()).toBe('at-2');
    expect(server.requests).toBe(3);
    back();
  });

  it('a machine that slept for 8 hours asks at once; a clock that was set back does not prolong a pause', async () => {
    const world = await outage();
    await asked(world, 20);
    const { requests } = world.server;
    world.clock.sleep(8 * HOUR);
    await world.fail();
    expect(world.server.requests).toBe(requests + 1);
    world.clock.advance(-30_000);
    world.back();
    expect(await world.manager.getAccessToken()).toBe('at-2');
  });

  it('a store that fails is no outage of the server: the next call asks', async () => {
    const { server, store, manager, fail, back } = await outage();
    back();
    store.failing.lock = () => new Error('disk gone');
    for (let call = 0; call < 5; call++) expect((await fail()).code).toBe('store_failed');
    store.failing = {};
    expect(await manager.getAccessToken()).toBe('at-2');
    expect(server.requests).toBe(1);
  });
});

describe('TokenManager: tokens that live for moments', () => {
  it.each([
    1, 50, 999, 1_000,
  ])('a lifetime of %d ms costs some 75 refreshes a minute at most, and ends no call', async (lifetimeMs) => {
    const { clock, server, put, managerOf } = scene();
    server.lifetimeMs = lifetimeMs;
    await put(server.issue());
    const manager = managerOf();
    for (let tick = 0; tick < 600; tick++) {
      const tokens = await times(3, () => manager.getAccessToken());
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).toMatch(/^at-/);
      await settle();
      clock.advance(100);
    }
    expect(server.requests).toBeGreaterThan(50);
    expect(server.requests).toBeLessThanOrEqual(76);
  });

  it('one that was over before it came is not used', async () => {
    const { clock, server, put, managerOf } = scene();
    await put({ ...server.issue(), expiresAt: clock.now() - 1 });
    expect(await managerOf().getAccessToken()).toBe('at-2');
  });
});
