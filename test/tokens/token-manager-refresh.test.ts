import { describe, expect, it } from 'vitest';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { gate, HOUR, invalidGrant, scene, settle, times, unavailable } from './support.js';

describe('TokenManager: what a refresh answers (RFC 6749 section 6)', () => {
  it('keeps the refresh token, the scope and the context where the answer has none', async () => {
    const { clock, server, managerOf, stored } = scene();
    const manager = managerOf({
      refresh: async () => ({ accessToken: 'new', tokenType: 'Bearer', issuedAt: clock.now() }),
    });
    await manager.setTokens({ ...server.issue(), scope: ['a'], context: { issuer: 'i' } });
    expect(await manager.refresh('at-1')).toBe('new');
    expect(await stored()).toEqual({
      accessToken: 'new',
      tokenType: 'bearer',
      issuedAt: clock.now(),
      refreshToken: 'rt-1',
      scope: ['a'],
      context: { issuer: 'i' },
    });
  });

  it('takes the new ones where it has them', async () => {
    const { server, managerOf, stored } = scene();
    const manager = managerOf({
      refresh: async () => ({ ...server.issue(), scope: ['b'], context: { issuer: 'j' } }),
    });
    await manager.setTokens({ ...server.issue(), scope: ['a'], context: { issuer: 'i' } });
    await manager.refresh('at-1');
    expect(await stored()).toMatchObject({ refreshToken: 'rt-2', scope: ['b'], context: { issuer: 'j' } });
  });

  it('an answer without an access token is an error, and nothing is lost', async () => {
    const { server, managerOf, stored } = scene();
    const manager = managerOf({ refresh: async () => ({}) as TokenSet });
    await manager.setTokens(server.issue());
    await expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'invalid_response' });
    expect((await stored())?.refreshToken).toBe('rt-1');
  });
});

describe('TokenManager: failures of a refresh (invariant 3)', () => {
  it.each([
    ['a typed one', unavailable, 'server_unavailable'],
    ['a failed fetch', () => new TypeError('fetch failed'), 'network_error'],
  ])('F4: %s is thrown as retryable, clears nothing, and the next call works', async (_, failure, code) => {
    const { clock, server, put, managerOf, stored, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    clock.advance(HOUR);
    server.failures.push(failure);
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => manager.getAccessToken()));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code, retryable: true } });
    }
    expect(server.requests).toBe(1);
    expect((await stored())?.refreshToken).toBe('rt-1');
    expect(events).toMatchObject([{ type: 'refresh_failed', final: false, error: { code } }]);
    expect(await manager.getAccessToken()).toBe('at-2');
  });

  it('an error of the application in the refresh function becomes a McpOAuthError', async () => {
    const { server, managerOf } = scene();
    const bug = new Error('bug');
    const manager = managerOf({ refresh: () => Promise.reject(bug) });
    await manager.setTokens(server.issue());
    await expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'token_request_failed', cause: bug });
  });

  it('a dead refresh token is dropped, the rest of the record stays, and it is presented once', async () => {
    const { clock, server, managerOf, stored, events } = scene();
    const manager = managerOf();
    await manager.setTokens({ ...server.issue(), scope: ['a'], context: { issuer: 'i' } });
    clock.advance(HOUR);
    server.failures.push(invalidGrant);
    expect(await times(20, () => manager.getAccessToken())).toEqual(Array(20).fill(undefined));
    expect(await manager.refresh('at-1')).toBeUndefined();
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(server.requests).toBe(1);
    expect(await stored()).toMatchObject({ accessToken: 'at-1', scope: ['a'], context: { issuer: 'i' } });
    expect(await stored()).not.toHaveProperty('refreshToken');
    expect(events).toMatchObject([{ type: 'refresh_failed', final: true, error: { oauthError: 'invalid_grant' } }]);
  });

  it('a refresh token that proved dead for another manager is not presented again', async () => {
    const { clock, server, put, managerOf } = scene();
    await put(server.issue());
    const managers = [managerOf(), managerOf(), managerOf()];
    await Promise.all(managers.map((manager) => manager.getAccessToken()));
    clock.advance(HOUR);
    server.failures.push(invalidGrant);
    const tokens = await Promise.all(managers.map((manager) => manager.getAccessToken()));
    expect(tokens).toEqual([undefined, undefined, undefined]);
    expect(server.requests).toBe(1);
  });

  it('F2: compares before it drops: what was stored outside the lock meanwhile is adopted', async () => {
    const { server, put, managerOf, stored, events } = scene();
    await put(server.issue());
    const manager = managerOf();
    const { promise, open } = gate();
    server.gate = promise;
    server.failures.push(invalidGrant);
    const refreshing = manager.refresh('at-1');
    await settle();
    await put(server.issue());
    open();
    expect(await refreshing).toBe('at-2');
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(server.requests).toBe(1);
    expect(events.map((event) => event.type)).toEqual(['adopted']);
  });

  it('isFinal decides what is definitive', async () => {
    const { clock, server, put, managerOf, stored } = scene();
    await put(server.issue());
    const manager = managerOf({ isFinal: (error) => error instanceof RangeError });
    server.failures.push(invalidGrant, () => new RangeError('gone'));
    await expect(manager.refresh('at-1')).rejects.toMatchObject({ oauthError: 'invalid_grant' });
    expect((await stored())?.refreshToken).toBe('rt-1');
    clock.advance(1_000);
    expect(await manager.refresh('at-1')).toBeUndefined();
    expect(await stored()).not.toHaveProperty('refreshToken');
  });

  it('a refresh that hangs is bounded by refreshTimeoutMs, and the lock is free again', async () => {
    const { clock, put, server, managerOf } = scene();
    await put(server.issue());
    const signals: AbortSignal[] = [];
    const manager = managerOf({
      refreshTimeoutMs: 5_000,
      refresh: (_, { signal }) => {
        signals.push(signal);
        return new Promise(() => {});
      },
    });
    const refreshing = manager.refresh('at-1');
    const refusal = expect(refreshing).rejects.toMatchObject({ code: 'timeout', retryable: true, stage: 'token' });
    await settle();
    clock.advance(5_000);
    await refusal;
    expect(signals[0]?.aborted).toBe(true);
    expect(clock.timers).toBe(0);
    expect(await managerOf().refresh('at-1')).toBe('at-2');
  });
});
