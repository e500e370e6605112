import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { systemCode } from '../http/index.js';
import { removeFile } from './file-access.js';
import { formatHolder, type Holder, parseHolder } from './file-lock-holder.js';
import { leaseLost } from './keyed-mutex.js';

/** No lock file comes near this, in bytes. */
const LARGEST_LOCK_FILE = 4_096;
// Windows has neither flag.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** What Windows answers about a file that was removed while another process still has it open. */
const GOING_AWAY = new Set(process.platform === 'win32' ? ['EPERM', 'EACCES', 'EBUSY'] : []);

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
 * Takes the lock file where it is free, writes into it who does, and keeps it fresh every `updateMs` until it is released.
 *
 * Written here and not taken from a package: those that are known clean up on exit by handlers for the process's signals,
 * and that ends an application whose own handler is still at work. A lock that is left behind names a process that is gone.
 *
 * @returns `undefined` where it is held, whoever holds it
 */
export async function tryHold(path: string, holder: Holder, updateMs: number): Promise<Hold | undefined> {
  const file = await create(path);
  if (file === undefined) return undefined;
  // While it is open no other file can have its inode, so that tells whether the lock file is still this one.
  const { ino } = await file.stat({ bigint: true });
  // On a full disk it holds all the same, and is judged by its age.
  await file.writeFile(formatHolder(holder)).catch(() => {});
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

/** A lock file as it was found. */
export interface FoundLock {
  /** `undefined` where it does not say, or not yet. */
  readonly holder: Holder | undefined;
  /** It is no file of this user's: no store put it there, and whoever did may not hold the lock for ever. */
  readonly isForeign: boolean;
  /** When it was last kept fresh, in ms since the epoch by its holder's clock. */
  readonly freshAt: number;
  /** Differs where the file is another one or was kept fresh since. */
  readonly state: string;
}

/** Reads a lock file, whoever holds it; `undefined` where there is none. */
export async function readLock(path: string): Promise<FoundLock | undefined> {
  const stats = await found(() => lstat(path, { bigint: true }));
  if (stats === undefined) return undefined;
  // Neither opened nor believed: a FIFO, a link to somewhere, or what another user wrote while the directory was open to them.
  if (!stats.isFile() || isOfAnother(stats.uid)) {
    return { holder: undefined, isForeign: true, freshAt: 0, state: `foreign ${stats.ino} ${stats.mtimeNs}` };
  }
  const file = await found(() => open(path, READ_FLAGS));
  if (file === undefined) return undefined;
  try {
    const { ino, mtimeNs } = await file.stat({ bigint: true });
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LARGEST_LOCK_FILE), 0, LARGEST_LOCK_FILE, 0);
    const text = buffer.toString('utf8', 0, bytesRead);
    return {
      holder: parseHolder(text),
      isForeign: false,
      freshAt: Number(mtimeNs / 1_000_000n),
      state: `${ino} ${mtimeNs} ${text}`,
    };
  } finally {
    await file.close();
  }
}

async function create(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST' || GOING_AWAY.has(code)) return undefined;
    throw error;
  }
}

function isOfAnother(uid: bigint): boolean {
  // Windows has no owners in this sense.
  const own = process.getuid?.();
  return own !== undefined && uid !== BigInt(own);
}

async function inodeAt(path: string): Promise<bigint | undefined> {
  return (await found(() => stat(path, { bigint: true })))?.ino;
}

async function found<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'ENOENT' || GOING_AWAY.has(code)) return undefined;
    throw error;
  }
}
