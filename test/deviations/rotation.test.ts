import { afterEach, describe, expect, it } from 'vitest';
import { deviations } from '../../src/testing/index.js';
import { call, closers, expectSignedOut, expectWholeLife, HOUR, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** Calls of two windows at once, ten each. */
async function callFromBoth(...[at, first, second]: Parameters<typeof twenty>): Promise<void> {
  expect(new Set(await twenty(at, first, second))).toEqual(new Set(['hi']));
}

function twenty(
  at: Awaited<ReturnType<typeof visit>>,
  first: (typeof at)['provider'],
  second: (typeof at)['provider'],
): Promise<string[]> {
  return Promise.all(Array.from({ length: 20 }, (_, turn) => call(at, turn % 2 === 0 ? first : second)));
}

describe('Atlassian', () => {
  it('F1, F2: rotates refresh tokens: two windows refresh once, by the lock', async () => {
    const at = closing(await visit({ rotation: 'strict' }));
    const other = at.another();
    await call(at, at.provider);
    for (let round = 1; round <= 3; round += 1) {
      at.clock.advance(2 * HOUR);
      await callFromBoth(at, at.provider, other);
      expect(at.server.received('token:refresh_token')).toHaveLength(round);
    }
    expect(at.server.familiesRevoked).toBe(0);
    expect(at.who.tabs).toHaveLength(1);
  });
});

describe('Notion', () => {
  it('F1, F2: ends the family of a reused refresh token: none is ever presented twice', async () => {
    const at = closing(await visit(deviations.notion));
    const other = at.another();
    await call(at, at.provider);
    at.clock.advance(2 * HOUR);
    await callFromBoth(at, at.provider, other);
    const presented = at.server
      .received('token:refresh_token')
      .map(({ parameters }) => parameters.get('refresh_token'));
    expect(presented).toHaveLength(1);
    expect(at.server.familiesRevoked).toBe(0);
  });

  it('F25: ends earlier access tokens with a refresh: another window adopts the new one at its 401', async () => {
    const at = closing(await visit(deviations.notion));
    const other = at.another();
    await call(at, at.provider);
    await call(at, other);
    // One window refreshes; the token that the other one has still looks valid to it.
    const token = await at.provider.tokens.getAccessToken();
    await at.provider.tokens.refresh(token ?? '');
    const before = at.server.received('mcp').length;
    expect(await call(at, other)).toBe('hi');
    const newest = await at.provider.tokens.getAccessToken();
    const sent = at.server.received('mcp').slice(before);
    expect(sent.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${token}`, `Bearer ${newest}`]);
    expect(at.server.received('token:refresh_token')).toHaveLength(1);
    expect(at.who.tabs).toHaveLength(1);
    await expectSignedOut(at);
  });

  it('goes on from the first request to the sign-out', async () => {
    await expectWholeLife(closing(await visit(deviations.notion)));
  });
});

describe('Linear', () => {
  const DAY = 24 * HOUR;
  it('F1, F2: has tokens of a day and rotates them: two windows refresh once a day', async () => {
    const at = closing(await visit(deviations.linear));
    const other = at.another();
    await call(at, at.provider);
    at.clock.advance(DAY - HOUR);
    await callFromBoth(at, at.provider, other);
    expect(at.server.received('token:refresh_token')).toEqual([]);
    at.clock.advance(2 * HOUR);
    await callFromBoth(at, at.provider, other);
    expect(at.server.received('token:refresh_token')).toHaveLength(1);
    expect(at.server.secondUses).toBe(0);
  });

  it('F4: takes a rotated token once more: a refresh whose answer was lost is done again, and nobody is asked', async () => {
    const at = closing(await visit(deviations.linear));
    await call(at, at.provider);
    at.clock.advance(DAY + HOUR);
    at.server.fail('token', 'lost', { times: 1 });
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.server.received('token:refresh_token')).toHaveLength(2);
    expect(at.server.secondUses).toBe(1);
    expect(at.who.tabs).toHaveLength(1);
  });

  it('goes on from the first request to the sign-out', async () => {
    const at = closing(await visit(deviations.linear));
    await expectWholeLife(at, at.provider, DAY);
  });
});
