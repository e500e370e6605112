import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import type { Lease } from '../../src/stores/token-store.js';
import { ManualClock } from '../support/clock.js';
import { type Items, KeytarStandIn } from './keychain-stand-in.js';

/** On Windows; the limit is one of configuration, so that it is tested everywhere. */
const WINDOWS = 2_560;
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

describe('KeychainTokenStore: values larger than an entry (F33)', () => {
  it.each([
    ['ASCII', 'x'.repeat(20_000)],
    ['text that UTF-8 makes longer than UTF-16', '漢字'.repeat(5_000)],
    ['surrogate pairs', '🔑'.repeat(5_000)],
  ])('F33 keeps %s in parts of which none is over the limit in UTF-16 or UTF-8', async (_, value) => {
    const store = open(WINDOWS);
    await store.set('k', value);
    expect(keytar.items.size).toBeGreaterThan(10);
    for (const item of keytar.items.values()) {
      expect(item.length * 2).toBeLessThanOrEqual(WINDOWS);
      expect(new TextEncoder().encode(item).length).toBeLessThanOrEqual(WINDOWS);
    }
    expect(await open(WINDOWS).get('k')).toBe(value);
  });

  it('F33 has names of bounded length for any key, and keeps neither key nor value in them', async () => {
    await open(SMALL).set('https://secret.example/'.repeat(500), 'v'.repeat(5_000));
    for (const account of keytar.items.keys()) expect(account).toMatch(/^[0-9a-f]{64}(\.[ab]\.\d+)?$/);
  });

  it('F33 reads what was written with another limit', async () => {
    const value = text('v', 9_000);
    await open(SMALL).set('k', value);
    expect(await open().get('k')).toBe(value);
    await open().set('k', 'short');
    await open(WINDOWS).set('k', value);
    expect(await open(SMALL).get('k')).toBe(value);
    await open(SMALL).delete('k');
    expect(keytar.items.size).toBe(0);
  });

  it.each([0, 511, Number.NaN])('refuses a limit in which no head fits: %d', (maxEntryBytes) => {
    expect(() => open(maxEntryBytes)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });
});

describe('KeychainTokenStore: updates in place (F35)', () => {
  it('F35 a refresh changes the one item, and makes or removes none', async () => {
    const store = open();
    await store.set('k', text('1', 3_000));
    keytar.calls.length = 0;
    await store.set('k', text('2', 3_000));
    expect(keytar.writes).toEqual([`set ${nameOf('k')}`]);
    expect(keytar.calls).toHaveLength(2);
    expect(keytar.items.size).toBe(1);
  });

  it('F35 parts of former values do not pile up', async () => {
    const store = open(SMALL);
    for (const length of [2_000, 900, 5_000, 1_500, 2_000]) {
      await store.set('k', text(String(length), length));
      const parts = keytar.items.size - 1;
      expect(parts).toBe(Math.ceil(JSON.stringify({ v: 1, key: 'k', value: 'x'.repeat(length) }).length / (SMALL / 2)));
    }
    await store.set('k', 'short');
    expect([...keytar.items.keys()]).toEqual([nameOf('k')]);
    expect([...keytar.items.values()][0]).not.toContain('leftovers');
  });
});

describe('KeychainTokenStore: a process that dies', () => {
  const LENGTHS = { nothing: undefined, short: 10, two: 400, three: 600, many: 1_500 };
  type Shape = keyof typeof LENGTHS;
  const valueAs = (shape: Shape, seed: string) => {
    const length = LENGTHS[shape];
    return length === undefined ? undefined : text(seed, length);
  };
  /** The store of a process that dies after so many writes and removals. */
  const dying = (items: Items, writes: number) => {
    const on = new KeytarStandIn(items);
    on.diesAfter = writes;
    return open(SMALL, on);
  };
  const SHAPES = Object.keys(LENGTHS) as Shape[];
  const cases = SHAPES.flatMap((from) => SHAPES.map((to) => ({ from, to })));

  it.each(
    cases,
  )('F33 killed after any write from $from to $to: the former value or the new one, and nothing left behind', async ({
    from,
    to,
  }) => {
    const former = valueAs(from, 'former');
    const next = valueAs(to, 'next');
    const outcomes = new Set<string | undefined>();
    for (let writes = 0; ; writes++) {
      const on = new KeytarStandIn();
      if (former !== undefined) await open(SMALL, on).set('k', former);
      on.diesAfter = writes;
      const store = open(SMALL, on);
      const work = next === undefined ? store.delete('k') : store.set('k', next);
      await work.catch(() => undefined);
      const finished = on.diesAfter > 0;

      const survivor = open(SMALL, new KeytarStandIn(on.items));
      const value = await survivor.get('k');
      expect([former, next]).toContain(value);
      outcomes.add(value);
      // On a copy: to list also clears away, which the next write has to do by itself.
      const copy = open(SMALL, new KeytarStandIn(new Map(on.items)));
      expect(await copy.list('')).toEqual(value === undefined ? [] : ['k']);
      await survivor.set('k', 'short');
      expect([...on.items.keys()]).toEqual([nameOf('k')]);
      await survivor.delete('k');
      expect(on.items.size).toBe(0);
      if (finished) break;
      expect(writes).toBeLessThan(50);
    }
    // The kills did fall on both sides of the change.
    expect(outcomes).toEqual(new Set([former, next]));
  });

  it.each(
    SHAPES,
  )('F33 what two kills in a row leave behind is gone after the next write (first value: %s)', async (from) => {
    for (let first = 1; first < 8; first++) {
      for (let second = 1; second < 8; second++) {
        const { items } = keytar;
        items.clear();
        const former = valueAs(from, 'former');
        if (former !== undefined) await open(SMALL).set('k', former);
        await dying(items, first)
          .set('k', text('second', 1_500))
          .catch(() => undefined);
        await dying(items, second)
          .set('k', text('third', 600))
          .catch(() => undefined);
        const on = new KeytarStandIn(items);
        const value = await open(SMALL, on).get('k');
        expect([former, text('second', 1_500), text('third', 600)]).toContain(value);
        await open(SMALL, on).set('k', text('last', 400));
        expect(await open(SMALL, on).get('k')).toBe(text('last', 400));
        expect(on.items.size).toBe(3);
      }
    }
  });

  it('what a dead process left of a key that nobody uses any more goes with the next list', async () => {
    const { items } = keytar;
    await dying(items, 3)
      .set('gone', text('v', 2_000))
      .catch(() => undefined);
    items.set(`${nameOf('headless')}.b.7`, 'a part without a head');
    items.set('of another program', 'kept');
    await open(SMALL).set('k', text('v', 2_000));
    expect(await open(SMALL).list('')).toEqual(['k']);
    expect([...items.keys()].filter((account) => !account.startsWith(nameOf('k')))).toEqual(['of another program']);
    expect(await open(SMALL).get('k')).toBe(text('v', 2_000));
  });
});

describe('KeychainTokenStore: several processes at once', () => {
  /** With a store object, a keychain's connection and a clock of its own. */
  const another = () =>
    new KeychainTokenStore({ keytar: new KeytarStandIn(keytar.items), lockDirectory, maxEntryBytes: SMALL });

  it('a reader between the writes of another sees the former value or the new one, never an error', async () => {
    const values = [600, 1_500, 20, 900].map((length, index) => text(`v${index}`, length));
    const writer = another();
    await writer.set('k', values[0] as string);
    let done = false;
    const reads = [0, 0];
    const reading = reads.map(async (_, own) => {
      const reader = another();
      while (!done) {
        expect(values).toContain(await reader.get('k'));
        expect(await reader.list('')).toEqual(['k']);
        reads[own] = (reads[own] ?? 0) + 1;
      }
    });
    const enough = () => Math.min(...reads) > 10;
    for (let n = 0; n < 40 || (n < 1_000 && !enough()); n++) {
      await writer.set('k', values[n % values.length] as string);
    }
    done = true;
    await Promise.all(reading);
    expect(enough()).toBe(true);
  });

  it('a reader whom both slots are changed under, back to the same head, still gets a whole value', async () => {
    const value = text('v', 900);
    const other = another();
    await open(SMALL).set('k', value);
    let disturbed = 0;
    keytar.before = async (call, account) => {
      if (call !== 'get' || !account.endsWith('.a.1') || disturbed++ > 2) return;
      await other.set('k', text('other', 900));
      await other.set('k', value);
      keytar.items.delete(`${nameOf('k')}.none`);
    };
    expect(await open(SMALL).get('k')).toBe(value);
  });

  it('writers of one key without a lock do not mix their parts', async () => {
    const stores = Array.from({ length: 4 }, () => another());
    const values = stores.map((_, index) => text(`v${index}`, 900 + 300 * index));
    await Promise.all(stores.map((store, index) => store.set('k', values[index] as string)));
    expect(values).toContain(await open(SMALL).get('k'));
    await open(SMALL).delete('k');
    expect(keytar.items.size).toBe(0);
  });

  it('a lock that is lost between two writes stops the writer, and the former value stays', async () => {
    const store = open(SMALL);
    await store.set('k', text('former', 900));
    const outcome = await store.lock('k', async (lease: Lease) => {
      keytar.before = async (call, account) => {
        if (call !== 'set' || !account.endsWith('.b.2')) return;
        keytar.before = () => undefined;
        await rm(join(lockDirectory, `${nameOf('k')}.lock`));
      };
      return caught(store.set('k', text('next', 900), { lease }));
    });
    expect(outcome).toMatchObject({ code: 'lease_lost' });
    expect(await store.get('k')).toBe(text('former', 900));
    await store.set('k', text('next', 900));
    expect(keytar.items.size).toBe(5);
  });

  it('tells those who watch the key in this process, through whichever object', async () => {
    let changes = 0;
    const stop = open().watch('k', () => changes++);
    await open().set('k', '1');
    await open().set('other', '1');
    await open().delete('k');
    expect(changes).toBe(2);
    stop();
    await open().set('k', '2');
    expect(changes).toBe(2);
  });
});
