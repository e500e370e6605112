import { mkdir, type NoParamCallback, rmdir, rmdirSync, stat, utimes } from 'node:fs';
import { stat as statOf } from 'node:fs/promises';
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
 * The lock file's modification time is the holder's mark: only the holder sets it.
 * @returns `undefined` where it is held, however old it is
 */
export async function tryHold(path: string, updateMs: number): Promise<Hold | undefined> {
  // On demand: the package hooks the process's exit when it is loaded.
  const { lock } = await import('proper-lockfile');
  const lost = new AbortController();
  const lose = () => lost.abort(leaseLost());
  let marks: readonly number[] = [];
  let held = false;
  let released = false;
  // The package would go on with what it has begun, after the release, on a lock file that may be another holder's.
  const fs = {
    mkdir,
    rmdir,
    stat,
    utimes: (target: string, accessed: Date, modified: Date, callback: NoParamCallback) => {
      if (released) return callback(Object.assign(new Error('The lock was released.'), { code: 'ENOENT' }));
      // The package begins with a whole second, to learn how precise times are here; two holders could have the same one.
      const mark = held ? modified : new Date();
      marks = [...marks.slice(-1), mark.getTime()];
      utimes(target, accessed, mark, callback);
    },
    rmdirSync: (target: string) => {
      if (!released) rmdirSync(target);
    },
  };
  let unlock: () => Promise<void>;
  try {
    // The package keeps its books by the first name, which must be another one for each holder in the process. It never
    // takes over by itself: of two that find the same lock file stale, the later one would remove the earlier one's new one.
    unlock = await lock(`${path}#${crypto.randomUUID()}`, {
      lockfilePath: path,
      realpath: false,
      stale: Number.POSITIVE_INFINITY,
      update: updateMs,
      onCompromised: lose,
      fs,
    });
  } catch (error) {
    if (systemCode(error) === 'ELOCKED') return undefined;
    throw error;
  }
  held = true;
  const isOurs = async () => {
    const mark = await modifiedAt(path);
    return mark !== undefined && marks.includes(mark);
  };
  try {
    const mark = await modifiedAt(path);
    if (mark !== undefined) marks = [mark];
  } catch (error) {
    await unlock().catch(() => {});
    throw error;
  }
  return {
    signal: lost.signal,
    async check() {
      if (!lost.signal.aborted && !(await isOurs())) lose();
      return !lost.signal.aborted;
    },
    async release() {
      try {
        if (await isOurs()) await unlock();
      } catch {
        // Nobody keeps it fresh any more, so the next one takes it over.
      } finally {
        released = true;
      }
    },
  };
}

/** When the file was modified, in ms since the epoch; `undefined` where there is none. */
export async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    return (await statOf(path)).mtime.getTime();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
