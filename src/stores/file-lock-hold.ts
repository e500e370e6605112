import { type FileHandle, open, stat } from 'node:fs/promises';
import { removeFile } from './file-access.js';
import { systemCode } from './file-error.js';
import { leaseLost } from './keyed-mutex.js';

/** A lock file that this process holds. */
export interface Hold {
  /** Aborts with `lease_lost` when the lock file turns out to be gone or another holder's. */
  readonly signal: AbortSignal;
  /** Looks at the lock file itself: a process that stood still for long may have lost it without knowing yet. */
  check(): Promise<boolean>;
  /** Never throws. Removes the lock file, unless it is another holder's by now. */
  release(): Promise<void>;
}

/**
 * Takes the lock file where it is free, and keeps it fresh every `updateMs` until it is released.
 *
 * Written here and not taken from a package: those that are known clean up on exit by handlers for the process's signals,
 * and that ends an application whose own handler is still at work. A lock that is left behind goes stale instead.
 *
 * @returns `undefined` where it is held, however old it is
 */
export async function tryHold(path: string, updateMs: number): Promise<Hold | undefined> {
  const file = await create(path);
  if (file === undefined) return undefined;
  // While it is open no other file can have its inode, so that tells whether the lock file is still this one.
  const { ino } = await file.stat({ bigint: true });
  const lost = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let released = false;

  const isOurs = async () => (await inodeAt(path)) === ino;
  const check = async () => {
    if (!lost.signal.aborted && !(await isOurs())) lost.abort(leaseLost());
    return !lost.signal.aborted;
  };
  const keepFresh = () => {
    timer = setTimeout(async () => {
      try {
        const now = new Date();
        if (await check()) await file.utimes(now, now);
      } catch {
        // The disk does not answer as it should; the next beat, or the check before a write, will tell.
      }
      if (!released && !lost.signal.aborted) keepFresh();
    }, updateMs);
    // A lock that is held is no reason for the process to stay.
    timer.unref();
  };
  keepFresh();

  return {
    signal: lost.signal,
    check,
    async release() {
      released = true;
      clearTimeout(timer);
      try {
        if (await isOurs()) await removeFile(path);
      } catch {
        // Nobody keeps it fresh any more, so the next one takes it over.
      } finally {
        await file.close().catch(() => undefined);
      }
    },
  };
}

/** When the file was modified, in ms since the epoch; `undefined` where there is none. */
export async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function create(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

async function inodeAt(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
