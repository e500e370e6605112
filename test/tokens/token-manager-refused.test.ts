import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { gate, HOUR, KEY, scene, settle, times } from './support.js';

const down = () => new McpOAuthError('store_failed', 'connection lost', { stage: 'store' });
const withoutRefreshToken = ({ refreshToken: _, ...tokens }: TokenSet): TokenSet => tokens;

/** A manager that has read its session, in a process that does not hear of the others. */
async function signedIn(change: (tokens: TokenSet) => TokenSet = (tokens) => tokens) {
  const shared = scene();
  await shared.put(change(shared.server.issue()));
  const manager = shared.managerOf();
  await manager.getAccessToken();
  return { ...shared, manager };
}

describe('TokenManager: a token that was refused', () => {
  it('F25: a login elsewhere is found before anything is sent, without the lock', async () => {
    const { server, store, put, manager } = await signedIn();
    await put(server.issue());
    const { promise, open } = gate();
    const holder = store.lock(KEY, () => promise);
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(server.requests).toBe(0);
    open();
    await holder;
  });

  it('F25: also where the session has no refresh token', async () => {
    const { server, put, manager, types } = await signedIn(withoutRefreshToken);
    await put(server.issue());
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(types()).toEqual(['adopted']);
  });

  it('F25: also where the lock cannot be had at all', async () => {
    const { server, store, put, manager } = await signedIn();
    await put(server.issue());
    store.failing.lock = down;
    expect(await manager.refresh('at-1')).toBe('at-2');
  });

  it('F25: a sign-out elsewhere is found, and nothing is sent', async () => {
    const { server, manager, managerOf } = await signedIn();
    await managerOf().clear();
    expect(await manager.refresh('at-1')).toBeUndefined();
    expect(server.requests).toBe(0);
  });

  it('F25: 100 refusals at once share the read', async () => {
    const { server, store, put, manager } = await signedIn();
    await put(server.issue());
    const { reads } = store;
    expect(new Set(await times(100, () => manager.refresh('at-1')))).toEqual(new Set(['at-2']));
    expect(store.reads).toBe(reads + 1);
  });

  it('F25: an expired login elsewhere is refreshed by its own refresh token', async () => {
    const { clock, server, put, manager } = await signedIn();
    await put(server.issue());
    clock.advance(HOUR);
    expect(await manager.refresh('at-1')).toBe('at-3');
    expect(server.revoked).toBe(false);
  });

  it('F25: where the store fails at that moment, the newer token in memory is given', async () => {
    const { server, store, manager } = await signedIn();
    await manager.setTokens(server.issue());
    store.failing = { get: down, set: down, lock: down };
    expect(await manager.refresh('at-1')).toBe('at-2');
  });

  it('F25: where the store fails at that moment, unwritten tokens are refreshed from memory', async () => {
    const { server, store, manager } = await signedIn();
    store.failing.set = down;
    await manager.setTokens(server.issue());
    store.failing = { get: down, set: down, lock: down };
    expect(await manager.refresh('at-2')).toBe('at-3');
    expect(server.revoked).toBe(false);
  });

  it('F25: where it fails and there is no refresh token, someone has to sign in', async () => {
    const { store, manager } = await signedIn(withoutRefreshToken);
    store.failing.get = down;
    expect(await manager.refresh('at-1')).toBeUndefined();
    expect(await manager.current()).toMatchObject({ accessToken: 'at-1' });
  });

  it('a store that fails once costs nothing: it is read again inside the lock', async () => {
    const { server, store, manager } = await signedIn();
    store.failing.get = () => {
      store.failing = {};
      return down();
    };
    expect(await manager.refresh('at-1')).toBe('at-2');
    expect(server.requests).toBe(1);
  });

  it('a refresh token that may have been rotated elsewhere is not presented unread: an error, and nothing is lost', async () => {
    const { server, store, manager, stored } = await signedIn();
    store.failing.get = down;
    await expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'store_failed' });
    expect(server.requests).toBe(0);
    store.failing = {};
    expect((await stored())?.refreshToken).toBe('rt-1');
    expect(await manager.refresh('at-1')).toBe('at-2');
  });

  it('damage that is found then is reported, and the session in memory is refreshed and written', async () => {
    const { server, store, manager, stored, types } = await signedIn();
    store.failing.get = () => {
      store.failing = {};
      return new McpOAuthError('store_unreadable', 'set aside', { stage: 'store' });
    };
    await store.delete(KEY);
    expect(await manager.refresh('at-1')).toBe('at-2');
    await settle();
    expect(types()).toEqual(['store_error', 'refreshed']);
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(server.revoked).toBe(false);
  });
});
