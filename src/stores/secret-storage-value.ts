import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { parseObject } from '../http/json.js';
import { type DatedValue, decodeDatedValue, FORMAT_VERSION } from './dated-value.js';
import { ASIDE_PREFIX } from './secret-storage-keys.js';

/** The entry, or `undefined` where the text is none of this key. */
export function readSecret(text: string, key: string): DatedValue | undefined {
  try {
    const entry = decodeDatedValue(text, 'The secret');
    return entry.key === key ? entry : undefined;
  } catch (error) {
    if (isMcpOAuthError(error) && error.code === 'store_unreadable') return undefined;
    throw error;
  }
}

/** Whether a later version of this library wrote it. */
export function isOfNewerVersion(text: string): boolean {
  const version = parseObject(text)?.v;
  return typeof version === 'number' && version > FORMAT_VERSION;
}

/** Neither overwritten nor removed. */
export function newerSecret(): McpOAuthError {
  return unreadable(
    'was written by a newer version of this library. Nothing was changed. Use that version, or sign out with it and sign in again with this one.',
  );
}

/** Set aside before this is thrown. */
export function damagedSecret(): McpOAuthError {
  return unreadable(
    `is damaged. It was set aside under a name that begins with ${ASIDE_PREFIX}; sign in again to replace it.`,
  );
}

function unreadable(what: string): McpOAuthError {
  return new McpOAuthError('store_unreadable', `A secret of the token store ${what}`, { stage: 'store' });
}
