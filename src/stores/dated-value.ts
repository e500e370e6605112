import { McpOAuthError } from '../errors.js';
import { parseObject } from '../http/json.js';

/** The version of the stored form. */
export const FORMAT_VERSION = 1;

/** A value together with its key and its end, for backends that keep neither. */
export interface DatedValue {
  readonly key: string;
  readonly value: string;
  /** When it may be forgotten, in ms since the epoch. */
  readonly expiresAt?: number;
}

/** The stored form. */
export function encodeDatedValue({ key, value, expiresAt }: DatedValue): string {
  return JSON.stringify({ v: FORMAT_VERSION, key, value, ...(expiresAt !== undefined && { expiresAt }) });
}

/**
 * Reads what {@link encodeDatedValue} wrote.
 *
 * @param where - What the text is, for the message: "The entry … of the keychain".
 * @throws {McpOAuthError} `store_unreadable` where the content is malformed or of another version; it is never taken for empty
 */
export function decodeDatedValue(text: string, where: string): DatedValue {
  const content = parseObject(text);
  if (content === undefined) throw unreadable(where, 'was not written by this library, or is damaged');
  const { v, key, value, expiresAt } = content;
  if (v !== FORMAT_VERSION) throw unreadable(where, 'was written in a format that this version does not know');
  const valid = typeof key === 'string' && typeof value === 'string';
  if (!valid || !['number', 'undefined'].includes(typeof expiresAt)) throw unreadable(where, 'is damaged');
  return { key, value, ...(typeof expiresAt === 'number' && { expiresAt }) };
}

/** Whether it is over at `now` (ms since the epoch). */
export function isOver({ expiresAt }: DatedValue, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

function unreadable(where: string, what: string): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    `${where} ${what}. Nothing was deleted. Use the version of this library that wrote it, or remove it and sign in again.`,
    { stage: 'store' },
  );
}
