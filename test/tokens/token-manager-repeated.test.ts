import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import { scene, times } from './support.js';

const refused = () => new McpOAuthError('invalid_client', 'no', { stage: 'token', status: 401 });

/** A session whose token is over, at a server that refuses to refresh it. */
async function refusing(failure: () => Error = refused) {
  const world = scene();
  await world.put(world.server.issue());
  const manager = world.managerOf();
  await manager.current();
  world.server.failures.push(...Array.from({ length: 100 }, () => failure));
  world.clock.advance(2 * 3_600_000);
  const ask = () => manager.getAccessToken().catch((error: unknown) => (error as McpOAuthError).code);
  return { ...world, manager, ask };
}

describe('TokenManager: a refresh that was refused', () => {
  it('is not repeated at once, but after 1 s, 2 s and so on, up to 60 s', async () => {
    const { clock, server, ask } = await refusing();
    for (const [waitMs, requests] of [
      [0, 1],
      [999, 1],
      [1, 2],
      [1_999, 2],
      [1, 3],
      [3_999, 3],
      [1, 4],
    ] as const) {
      clock.advance(waitMs);
      expect(new Set(await times(100, ask))).toEqual(new Set(['invalid_client']));
      expect(server.requests).toBe(requests);
    }
    for (let minute = 0; minute < 10; minute++) {
      clock.advance(60_000);
      await ask();
    }
    expect(server.requests).toBe(14);
  });

  it('is what refresh() throws too', async () => {
    const { server, manager, ask } = await refusing();
    await ask();
    await expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'invalid_client' });
    expect(server.requests).toBe(1);
  });

  it('does not hide what another process obtained', async () => {
    const { clock, server, put, ask } = await refusing();
    await ask();
    await put({ ...server.issue(), issuedAt: clock.now() });
    expect(await ask()).toBe('at-2');
    expect(server.requests).toBe(1);
  });

  it('is forgotten with new tokens, clear() and retryRefresh()', async () => {
    const { server, manager, ask, clock } = await refusing();
    await ask();
    manager.retryRefresh();
    await ask();
    expect(server.requests).toBe(2);
    await manager.setTokens({ ...server.issue(), expiresAt: clock.now() - 1 });
    await ask();
    expect(server.requests).toBe(3);
    await manager.clear();
    expect(await ask()).toBeUndefined();
  });
});
