import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../http/index.js';
import { fileFailure, refused } from './file-error.js';

/** No file of the store comes near this; anything larger was not written by it. In bytes. */
export const LARGEST_FILE_BYTES = 4 * 1024 * 1024;

/** What the names of unfinished files end with. */
export const TEMPORARY_SUFFIX = '.tmp';

const GROUP_AND_OTHERS = 0o077;
// Windows has neither flag and neither modes nor owners in this sense; the profile's access lists protect the files there.
const HAS_MODES = process.platform !== 'win32';
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const DIRECTORY_ONLY = constants.O_DIRECTORY ?? 0;
const NON_BLOCKING = constants.O_NONBLOCK ?? 0;

/** Errors by which a file system says that it does not know the operation. */
const UNSUPPORTED = new Set(['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EMLINK']);

/**
 * Makes sure that `directory` is one, is ours, and is nobody else's to read; creates it where `create`.
 * @returns whether it is there
 */
export async function secureDirectory(directory: string, create: boolean): Promise<boolean> {
  if (!HAS_MODES) {
    if (create) await mkdir(directory, { recursive: true });
    return create || (await exists(directory));
  }
  let handle = await openDirectory(directory);
  if (handle === undefined) {
    if (!create) return false;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    handle = await openDirectory(directory);
    if (handle === undefined) throw refused(`The directory ${directory} disappeared.`, 'Try again.');
  }
  try {
    let stats = await handle.stat();
    if (stats.uid !== process.getuid?.()) {
      throw refused(
        `The directory ${directory} belongs to another user.`,
        'Choose one that belongs to the user of this process.',
      );
    }
    if ((stats.mode & GROUP_AND_OTHERS) === 0) return true;
    await handle.chmod(0o700);
    stats = await handle.stat();
    if ((stats.mode & GROUP_AND_OTHERS) !== 0) {
      throw refused(
        `The directory ${directory} stays open to other users.`,
        'Choose one on a file system that keeps permissions.',
      );
    }
    return true;
  } finally {
    await handle.close();
  }
}

async function openDirectory(directory: string): Promise<FileHandle | undefined> {
  try {
    return await open(directory, constants.O_RDONLY | DIRECTORY_ONLY | NO_FOLLOW);
  } catch (error) {
    if (await isSymbolicLink(directory)) {
      throw refused(`The directory ${directory} is a symbolic link.`, 'Name the directory it points to.');
    }
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A file that is open for reading, and what the system knows of it. */
export interface OpenFile {
  readonly content: Buffer;
  readonly inode: bigint;
}

/**
 * Reads a file of the store and hands it to `use` while it is open, so that its inode cannot become another file's.
 * Refuses a symbolic link, anything but a regular file, a foreign owner, and a mode that lets others in.
 * @returns `undefined` where there is no file
 */
export async function withFile<T>(path: string, use: (file: OpenFile) => Promise<T>): Promise<T | undefined> {
  let handle: FileHandle;
  try {
    // Non-blocking, so that a FIFO in the file's place cannot make the call hang.
    handle = await open(path, constants.O_RDONLY | NO_FOLLOW | NON_BLOCKING);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (await isSymbolicLink(path))
      throw refused(`The file ${path} is a symbolic link, and was not read.`, 'Remove it.');
    throw fileFailure(error, `read ${path}`);
  }
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw refused(`${path} is not a regular file, and was not read.`, 'Remove it.');
    if (HAS_MODES) {
      if (stats.uid !== BigInt(process.getuid?.() ?? -1)) {
        throw refused(
          `The file ${path} belongs to another user, and was not read.`,
          'Remove it, or give it to the user of this process.',
        );
      }
      if ((Number(stats.mode) & GROUP_AND_OTHERS) !== 0) {
        throw refused(
          `The file ${path} is open to other users, and was not read.`,
          'If nobody else can have changed it, set its mode to 0600; else remove it and sign in again.',
        );
      }
    }
    return await use({ content: await readBounded(handle), inode: stats.ino });
  } catch (error) {
    throw fileFailure(error, `read ${path}`);
  } finally {
    await handle.close();
  }
}

/** Reads one byte more than is allowed at most, which is enough to see that there is too much. */
async function readBounded(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat();
  const buffer = Buffer.alloc(Math.min(size, LARGEST_FILE_BYTES) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** Replaces the file as a whole: whoever reads it, even after a crash, sees the former content or the new one. */
export async function replaceFile(path: string, content: Uint8Array, beforeRename: () => Promise<void>): Promise<void> {
  const temporary = await writeTemporary(path, content);
  try {
    await beforeRename();
    await rename(temporary, path);
  } catch (error) {
    await removeFile(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Creates the file with its whole content, unless there is one already. @returns whether it was created */
export async function createFile(path: string, content: Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, content);
  try {
    await link(temporary, path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    if (code === undefined || !UNSUPPORTED.has(code)) throw error;
    // No hard links here (FAT, some network file systems): exclusive creation is next best.
    if (!(await createExclusively(path, content))) return false;
  } finally {
    await removeFile(temporary);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Moves the file to the first free name `<path>.corrupt-<n>`, unless it is no longer the one with this inode. @returns that name */
export async function setAside(path: string, inode: bigint): Promise<string | undefined> {
  for (let n = 1; n < 10_000; n++) {
    const aside = `${path}.corrupt-${n}`;
    if (await exists(aside)) continue;
    try {
      await rename(path, aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    if ((await lstat(aside, { bigint: true })).ino === inode) return aside;
    // Another process put a new file there in the meantime: give it its place back, unless there is a newer one still.
    await link(aside, path).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    await unlink(aside);
    return undefined;
  }
  throw refused(`There are too many damaged files beside ${path}.`, 'Remove those whose names contain ".corrupt-".');
}

/** Removes the file, if it is there. @returns whether it was */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Makes a creation, a replacement or a removal in the directory survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  if (!HAS_MODES) return;
  const handle = await open(directory, constants.O_RDONLY | DIRECTORY_ONLY);
  try {
    await handle.sync();
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined || !UNSUPPORTED.has(code)) throw error;
  } finally {
    await handle.close();
  }
}

async function writeTemporary(path: string, content: Uint8Array): Promise<string> {
  const temporary = `${path}.${randomUUID()}${TEMPORARY_SUFFIX}`;
  try {
    await createExclusively(temporary, content);
  } catch (error) {
    await removeFile(temporary).catch(() => {});
    throw error;
  }
  return temporary;
}

async function createExclusively(path: string, content: Uint8Array): Promise<boolean> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx', 0o600);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

async function exists(path: string): Promise<boolean> {
  return (await statsOf(path)) !== undefined;
}

async function isSymbolicLink(path: string): Promise<boolean> {
  return (await statsOf(path))?.isSymbolicLink() ?? false;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
