import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/stores/token-store.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { gate, HOUR, KEY, MINUTE, scene, settle } from './support.js';

/** A refresh that does not obey its signal, and a lock that can be lost under it. */
async function losing() {
  const shared = scene();
  const { store, server, put } = shared;
  await put(server.issue());
  let holder = new AbortController();
  const lock = store.lock.bind(store);
  store.lock = <T>(key: string, fn: (lease: Lease) => Promise<T>, options?: Parameters<typeof lock>[2]) =>
    lock(
      key,
      (lease) => {
        holder = new AbortController();
        return fn({ token: lease.token, signal: holder.signal });
      },
      options,
    );
  const answer = gate();
  server.gate = answer.promise;
  return {
    ...shared,
    answer: () => {
      answer.open();
      return settle();
    },
    lose: (reason?: unknown) => {
      holder.abort(reason);
      server.gate = undefined;
      return settle();
    },
  };
}

const fromElsewhere = (issuedAt: number): TokenSet => ({
  accessToken: 'elsewhere',
  tokenType: 'bearer',
  issuedAt,
  expiresAt: issuedAt + HOUR,
  refreshToken: 'rt-elsewhere',
});

describe('TokenManager: a lock that is lost during a refresh', () => {
  it.each([
    ['with a reason of its own', new Error('taken over')],
    ['without a reason', undefined],
  ])('ends the refresh, is "try again", and clears nothing: %s', async (_, reason) => {
    const { server, managerOf, lose, stored, events } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({
      code: 'lease_lost',
      stage: 'token',
      retryable: true,
    });
    await settle();
    await lose(reason);
    await refusal;
    expect(server.signals[0]?.aborted).toBe(true);
    expect(events).toMatchObject([{ type: 'refresh_failed', final: false, error: { code: 'lease_lost' } }]);
    expect((await stored())?.refreshToken).toBe('rt-1');
  });

  it('in the background it is only an event', async () => {
    const { clock, managerOf, lose, types } = await losing();
    const manager = managerOf();
    clock.advance(HOUR - MINUTE);
    expect(await manager.getAccessToken()).toBe('at-1');
    await settle();
    await lose();
    expect(types()).toEqual(['refresh_failed']);
    expect(await manager.getAccessToken()).toBe('at-1');
  });

  it('adopts what the one who took it over has stored', async () => {
    const { clock, server, put, managerOf, lose, types } = await losing();
    const manager = managerOf();
    const refreshing = manager.refresh('at-1');
    await settle();
    await put(fromElsewhere(clock.now()));
    await lose();
    expect(await refreshing).toBe('elsewhere');
    expect(server.requests).toBe(1);
    expect(types()).toEqual(['adopted']);
  });

  it('tokens that arrive all the same are used and stored, and the rotated refresh token is not presented again', async () => {
    const { clock, server, managerOf, lose, answer, stored, types } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'lease_lost' });
    await settle();
    await lose();
    await refusal;
    await answer();
    expect(await manager.getAccessToken()).toBe('at-2');
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(types()).toEqual(['refresh_failed', 'refreshed']);
    clock.advance(HOUR);
    expect(await manager.getAccessToken()).toBe('at-3');
    expect(server.requests).toBe(2);
    expect(server.revoked).toBe(false);
  });

  it('they are kept in memory while the lock cannot be had, and written then', async () => {
    const { store, managerOf, lose, answer, stored } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'lease_lost' });
    await settle();
    await lose();
    await refusal;
    const held = gate();
    const holder = store.lock(KEY, () => held.promise);
    await answer();
    expect(await manager.getAccessToken()).toBe('at-2');
    expect((await stored())?.accessToken).toBe('at-1');
    held.open();
    await holder;
    await settle();
    expect((await stored())?.refreshToken).toBe('rt-2');
  });

  it('they give way to what someone else stored meanwhile, even where that looks older', async () => {
    const { clock, put, managerOf, lose, answer, stored } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'lease_lost' });
    await settle();
    await lose();
    await refusal;
    await put(fromElsewhere(clock.now() - MINUTE));
    await answer();
    expect(await manager.getAccessToken()).toBe('elsewhere');
    expect((await stored())?.accessToken).toBe('elsewhere');
  });

  it.each([
    ['elsewhere', true],
    ['here', false],
  ])('they do not undo a sign-out %s', async (_, elsewhere) => {
    const { managerOf, lose, answer, stored } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'lease_lost' });
    await settle();
    await lose();
    await refusal;
    await (elsewhere ? managerOf() : manager).clear();
    await answer();
    expect(await manager.getAccessToken()).toBeUndefined();
    expect(await stored()).toBeUndefined();
  });

  it('they do not take the place of a sign-in', async () => {
    const { clock, managerOf, lose, answer, stored } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'lease_lost' });
    await settle();
    await lose();
    await refusal;
    await manager.setTokens(fromElsewhere(clock.now()));
    await answer();
    expect(await manager.getAccessToken()).toBe('elsewhere');
    expect((await stored())?.accessToken).toBe('elsewhere');
  });

  it('they do not take the place of a sign-in that could not be stored', async () => {
    const { clock, store, managerOf, lose, answer } = await losing();
    const manager = managerOf();
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'lease_lost' });
    await settle();
    await lose();
    await refusal;
    store.failing.set = () => new Error('ENOSPC');
    await manager.setTokens(fromElsewhere(clock.now()));
    await answer();
    expect(await manager.getAccessToken()).toBe('elsewhere');
  });

  it('an answer that comes after refreshTimeoutMs is not lost either', async () => {
    const { clock, server, managerOf, answer, stored } = await losing();
    const manager = managerOf({ refreshTimeoutMs: 1_000 });
    const refusal = expect(manager.refresh('at-1')).rejects.toMatchObject({ code: 'timeout' });
    await settle();
    clock.advance(1_000);
    await refusal;
    await answer();
    expect(await manager.getAccessToken()).toBe('at-2');
    expect((await stored())?.refreshToken).toBe('rt-2');
    expect(server.requests).toBe(1);
  });
});
