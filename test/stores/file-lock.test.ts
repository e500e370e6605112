import { mkdtemp, readdir, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { thisHolder } from '../../src/stores/file-lock-holder.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import type { Lease } from '../../src/stores/token-store.js';
import { ManualClock } from '../support/clock.js';
import { leaveLockFile, lockFileOf, quickLock } from './lock-files.js';

/** The error that creating a lock file, or writing to it, meets. */
const failing = vi.hoisted(() => ({ create: undefined as string | undefined, write: undefined as string | undefined }));

/** Runs before a lock file is read. */
const looking = vi.hoisted(() => new Set<(path: string) => Promise<void>>());

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const open = async (path: string, flags: string | number, mode?: number) => {
    if (flags !== 'wx') for (const hook of looking) await hook(path);
    const { create, write } = path.endsWith('.lock') && flags === 'wx' ? failing : {};
    if (create !== undefined) throw Object.assign(new Error(`${create}: simulated`), { code: create });
    const file = await real.open(path, flags, mode);
    if (write !== undefined) {
      file.writeFile = () => Promise.reject(Object.assign(new Error(`${write}: simulated`), { code: write }));
    }
    return file;
  };
  return { ...real, open };
});

const scratch: string[] = [];
const newDirectory = async () => {
  const parent = await mkdtemp(join(tmpdir(), 'file-lock-'));
  scratch.push(parent);
  return join(parent, 'sessions');
};
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** A lock that is held until `leave`. */
function held(lock: Pick<FileTokenStore, 'lock'>) {
  let leave = () => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  let enter: (lease: Lease) => void = () => {};
  const entered = new Promise<Lease>((resolve) => {
    enter = resolve;
  });
  const done = lock.lock('a', (lease) => {
    enter(lease);
    return left;
  });
  return { entered, leave: () => leave(), done };
}

const warnings: string[] = [];
const onWarning = ({ message }: Error) => void warnings.push(message);
beforeEach(() => void process.on('warning', onWarning));
afterEach(() => {
  failing.create = undefined;
  failing.write = undefined;
  process.off('warning', onWarning);
  expect(warnings.splice(0)).toEqual([]);
});
afterAll(async () => {
  for (const path of scratch.splice(0)) await rm(path, { recursive: true, force: true });
});

describe('two FileTokenStores over one directory', () => {
  let directory: string;
  let one: FileTokenStore;
  let two: FileTokenStore;
  beforeEach(async () => {
    directory = await newDirectory();
    [one, two] = [
      new FileTokenStore({ keyStorage: 'file', directory }),
      new FileTokenStore({ keyStorage: 'file', directory }),
    ];
  });

  it('F2: lets one holder in at a time, whichever object it comes by', async () => {
    let inside = 0;
    let most = 0;
    const add = (store: FileTokenStore) =>
      store.lock('a', async (lease) => {
        most = Math.max(most, ++inside);
        await store.set('a', String(Number((await store.get('a')) ?? 0) + 1), { lease });
        inside--;
      });
    await Promise.all(Array.from({ length: 20 }, (_, index) => add(index % 2 === 0 ? one : two)));
    expect([most, await one.get('a')]).toEqual([1, '20']);
  });

  it('does not let one key wait for another', async () => {
    expect(await one.lock('a', () => two.lock('b', async () => 'both'))).toBe('both');
  });

  it('gives the error of the work, and is free again after it', async () => {
    const failure = new Error('work');
    await expect(one.lock('a', () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await two.lock('a', async () => 'free')).toBe('free');
  });

  it('throws lock_timeout after timeoutMs, counted over the whole wait, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const waiter = new FileTokenStore({ keyStorage: 'file', directory, clock });
    const holder = held(one);
    await holder.entered;
    const first = expect(waiter.lock('a', async () => 1, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'lock_timeout',
      stage: 'store',
      message: expect.stringContaining('1000 ms'),
    });
    // It waits behind the other for a part of the time, and for the lock file for the rest.
    const second = expect(waiter.lock('a', async () => 2, { timeoutMs: 1_500 })).rejects.toMatchObject({
      code: 'lock_timeout',
    });
    await vi.waitFor(() => expect(clock.timers).toBe(3), { interval: 1 });
    clock.advance(1_000);
    await first;
    await vi.waitFor(() => expect(clock.timers).toBe(2), { interval: 1 });
    clock.advance(500);
    await second;
    expect(clock.timers).toBe(0);
    holder.leave();
    await holder.done;
  });

  it('throws aborted with the signal at once, and the lock stays with its holder', async () => {
    const clock = new ManualClock();
    const waiter = new FileTokenStore({ keyStorage: 'file', directory, clock });
    const holder = held(one);
    const lease = await holder.entered;
    const controller = new AbortController();
    const waiting = waiter.lock('a', async () => 'never', { signal: controller.signal });
    await vi.waitFor(() => expect(clock.timers).toBe(2), { interval: 1 });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'aborted', stage: 'store' });
    expect(clock.timers).toBe(0);
    await one.set('a', 'written', { lease });
    holder.leave();
    await holder.done;
    expect(await two.lock('a', async () => 'free')).toBe('free');
  });

  it('refuses the lease of another object', async () => {
    await one.lock('a', async (lease) => {
      await expect(two.set('a', 'v', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
    });
  });

  it('shows no lock file to get and list, and leaves none behind', async () => {
    await one.set('a', 'v');
    await one.lock('a', async () => {
      expect(await isThere(lockFileOf(directory))).toBe(true);
      await two.set('b', 'v', { ttlMs: 1_000 });
      expect([await two.get('a'), (await two.list('')).sort()]).toEqual(['v', ['a', 'b']]);
      expect(await isThere(lockFileOf(directory))).toBe(true);
    });
    expect((await readdir(directory)).filter((name) => name.includes('.lock'))).toEqual([]);
  });

  it('takes many locks at once without a warning', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    expect(await Promise.all(keys.map((key) => one.lock(key, async () => key)))).toEqual(keys);
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });

  it.each([
    'EROFS',
    'EACCES',
    'ENOSPC',
  ])('%s where the lock file would be: store_failed, and fn is not called', async (code) => {
    failing.create = code;
    const work = vi.fn(async () => 1);
    await expect(one.lock('a', work)).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(`lock the token store.*${code}`),
    });
    expect(work).not.toHaveBeenCalled();
  });
});

