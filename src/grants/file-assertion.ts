import { constants, open } from 'node:fs/promises';
import { McpOAuthError } from '../errors.js';
import { safeCause } from '../http/index.js';
import { excerpt } from '../http/text.js';

const LARGEST_BYTES = 64 * 1024;

/**
 * The text of the file that the platform keeps an assertion in, trimmed. It is read each time, since platforms replace it
 * while the process runs.
 *
 * @throws {@link McpOAuthError} `invalid_options` where it cannot be read, is no file, or is larger than 64 KiB.
 */
export async function readAssertionFile(path: string): Promise<string> {
  if (typeof path !== 'string' || path === '') throw unusable('must be the path of a file');
  const named = `(${excerpt(path)})`;
  let text: string | undefined;
  try {
    text = await read(path);
  } catch (error) {
    throw unusable(`${named} cannot be read${codeOf(error)}. Check that it exists and who may read it`, error);
  }
  if (text === undefined) throw unusable(`${named} is no file of at most 64 KiB`);
  return text.trim();
}

/** The text, or `undefined` where there is no regular file, or too large a one. */
async function read(path: string): Promise<string | undefined> {
  // Not with readFile: what grows while it is read, or never ends, has to be bounded too.
  // Nor does a named pipe without a writer keep the process.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!(await file.stat()).isFile()) return undefined;
    const buffer = new Uint8Array(LARGEST_BYTES + 1);
    let length = 0;
    while (length < buffer.byteLength) {
      const { bytesRead } = await file.read(buffer, length, buffer.byteLength - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return length > LARGEST_BYTES ? undefined : new TextDecoder().decode(buffer.subarray(0, length));
  } finally {
    await file.close();
  }
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z]{1,20}$/.test(code) ? ` (${code})` : '';
}

function unusable(problem: string, error?: unknown): McpOAuthError {
  return new McpOAuthError('invalid_options', `\`assertion.file\` ${problem}.`, {
    stage: 'token',
    cause: safeCause(error),
  });
}
