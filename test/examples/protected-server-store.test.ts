import { describe, expect, it } from 'vitest';
import {
  createMemoryStore,
  createRedisStore,
  type RedisClient,
} from '../../examples/protected-server/expiring-store.js';
import { createProviderStorage } from '../../examples/protected-server/provider-storage.js';
import { createSwitches } from '../../examples/protected-server/switches.js';

const DAY = 86_400;

function redis(now: () => number): RedisClient & { readonly lifetimes: Map<string, number> } {
  const memory = createMemoryStore(now);
  const lifetimes = new Map<string, number>();
  const sets = new Map<string, Set<string>>();
  return {
    lifetimes,
    get: async (key) => (await memory.get(key)) ?? null,
    async set(key, value, { expiration, condition }) {
      if (condition === 'NX' && !(await memory.claim(key, expiration.value))) return null;
      lifetimes.set(key, expiration.value);
      await memory.set(key, value, expiration.value);
      return 'OK';
    },
    del: (key) => memory.delete(key),
    sAdd: async (key, member) => void sets.set(key, (sets.get(key) ?? new Set()).add(member)),
    async expire(key, seconds) {
      lifetimes.set(key, seconds);
      await memory.set(`set ${key}`, '', seconds);
    },
    sMembers: async (key) => ((await memory.get(`set ${key}`)) === undefined ? [] : [...(sets.get(key) ?? [])]),
    close: () => memory.close(),
  };
}

describe.each([
  ['memory', (now: () => number) => createMemoryStore(now)],
  ['Redis', (now: () => number) => createRedisStore(redis(now))],
])('what is kept in %s', (_, open) => {
  it('is kept for its time and no longer, and is claimed once', async () => {
    let now = 0;
    const store = open(() => now);
    await store.set('a', '1', 10);
    await store.add('set', 'x', 10);
    await store.add('set', 'y', 10);
    expect(await Promise.all([store.claim('c', 10), store.claim('c', 10)])).toEqual([true, false]);
    now = 9_999;
    expect([await store.get('a'), await store.members('set'), await store.claim('c', 10)]).toEqual([
      '1',
      ['x', 'y'],
      false,
    ]);
    now = 10_000;
    expect([await store.get('a'), await store.members('set'), await store.claim('c', 10)]).toEqual([
      undefined,
      [],
      true,
    ]);
    await store.set('b', '2', 10);
    await store.delete('b');
    expect(await store.get('b')).toBeUndefined();
  });

  it('belongs to the authorization server: a code and a refresh token are used once, registrations stay for 30 days', async () => {
    let now = Date.now();
    const switches = createSwitches();
    const model = createProviderStorage(
      open(() => now),
      switches,
    );
    const code = model('AuthorizationCode');
    const exp = Math.floor(now / 1_000) + 60;
    await code.upsert('c', { grantId: 'g', exp }, 60);
    await code.consume('c');
    await expect(code.consume('c')).rejects.toMatchObject({ error: 'invalid_grant' });
    now += 599_000;
    expect(await code.find('c')).toMatchObject({ consumed: expect.any(Number) });
    now += 1_000;
    expect(await code.find('c')).toBeUndefined();

    await model('Client').upsert('id', { client_name: 'x', scope: 'mcp:read' });
    now += 30 * DAY * 1_000 - 1;
    expect(await model('Client').find('id')).toEqual({ client_name: 'x' });
    now += 1;
    expect(await model('Client').find('id')).toBeUndefined();
  });

  it('is found by its other names, and ends with its grant', async () => {
    const model = createProviderStorage(open(Date.now), createSwitches());
    await model('Session').upsert('s', { uid: 'u' }, 60);
    await model('DeviceCode').upsert('d', { userCode: 'ABCD', grantId: 'g' }, 60);
    await model('AccessToken').upsert('t', { grantId: 'g' }, 60);
    await model('AccessToken').upsert('other', { grantId: 'h' }, 60);
    expect(await model('Session').findByUid('u')).toEqual({ uid: 'u' });
    expect(await model('DeviceCode').findByUserCode('ABCD')).toMatchObject({ grantId: 'g' });
    await model('AccessToken').revokeByGrantId('g');
    expect(await model('DeviceCode').findByUserCode('ABCD')).toBeUndefined();
    expect([await model('AccessToken').find('t'), await model('AccessToken').find('other')]).toEqual([
      undefined,
      { grantId: 'h' },
    ]);
  });
});