describe('a lock that is lost', () => {
  let directory: string;
  let one: FileTokenStore;
  let two: FileTokenStore;
  beforeEach(async () => {
    directory = await newDirectory();
    [one, two] = [
      new FileTokenStore({ keyStorage: 'file', directory }),
      new FileTokenStore({ keyStorage: 'file', directory }),
    ];
  });

  it('refuses the next write at once, with lease_lost, and ends the lease', async () => {
    await one.set('a', 'former');
    const outcome = await one.lock('a', async (lease) => {
      await unlink(lockFileOf(directory));
      await expect(one.set('a', 'late', { lease })).rejects.toMatchObject({ code: 'lease_lost', stage: 'store' });
      await expect(one.delete('a', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
      expect(lease.signal.reason).toMatchObject({ code: 'lease_lost' });
      return 'the result of the work';
    });
    expect([outcome, await one.get('a')]).toEqual(['the result of the work', 'former']);
  });

  it('does not take the lock file of the next holder along when it is released', async () => {
    const former = held(one);
    const lease = await former.entered;
    await unlink(lockFileOf(directory));
    const next = held(two);
    const nextLease = await next.entered;
    await expect(one.set('a', 'late', { lease })).rejects.toMatchObject({ code: 'lease_lost' });
    former.leave();
    await former.done;
    expect(await isThere(lockFileOf(directory))).toBe(true);
    await two.set('a', 'next', { lease: nextLease });
    next.leave();
    await next.done;
    expect([await two.get('a'), await isThere(lockFileOf(directory))]).toEqual(['next', false]);
  });
});

it('a waiter that is overtaken on its way to a dead lock file leaves the new one alone', async () => {
  const directory = await newDirectory();
  const path = lockFileOf(directory);
  const dead = { ...thisHolder(), pid: 2 ** 30 };
  await leaveLockFile(path, dead, 0);
  const overtake = async (looked: string) => {
    if (looked !== path || !(await readdir(directory)).includes(basename(`${path}.takeover`))) return;
    looking.delete(overtake);
    await unlink(path);
    await leaveLockFile(path, thisHolder(), 0);
  };
  looking.add(overtake);
  const waiting = quickLock(directory).run('a', async () => 'never', { timeoutMs: 200 });
  await expect(waiting).rejects.toMatchObject({ code: 'lock_timeout' });
  expect([looking.has(overtake), await readdir(directory)]).toEqual([false, [basename(path)]]);
});

it('on a full disk a lock holds that could not say who holds it', async () => {
  const directory = await newDirectory();
  failing.write = 'ENOSPC';
  await quickLock(directory).run('a', async ({ signal }) => {
    expect((await stat(lockFileOf(directory))).size).toBe(0);
    await expect(quickLock(directory).run('a', async () => 2, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'lock_timeout',
    });
    expect(signal.aborted).toBe(false);
  });
  failing.write = undefined;
  expect(await quickLock(directory).run('a', async () => 'free')).toBe('free');
});
