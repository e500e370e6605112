import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.js';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileLock } from '../../src/stores/file-lock.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import type { Lease } from '../../src/stores/token-store.js';
import { ManualClock } from './manual-clock.js';

/** The error that creating a lock file meets. */
const failing = vi.hoisted(() => ({ create: undefined as string | undefined }));

/** Runs before a file is looked at. */
const looking = vi.hoisted(() => new Set<(path: string) => Promise<void>>());

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const stat = async (path: string, options?: { bigint?: boolean }) => {
    for (const hook of looking) await hook(path);
    return real.stat(path, options);
  };
  const open = async (path: string, ...rest: [string, number?]) => {
    if (failing.create === undefined || !path.endsWith('.lock')) return real.open(path, ...rest);
    throw Object.assign(new Error(`${failing.create}: simulated`), { code: failing.create });
  };
  return { ...real, open, stat };
});

const HOLD_LOCK = fileURLToPath(new URL('./hold-lock.ts', import.meta.url));
const STALE_MS = 2_000;

const scratch: string[] = [];
const newDirectory = async () => {
  const parent = await mkdtemp(join(tmpdir(), 'file-lock-'));
  scratch.push(parent);
  return join(parent, 'sessions');
};
const quickLock = (directory: string) =>
  new FileLock({ directory, clock: systemClock, staleMs: STALE_MS, updateMs: 1_000 });
const lockFileOf = (directory: string, key = 'a') => join(directory, `${entryName(key)}.lock`);
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
const seconds = (ms: number) => (Date.now() + ms) / 1_000;

/** A lock file that a process left behind. */
async function leaveLockFile(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(lockFileOf(directory), '', { mode: 0o600 });
  await utimes(lockFileOf(directory), seconds(-60_000), seconds(-60_000));
}

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
    [one, two] = [new FileTokenStore({ directory }), new FileTokenStore({ directory })];
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
    const waiter = new FileTokenStore({ directory, clock });
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
    const waiter = new FileTokenStore({ directory, clock });
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
    [one, two] = [new FileTokenStore({ directory }), new FileTokenStore({ directory })];
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

// These wait for real time to pass, so they wait together.
describe.concurrent('the life of a lock file', () => {
  it('aborts the work it guards when the lock file is gone, without a write', async ({ expect }) => {
    const directory = await newDirectory();
    const reason = await quickLock(directory).run('a', async ({ signal }) => {
      await unlink(lockFileOf(directory));
      await once(signal, 'abort');
      return signal.reason;
    });
    expect(reason).toMatchObject({ code: 'lease_lost' });
  });

  it('F2: a holder that lives is not taken over, however slow it is', async ({ expect }) => {
    const directory = await newDirectory();
    await quickLock(directory).run('a', async (lease) => {
      const waiting = quickLock(directory).run('a', async () => 'never', { timeoutMs: STALE_MS + 1_800 });
      await expect(waiting).rejects.toMatchObject({ code: 'lock_timeout' });
      expect(lease.signal.aborted).toBe(false);
    });
  });

  it('a holder that was killed is taken over in bounded time, and not before it is stale', async ({ expect }) => {
    const directory = await newDirectory();
    const child = await holder(directory);
    const killed = Date.now();
    child.kill('SIGKILL');
    const took = await quickLock(directory).run('a', async () => Date.now() - killed, { timeoutMs: 10_000 });
    expect(took).toBeGreaterThan(STALE_MS - 1_000);
    expect(took).toBeLessThan(STALE_MS + 1_000 + 1_000);
  });

  it('is no reason for a process to stay that has nothing else to do', async ({ expect }) => {
    const directory = await newDirectory();
    const child = await holder(directory, 'leave');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });

  it('leaves the signals of the process to the application', async ({ expect }) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit'] as const;
    const before = signals.map((name) => process.listenerCount(name));
    const during = await quickLock(await newDirectory()).run('a', async () =>
      signals.map((name) => process.listenerCount(name)),
    );
    expect(during).toEqual(before);
  });

  it('of many that find the same stale lock file, one at a time gets in', async ({ expect }) => {
    const directory = await newDirectory();
    await leaveLockFile(directory);
    let inside = 0;
    let most = 0;
    const lost: boolean[] = [];
    const enter = () =>
      quickLock(directory).run('a', async ({ signal }) => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside--;
        lost.push(signal.aborted);
      });
    await Promise.all(Array.from({ length: 12 }, enter));
    expect(most).toBe(1);
    expect(lost).toEqual(Array.from({ length: 12 }, () => false));
    expect((await readdir(directory)).filter((name) => name.includes('.lock'))).toEqual([]);
  });

  it('a holder that is late after the machine slept keeps its lock', async ({ expect }) => {
    const directory = await newDirectory();
    await leaveLockFile(directory);
    const waiting = quickLock(directory).run('a', async () => 'never', { timeoutMs: 1_700 });
    setTimeout(() => void utimes(lockFileOf(directory), seconds(0), seconds(0)), 500);
    await expect(waiting).rejects.toMatchObject({ code: 'lock_timeout' });
    expect(await isThere(lockFileOf(directory))).toBe(true);
  });

  it('a waiter that is overtaken on its way to a stale lock file leaves the new one alone', async ({ expect }) => {
    const directory = await newDirectory();
    const path = lockFileOf(directory);
    await leaveLockFile(directory);
    const overtake = async (looked: string) => {
      if (looked !== path || !(await readdir(directory)).includes(basename(`${path}.takeover`))) return;
      looking.delete(overtake);
      await unlink(path);
      await writeFile(path, '');
    };
    looking.add(overtake);
    const waiting = quickLock(directory).run('a', async () => 'never', { timeoutMs: 1_700 });
    await expect(waiting).rejects.toMatchObject({ code: 'lock_timeout' });
    expect([looking.has(overtake), await readdir(directory)]).toEqual([false, [basename(path)]]);
  });
});

/** A process that holds the lock. */
async function holder(directory: string, mode = 'stay'): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLD_LOCK, directory, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}
