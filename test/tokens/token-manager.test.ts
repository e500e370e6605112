import { describe, expect, it } from 'vitest';
import { TokenManager } from '../../src/tokens/token-manager.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { gate, HOUR, KEY, MINUTE, scene, settle, times } from './support.js';

describe('TokenManager: a valid token', () => {
  it('is handed out from memory: one read of the store, then none', async () => {
    const { put, server, store, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    expect(await times(50, () => manager.getAccessToken())).toEqual(Array(50).fill('at-1'));
    for (let call = 0; call < 50; call++) await manager.getAccessToken();
    expect(store.reads).toBe(1);
    expect(manager.peek()?.accessToken).toBe('at-1');
    expect(server.requests).toBe(0);
  });

  it('F5: survives a restart with its absolute expiry, scope and context', async () => {
    const { clock, server, managerOf } = scene();
    const tokens = { ...server.issue(), scope: ['a', 'b'], context: { issuer: 'https://as.example', n: 1 } };
    await managerOf().setTokens(tokens);
    clock.advance(30 * MINUTE);
    const restarted = managerOf();
    expect(await restarted.current()).toEqual(tokens);
    expect(await restarted.getAccessToken()).toBe('at-1');
    expect(server.requests).toBe(0);
  });

  it('F6: is used until it expires where there is no refresh token, and not longer', async () => {
    const { clock, server, put, managerOf } = scene();
    const { refreshToken: _, ...tokens } = server.issue();
    await put(tokens);
    const manager = managerOf();
    expect(await manager.getAccessToken()).toBe('at-1');
    clock.advance(HOUR - 1);
    expect(await manager.getAccessToken()).toBe('at-1');
    expect(manager.peek()?.accessToken).toBe('at-1');
    clock.advance(1);
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(manager.peek()).toBeUndefined();
    expect((await manager.current())?.accessToken).toBe('at-1');
    expect(server.requests).toBe(0);
  });

  it('without expires_in is valid until it is refused (RFC 6749 section 5.1)', async () => {
    const { clock, server, put, managerOf } = scene();
    server.lifetimeMs = undefined;
    await put(server.issue());
    const manager = managerOf();
    clock.advance(1_000 * HOUR);
    expect(await manager.getAccessToken()).toBe('at-1');
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(server.requests).toBe(1);
  });

  it('is not there before anyone signed in', async () => {
    const { managerOf } = scene();
    const manager = managerOf();
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(await manager.current()).toBeUndefined();
    expect(await manager.refresh('unknown')).toBeUndefined();
    expect(manager.peek()).toBeUndefined();
  });

  it('without a refresh function: refused once, it is not handed out again', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf({ refresh: undefined });
    expect(await manager.getAccessToken()).toBe('at-1');
    expect(await manager.refresh('at-1')).toBeUndefined();
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(manager.peek()).toBeUndefined();
    await put(server.issue());
    expect(await manager.getAccessToken()).toBe('at-2');
  });
});

