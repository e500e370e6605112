import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import { ManualClock } from '../support/clock.js';
import { KeytarStandIn } from './keychain-stand-in.js';

const SMALL = 512;

let lockDirectory: string;
let keytar: KeytarStandIn;
let clock: ManualClock;
beforeEach(async () => {
  lockDirectory = await mkdtemp(join(tmpdir(), 'keychain-store-'));
  keytar = new KeytarStandIn();
  clock = new ManualClock();
});
afterEach(() => rm(lockDirectory, { recursive: true, force: true }));

const open = (maxEntryBytes?: number, on = keytar) =>
  new KeychainTokenStore({ keytar: on, lockDirectory, clock, ...(maxEntryBytes !== undefined && { maxEntryBytes }) });

const nameOf = (key: string) => createHash('sha256').update(key).digest('hex');
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
/** Text that differs everywhere, so that mixed parts cannot pass for another text. */
const text = (seed: string, length: number) => {
  let all = '';
  for (let n = 0; all.length < length; n++) all += createHash('sha256').update(`${seed}${n}`).digest('hex');
  return all.slice(0, length);
};

describe('KeychainTokenStore: what it did not write', () => {
  const CORRUPT = `${nameOf('k')}.corrupt-1`;
  const readers = {
    get: (store: KeychainTokenStore) => store.get('k'),
    set: (store: KeychainTokenStore) => store.set('k', 'new'),
    list: (store: KeychainTokenStore) => store.list(''),
  };

  it.each([
    ['not JSON', 'not JSON'],
    ['cut off', '{"v":1,"key":"k","val'],
    ['of another program', '{"access_token":"s3cr3t"}'],
    ["another key's", '{"v":1,"key":"other","value":"s3cr3t"}'],
    ['with parts that make no sense', '{"v":1,"parts":{"slot":"c","count":-1}}'],
    ['empty', ''],
  ])('an item that is %s is reported once, set aside and never lost', async (_, content) => {
    for (const [name, use] of Object.entries(readers)) {
      keytar.items.clear();
      keytar.items.set(nameOf('k'), content);
      const error = await caught(use(open()));
      expect(error, name).toMatchObject({ code: 'store_unreadable', stage: 'store' });
      expect(String(error)).toContain(CORRUPT);
      expect(inspect(error)).not.toContain('s3cr3t');
      expect([...keytar.items]).toEqual([[CORRUPT, content]]);
      expect(await open().get('k')).toBeUndefined();
      expect(await open().list('')).toEqual([]);
      await open().set('k', 'new');
      expect(await open().get('k')).toBe('new');
      expect(keytar.items.get(CORRUPT)).toBe(content);
    }
  });

  it.each([
    ['is missing', () => keytar.items.delete(`${nameOf('k')}.a.1`)],
    ['was changed', () => keytar.items.set(`${nameOf('k')}.a.1`, 'x'.repeat(256))],
    [
      'belongs to another text',
      () => keytar.items.set(`${nameOf('k')}.a.1`, keytar.items.get(`${nameOf('k')}.a.0`) ?? ''),
    ],
  ])('a value of which a part %s is reported and set aside with all its parts', async (_, damage) => {
    for (const use of Object.values(readers)) {
      keytar.items.clear();
      await open(SMALL).set('k', text('v', 900));
      damage();
      const before = [...keytar.items.values()].sort();
      expect(await caught(use(open(SMALL)))).toMatchObject({ code: 'store_unreadable' });
      expect([...keytar.items.values()].sort()).toEqual(before);
      expect([...keytar.items.keys()].every((account) => account.startsWith(CORRUPT))).toBe(true);
      await open(SMALL).set('k', 'new');
      expect(await open(SMALL).get('k')).toBe('new');
    }
  });

  it('a damaged head takes its parts aside with it', async () => {
    await open(SMALL).set('k', text('v', 900));
    keytar.items.set(nameOf('k'), 'damaged');
    const before = [...keytar.items.values()].sort();
    expect(await caught(open(SMALL).get('k'))).toMatchObject({ code: 'store_unreadable' });
    expect([...keytar.items.values()].sort()).toEqual(before);
  });

  it('gives the second damaged item another name', async () => {
    for (const content of ['first', 'second']) {
      keytar.items.set(nameOf('k'), content);
      await caught(open().get('k'));
    }
    expect([...keytar.items.values()].sort()).toEqual(['first', 'second']);
  });

  it('a damaged item that cannot be set aside stays where it is', async () => {
    keytar.items.set(nameOf('k'), 'damaged');
    keytar.before = (call) => {
      if (call === 'set') throw new Error('denied');
    };
    for (const use of Object.values(readers)) {
      expect(await caught(use(open()))).toMatchObject({
        code: 'store_unreadable',
        message: expect.stringContaining('could not be set aside'),
      });
      clock.advance(5_000);
    }
    expect([...keytar.items]).toEqual([[nameOf('k'), 'damaged']]);
  });

  it('an item of a newer version is left to that version, by get, set and list alike, until it is removed', async () => {
    const newer = '{"v":2,"key":"k","value":"of a newer version"}';
    keytar.items.set(nameOf('k'), newer);
    for (const use of Object.values(readers)) {
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(await caught(use(open()))).toMatchObject({
          code: 'store_unreadable',
          message: expect.stringContaining('newer version'),
        });
      }
    }
    expect([...keytar.items]).toEqual([[nameOf('k'), newer]]);
    await open().delete('k');
    await open().set('k', 'ours');
    expect(await open().get('k')).toBe('ours');
  });

  it('does not let one damaged item hide another from list', async () => {
    await open().set('good', 'v');
    for (const key of ['x', 'y']) keytar.items.set(nameOf(key), 'damaged');
    expect(await caught(open().list(''))).toMatchObject({ code: 'store_unreadable' });
    expect(await open().list('')).toEqual(['good']);
  });
});

describe('KeychainTokenStore: lifetimes', () => {
  it('removes a value that is over from the keychain, parts included', async () => {
    await open(SMALL).set('k', text('v', 900), { ttlMs: 1_000 });
    clock.advance(1_000);
    expect(await open(SMALL).get('k')).toBeUndefined();
    expect(keytar.items.size).toBe(0);
  });

  it('does not remove the fresh value that took the place of the one that is over', async () => {
    await open().set('k', 'fresh');
    const fresh = keytar.items.get(nameOf('k')) ?? '';
    await open().set('k', 'old', { ttlMs: 1_000 });
    clock.advance(1_000);
    let looks = 0;
    keytar.before = (call) => {
      // Between the look that finds it over and the removal.
      if (call === 'get' && ++looks === 2) keytar.items.set(nameOf('k'), fresh);
    };
    expect(await open().get('k')).toBe('fresh');
    expect(keytar.items.get(nameOf('k'))).toBe(fresh);
  });

  it('a write with a lifetime clears away what has passed, not more than every ten minutes', async () => {
    const store = open();
    for (const key of ['a', 'b', 'c']) await store.set(key, 'v', { ttlMs: 1_000 });
    clock.advance(11 * 60_000);
    await store.set('d', 'v', { ttlMs: 1_000 });
    expect([...keytar.items.keys()]).toEqual([nameOf('d')]);
    expect(keytar.calls.filter((call) => call.startsWith('find'))).toHaveLength(2);
  });

  it('a keychain that cannot be listed does not fail the write', async () => {
    keytar.before = (call) => {
      if (call === 'find') throw new Error('denied');
    };
    await open().set('k', 'v', { ttlMs: 1_000 });
    expect(await open().get('k')).toBe('v');
  });
});
