import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/clock.js';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileLock } from '../../src/stores/file-lock.js';
import { formatHolder, type Holder } from '../../src/stores/file-lock-holder.js';

const HOLD_LOCK = fileURLToPath(new URL('./hold-lock.ts', import.meta.url));
/** The times of the locks here, in ms. */
export const STALE_MS = 3_000;
export const UPDATE_MS = 250;

export const lockFileOf = (directory: string, key = 'a') => join(directory, `${entryName(key)}.lock`);

/** A lock with short times, as in another process that has `holder` for an identity. */
export const quickLock = (directory: string, holder?: Holder) =>
  new FileLock({
    directory,
    clock: systemClock,
    staleMs: STALE_MS,
    updateMs: UPDATE_MS,
    ...(holder !== undefined && { holder }),
  });

/** A lock file that was last kept fresh `ageMs` ago. */
export async function leaveLockFile(path: string, holder: Holder | undefined, ageMs: number): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeFile(path, holder === undefined ? '' : formatHolder(holder), { mode: 0o600 });
  await touch(path, ageMs);
}

export async function touch(path: string, ageMs: number): Promise<void> {
  const at = (Date.now() - ageMs) / 1_000;
  await utimes(path, at, at);
}

/** A process that holds the lock. */
export async function lockHolder(directory: string, mode: 'stay' | 'leave' = 'stay'): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', HOLD_LOCK, directory, mode, String(STALE_MS), String(UPDATE_MS)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await nextLine(child);
  return child;
}

/** The next line that the process writes. */
export async function nextLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('The process has no stdout.');
  const [data] = await once(child.stdout, 'data');
  return String(data).trim();
}

/** The process `pid` as the holder of a lock. */
export function holderAt(pid: number, machine: string): Holder {
  const [, status = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  return { machine, pid, thread: pid, started: status.split(' ')[19] ?? '' };
}