describe('TokenManager: one refresh (invariant 1)', () => {
  it('F1: 100 concurrent calls at expiry cost one refresh', async () => {
    const { clock, server, put, managerOf, stored, types } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    clock.advance(HOUR);
    expect(await times(100, () => manager.getAccessToken())).toEqual(Array(100).fill('at-2'));
    expect(server.requests).toBe(1);
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(types()).toEqual(['refreshed']);
  });

  it('F1: 100 concurrent calls of a manager that has read nothing yet cost one refresh', async () => {
    const { clock, server, put, store, managerOf } = scene();
    await put(server.issue());
    clock.advance(2 * HOUR);
    const manager = managerOf();
    expect(new Set(await times(100, () => manager.getAccessToken()))).toEqual(new Set(['at-2']));
    expect(server.requests).toBe(1);
    expect(store.reads).toBe(2);
  });

  it('F1: 100 concurrent refusals of the same token cost one refresh', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    expect(new Set(await times(100, () => manager.refresh('at-1')))).toEqual(new Set(['at-2']));
    expect(server.requests).toBe(1);
  });

  it('a late 401 that names an older token refreshes nothing', async () => {
    const { server, put, managerOf, store } = scene();
    await put(server.issue());
    const manager = managerOf();
    expect(await manager.refresh('at-1')).toBe('at-2');
    const reads = store.reads;
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(await times(10, () => manager.refresh('at-1'))).toEqual(Array(10).fill('at-2'));
    expect(server.requests).toBe(1);
    expect(store.reads).toBe(reads);
  });

  it('a refused token is not handed out while its refresh is under way', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    const { promise, open } = gate();
    server.gate = promise;
    const refreshing = manager.refresh('at-1');
    const asked = manager.getAccessToken();
    await settle();
    expect(manager.peek()).toBeUndefined();
    open();
    expect(await Promise.all([refreshing, asked])).toEqual(['at-2', 'at-2']);
    expect(server.requests).toBe(1);
  });

  it('F2: 20 managers over one store cost one refresh at expiry, and one after a refusal', async () => {
    const { clock, server, put, managerOf, events } = scene();
    await put(server.issue());
    const managers = Array.from({ length: 20 }, () => managerOf());
    await Promise.all(managers.map((manager) => manager.getAccessToken()));
    clock.advance(HOUR);
    const atExpiry = await Promise.all(
      managers.flatMap((manager) => [manager.getAccessToken(), manager.getAccessToken()]),
    );
    expect(new Set(atExpiry)).toEqual(new Set(['at-2']));
    expect(server.requests).toBe(1);
    expect(events.filter((event) => event.type === 'adopted')).toHaveLength(19);
    const refused = await Promise.all(managers.map((manager) => manager.refresh('at-2')));
    expect(new Set(refused)).toEqual(new Set(['at-3']));
    expect(server.requests).toBe(2);
    expect(server.revoked).toBe(false);
  });

  it('F25: a login elsewhere is adopted on a 401, without a request', async () => {
    const { server, put, managerOf, types } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await managerOf({ onEvent: undefined }).setTokens(server.issue());
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(server.requests).toBe(0);
    expect(types()).toEqual(['adopted']);
  });

  it('F25: an expired set that someone else stored is refreshed by its own refresh token', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await put(server.issue());
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBe('at-3');
    expect(server.revoked).toBe(false);
  });

  it('F25: reload() adopts what is newer, and notices a sign-out elsewhere', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await put(server.issue());
    expect((await manager.reload())?.accessToken).toBe('at-2');
    expect(await manager.getAccessToken()).toBe('at-2');
    await managerOf().clear();
    expect(await manager.reload()).toBeUndefined();
    expect(await manager.getAccessToken()).toBeUndefined();
  });

  it('a sign-out elsewhere is noticed inside the lock and not undone', async () => {
    const { clock, server, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf();
    await manager.getAccessToken();
    await managerOf().clear();
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(server.requests).toBe(0);
    expect(await stored()).toBeUndefined();
  });

  it('gives what was obtained even where it is over at once, and does not ask in a loop', async () => {
    const { server, put, managerOf, clock } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    server.lifetimeMs = 0;
    expect(await times(10, () => manager.getAccessToken())).toEqual(Array(10).fill('at-2'));
    expect(server.requests).toBe(1);
  });
});

describe('TokenManager: options', () => {
  it('refuses what it cannot work with', async () => {
    const { store, managerOf } = scene();
    const invalid = expect.objectContaining({ code: 'invalid_options', stage: 'configuration' });
    expect(() => new TokenManager({ store, key: '' })).toThrow(invalid);
    expect(() => new TokenManager({ key: KEY } as never)).toThrow(invalid);
    await expect(managerOf().setTokens({} as TokenSet)).rejects.toMatchObject({ code: 'invalid_options' });
  });

  it('an observer that throws breaks nothing', async () => {
    const { server, put, managerOf } = scene();
    await put(server.issue());
    const manager = managerOf({
      onEvent: () => {
        throw new Error('observer');
      },
    });
    expect(await manager.refresh('at-1')).toBe('at-2');
  });
});
