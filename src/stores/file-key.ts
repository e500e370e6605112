import type { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { McpOAuthError } from '../errors.js';
import { createFile, withFile } from './file-access.js';
import { KEY_BYTES } from './file-envelope.js';

const KEY_FILE = 'key';

/**
 * The key in the directory's key file, or `undefined` where there is none.
 * @throws {McpOAuthError} `store_unreadable` where the file is not a key; `store_failed` where others could have read it
 */
export function readKey(directory: string): Promise<Buffer | undefined> {
  return withFile(join(directory, KEY_FILE), async ({ content }) => {
    if (content.length === KEY_BYTES) return content;
    throw new McpOAuthError(
      'store_unreadable',
      `The key file in ${directory} is damaged, so the stored sessions cannot be decrypted. Nothing was deleted. ` +
        'Restore the file; or, to give the stored sessions up, move the directory away and sign in again.',
      { stage: 'store' },
    );
  });
}

/** Creates the key file. Of several processes that try at once, all get the key of the one that was first. */
export async function createKey(directory: string): Promise<Buffer> {
  await createFile(join(directory, KEY_FILE), randomBytes(KEY_BYTES));
  const key = await readKey(directory);
  if (key === undefined) throw keyMissing(directory);
  return key;
}

/** There are sessions in the directory, but the key that they were encrypted with is gone. */
export function keyMissing(directory: string): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    `The key file in ${directory} is missing, so the stored sessions cannot be decrypted. Nothing was deleted. ` +
      'Restore the file; or, to give the stored sessions up, move the directory away and sign in again.',
    { stage: 'store' },
  );
}
