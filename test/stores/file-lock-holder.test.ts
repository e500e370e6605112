import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { type Holder, parseHolder, patienceWith, thisHolder } from '../../src/stores/file-lock-holder.js';
import {
  holderAt,
  leaveLockFile,
  lockFileOf,
  lockHolder,
  nextLine,
  quickLock,
  STALE_MS,
  touch,
  UPDATE_MS,
} from './lock-files.js';

const self = thisHolder();
const foreign: Holder = { ...self, machine: 'another machine' };
/** What was not waited for until it is stale, on a machine that is busy. */
const AT_ONCE_MS = STALE_MS / 2;
const isLinux = process.platform === 'linux';

const scratch: string[] = [];
const children: ChildProcess[] = [];
const newDirectory = async () => {
  const parent = await mkdtemp(join(tmpdir(), 'file-lock-holder-'));
  scratch.push(parent);
  return join(parent, 'sessions');
};
const holding = async (directory: string, mode?: 'stay' | 'leave') => {
  const child = await lockHolder(directory, mode);
  children.push(child);
  return child;
};
/** The process id of something that has ended. */
const gone = async () => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
};
const enter = (directory: string, timeoutMs: number, holder?: Holder) => {
  const began = Date.now();
  return quickLock(directory, holder).run('a', async () => Date.now() - began, { timeoutMs });
};

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const path of scratch) await rm(path, { recursive: true, force: true });
});

// These wait for real processes and real time to pass, so they wait together.
describe.concurrent('a holder on this machine', { timeout: 30_000 }, () => {
  it('that was killed is taken over at once', async ({ expect }) => {
    const directory = await newDirectory();
    const child = await holding(directory);
    child.kill('SIGKILL');
    expect(await enter(directory, 10_000)).toBeLessThan(AT_ONCE_MS);
  });

  it('that stands still keeps its lock, however stale, and goes on with it', async ({ expect }) => {
    const directory = await newDirectory();
    const child = await holding(directory);
    child.kill('SIGSTOP');
    await expect(enter(directory, STALE_MS + 1_000)).rejects.toMatchObject({ code: 'lock_timeout' });
    expect(Date.now() - (await stat(lockFileOf(directory))).mtimeMs).toBeGreaterThan(STALE_MS);
    child.kill('SIGCONT');
    const answer = nextLine(child);
    child.stdin?.write('?\n');
    expect(await answer).toBe('kept');
    expect(await enter(directory, 10_000)).toBeLessThan(AT_ONCE_MS);
  });

  it('F2: is not taken over while it is slow', async ({ expect }) => {
    const directory = await newDirectory();
    await quickLock(directory).run('a', async (lease) => {
      await expect(enter(directory, STALE_MS + 1_000)).rejects.toMatchObject({ code: 'lock_timeout' });
      expect(lease.signal.aborted).toBe(false);
    });
  });

  it.runIf(isLinux)('whose process id is another process by now is taken over at once', async ({ expect }) => {
    const directory = await newDirectory();
    await leaveLockFile(lockFileOf(directory), { ...self, started: '1' }, 0);
    expect(await enter(directory, 10_000)).toBeLessThan(AT_ONCE_MS);
  });

  it.runIf(isLinux)('whose parent has not noticed its end is taken over at once', async ({ expect }) => {
    const directory = await newDirectory();
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(parent);
    const pid = Number(await nextLine(parent));
    const state = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.[0];
    await expect.poll(state).toBe('Z');
    await leaveLockFile(lockFileOf(directory), holderAt(pid, self.machine), 0);
    expect(await enter(directory, 10_000)).toBeLessThan(AT_ONCE_MS);
  });

  it.runIf(isLinux)('whose thread alone is gone is judged by its silence', async ({ expect }) => {
    expect(self.thread).toBe(self.pid);
    expect(await patienceWith(self, self, STALE_MS)).toBe(Number.POSITIVE_INFINITY);
    expect(await patienceWith({ ...self, thread: 2 ** 30 }, self, STALE_MS)).toBe(10 * 60_000);
  });

  it('that does not say when it started is taken over at once where its process is gone', async ({ expect }) => {
    const [directory, elsewhere] = [await newDirectory(), thisHolder('darwin')];
    await leaveLockFile(lockFileOf(directory), { ...elsewhere, pid: await gone() }, 0);
    expect(await enter(directory, 10_000, elsewhere)).toBeLessThan(AT_ONCE_MS);
  });

  it('that does not say when it started is taken over after ten minutes of silence, not before', async ({ expect }) => {
    const [directory, elsewhere] = [await newDirectory(), thisHolder('darwin')];
    await leaveLockFile(lockFileOf(directory), elsewhere, 9 * 60_000);
    await expect(enter(directory, STALE_MS + 1_000, elsewhere)).rejects.toMatchObject({ code: 'lock_timeout' });
    await touch(lockFileOf(directory), 10 * 60_000);
    expect(await enter(directory, 10_000, elsewhere)).toBeGreaterThan(UPDATE_MS);
  });
});

