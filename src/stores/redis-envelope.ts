import { McpOAuthError } from '../errors.js';
import { excerpt } from '../http/index.js';
import type { RedisCipher } from './redis-cipher.js';

/** Version, kind (plain or sealed), end in ms since the epoch: `v1.p.1700000000000.` or `v1.s.-.` */
const HEADER = /^v1\.([ps])\.(\d{1,16}|-)\./;
const ANY_VERSION = /^v\d+\./;
const SEALED = /^([\w-]{8})\.([\w-]+)$/;

/** A value as it lies in Redis: it says when it is over, for those whose clock is not that of Redis. */
export interface Envelope {
  /** The Redis key where it lies. */
  readonly name: string;
  readonly value: string;
  /** In ms since the epoch. */
  readonly expiresAt: number | undefined;
}

/** The stored form; encrypted where there is a cipher. */
export async function sealEnvelope({ name, value, expiresAt }: Envelope, cipher?: RedisCipher): Promise<string> {
  const end = expiresAt === undefined ? '-' : String(Math.ceil(expiresAt));
  // As JSON, since a string may hold half a surrogate pair, which UTF-8 cannot.
  const text = JSON.stringify(value);
  if (cipher === undefined) return `v1.p.${end}.${text}`;
  const header = `v1.s.${end}.`;
  const { keyId, data } = await cipher.encrypt(text, name, header);
  return `${header}${keyId}.${data}`;
}

/**
 * Reads what {@link sealEnvelope} wrote at this name.
 * @returns `undefined` where it is over at `now` (ms since the epoch)
 * @throws {McpOAuthError} `store_unreadable` where it cannot be read; it is never taken for empty
 */
export async function openEnvelope(
  stored: string,
  { name, now, cipher }: { name: string; now: number; cipher: RedisCipher | undefined },
): Promise<string | undefined> {
  const [header, kind, end] = HEADER.exec(stored) ?? [];
  if (header === undefined || end === undefined) throw unreadable(name, foreign(stored));
  if (isEnded(end, now)) return undefined;
  const body = stored.slice(header.length);
  if (kind === 'p') {
    if (cipher === undefined) return parse(name, body);
    throw unreadable(name, 'is not encrypted although there is an `encryptionKey`, so anyone could have put it there');
  }
  if (cipher === undefined) throw unreadable(name, 'is encrypted. Give the store its `encryptionKey`');
  const [, keyId, data] = SEALED.exec(body) ?? [];
  if (keyId === undefined || data === undefined) throw unreadable(name, 'is damaged');
  const opened = await cipher.decrypt({ keyId, data }, name, header);
  if ('damage' in opened) throw unreadable(name, opened.damage);
  return parse(name, opened.text);
}

/** Whether a value that begins like this is over at `now`. What cannot be read is there. */
export function isOverByHeader(beginning: string, now: number): boolean {
  return isEnded(HEADER.exec(beginning)?.[2] ?? '-', now);
}

function isEnded(end: string, now: number): boolean {
  return end !== '-' && Number(end) <= now;
}

function foreign(stored: string): string {
  return ANY_VERSION.test(stored)
    ? 'was written in a format that this version does not know. Use the version of this library that wrote it'
    : 'was not written by this library, or is damaged';
}

/** The parser's own error would quote the stored text. */
function parse(name: string, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // As where it is no string.
  }
  if (typeof value !== 'string') throw unreadable(name, 'is damaged');
  return value;
}

function unreadable(name: string, what: string): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    `The value at the Redis key ${excerpt(name)} ${what}. Nothing was deleted; if it is of no use, remove it and sign in again.`,
    { stage: 'store' },
  );
}
