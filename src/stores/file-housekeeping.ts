import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { McpOAuthError } from '../errors.js';
import { removeFile, setAside, TEMPORARY_SUFFIX } from './file-access.js';
import type { Damage } from './file-envelope.js';

/** A temporary file of this age was left by a process that died. In ms. */
const STALE_TEMPORARY_MS = 10 * 60_000;

/** Sets the damaged file with this inode aside. @returns the error that says so, or why it could not be done */
export async function setDamagedAside(path: string, damage: Damage, inode: bigint): Promise<McpOAuthError> {
  const error = (outcome: string, cause?: unknown) =>
    new McpOAuthError('store_unreadable', `The file ${path} ${damage}. ${outcome}`, { stage: 'store', cause });
  try {
    const aside = await setAside(path, inode);
    if (aside === undefined) return error('It was replaced meanwhile; try again.');
    return error(`It was set aside as ${aside}; sign in again to replace it.`);
  } catch (cause) {
    return error('It could not be set aside: move it away, then sign in again.', cause);
  }
}

/** Removes what processes that died while writing left behind. @param now - In ms since the epoch */
export async function removeStaleTemporaries(directory: string, now: number): Promise<void> {
  for (const file of await readdir(directory)) {
    if (!file.endsWith(TEMPORARY_SUFFIX)) continue;
    const path = join(directory, file);
    // Others are at work in the directory: one that is gone already is no reason to stop.
    const age = await stat(path).then(
      ({ mtimeMs }) => now - mtimeMs,
      () => 0,
    );
    if (age > STALE_TEMPORARY_MS) await removeFile(path);
  }
}