describe.concurrent('a holder elsewhere, or one that cannot be told', { timeout: 30_000 }, () => {
  it.each([
    ['on another machine', foreign],
    ['that has not written its name yet', undefined],
  ])('%s is taken over when it is stale and stays so, not before', async (_, holder) => {
    const [fresh, stale] = [await newDirectory(), await newDirectory()];
    await leaveLockFile(lockFileOf(fresh), holder, 0);
    await leaveLockFile(lockFileOf(stale), holder, 60_000);
    const [ofFresh, ofStale] = await Promise.all([enter(fresh, 10_000), enter(stale, 10_000)]);
    if (ofFresh < STALE_MS - 100) throw new Error(`taken over after ${ofFresh} ms, while it may live`);
    if (ofStale < UPDATE_MS || ofStale >= ofFresh) throw new Error(`taken over after ${ofStale} ms`);
  });

  it('keeps its lock as long as it keeps the file fresh, whatever its clock says', async ({ expect }) => {
    const directory = await newDirectory();
    await leaveLockFile(lockFileOf(directory), foreign, 3_600_000);
    const beats = setInterval(() => void touch(lockFileOf(directory), 3_600_000), UPDATE_MS);
    try {
      await expect(enter(directory, STALE_MS + 1_000)).rejects.toMatchObject({ code: 'lock_timeout' });
    } finally {
      clearInterval(beats);
    }
  });

  it('is taken over where its file is from the future, since a clock was set back', async ({ expect }) => {
    const directory = await newDirectory();
    await leaveLockFile(lockFileOf(directory), foreign, -3_600_000);
    expect(await enter(directory, 10_000)).toBeLessThan(AT_ONCE_MS);
  });

  it('that is late after the machine slept keeps its lock', async ({ expect }) => {
    const directory = await newDirectory();
    await leaveLockFile(lockFileOf(directory), foreign, 60_000);
    setTimeout(() => void touch(lockFileOf(directory), 0), UPDATE_MS * 0.8);
    await expect(enter(directory, STALE_MS * 0.9)).rejects.toMatchObject({ code: 'lock_timeout' });
  });

  it.each([
    '',
    '{"machine":"m"',
    'null',
    '{"machine":"m","pid":0}',
    '{"machine":"m","pid":-1}',
    '{"machine":"m","pid":"1"}',
  ])('nobody is named by %j', async (text) => {
    if (parseHolder(text) !== undefined) throw new Error('a holder was read');
    if ((await patienceWith(parseHolder(text), self, STALE_MS)) !== STALE_MS) throw new Error('judged by more');
  });
});

describe.concurrent('the takeover', { timeout: 30_000 }, () => {
  it('of many that find the same dead holder, one at a time gets in', async ({ expect }) => {
    const left: [Holder | undefined, number][] = [
      [{ ...self, started: '1', thread: self.pid }, 0],
      [undefined, 60_000],
    ];
    for (const [holder, ageMs] of left) {
      const directory = await newDirectory();
      await leaveLockFile(lockFileOf(directory), holder, ageMs);
      let inside = 0;
      let most = 0;
      const lost: boolean[] = [];
      const goIn = () =>
        quickLock(directory).run('a', async ({ signal }) => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside--;
          lost.push(signal.aborted);
        });
      await Promise.all(Array.from({ length: 12 }, goIn));
      expect([most, lost.some(Boolean), lost.length]).toEqual([1, false, 12]);
      expect((await readdir(directory)).filter((name) => name.includes('.lock'))).toEqual([]);
    }
  });

  it('is finished by the next one where the taker itself was killed at it', async ({ expect }) => {
    const dead: Holder = { ...self, pid: await gone() };
    const directory = await newDirectory();
    const path = lockFileOf(directory);
    for (const name of [path, `${path}.takeover`, `${path}.takeover.takeover`]) await leaveLockFile(name, dead, 0);
    expect(await enter(directory, 10_000)).toBeLessThan(AT_ONCE_MS);
    expect(await readdir(directory)).toEqual([]);
  });

  it('waits for a taker that lives, even if it stands still', async ({ expect }) => {
    const directory = await newDirectory();
    const path = lockFileOf(directory);
    await leaveLockFile(path, { ...self, pid: await gone() }, 60_000);
    await leaveLockFile(`${path}.takeover`, self, 60_000);
    await expect(enter(directory, STALE_MS)).rejects.toMatchObject({ code: 'lock_timeout' });
    expect((await readdir(directory)).sort()).toEqual([basename(path), basename(`${path}.takeover`)]);
  });
});

describe.concurrent('a lock that is held', { timeout: 30_000 }, () => {
  it.each([
    ['removed', (path: string) => unlink(path)],
    ["replaced by another holder's", (path: string) => unlink(path).then(() => writeFile(path, '{}'))],
  ])('aborts the work it guards when its file is %s', async (_, change) => {
    const directory = await newDirectory();
    const reason = await quickLock(directory).run('a', async ({ signal }) => {
      await change(lockFileOf(directory));
      await once(signal, 'abort');
      return signal.reason;
    });
    if (reason.code !== 'lease_lost') throw new Error(`aborted with ${reason.code}`);
  });

  it('names its holder in a file that only the user can read', async ({ expect }) => {
    const directory = await newDirectory();
    const path = lockFileOf(directory);
    await quickLock(directory).run('a', async () => {
      expect(parseHolder(await readFile(path, 'utf8'))).toEqual(self);
      if (process.platform !== 'win32') expect((await stat(path)).mode & 0o777).toBe(0o600);
    });
  });

  it('is no reason for a process to stay that has nothing else to do', async ({ expect }) => {
    const child = await holding(await newDirectory(), 'leave');
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
});
