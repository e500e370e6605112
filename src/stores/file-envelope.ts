import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { parseObject } from '../http/json.js';
import type { DatedValue } from './dated-value.js';

const FORMAT_VERSION = 1;
const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The length of the key of the cipher, in bytes. */
export const KEY_BYTES = 32;

/** Why a file cannot be read, in words that complete "The file …". */
export type Damage =
  | 'is not one of this store, or was truncated'
  | 'does not decrypt: it was changed, or its key was replaced'
  | 'was changed: its checksum does not match';

/** A file of the store that is whole, as far as that can be seen without decrypting it. */
export type Envelope =
  | { readonly alg: 'A256GCM'; readonly nonce: Buffer; readonly tag: Buffer; readonly data: Buffer }
  /** Encrypted by a cipher of the application's. */
  | { readonly alg: 'custom'; readonly data: Buffer };

/** The name that stands for a key on disk: keys may hold anything, names may not. */
export function entryName(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex');
}

/**
 * Encrypts an entry with AES-256-GCM under a random nonce. The format's version and the entry's name are authenticated with it,
 * so that a file cannot take another one's place.
 * @see {@link https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf | NIST SP 800-38D}
 */
export function sealEntry(entry: DatedValue, cipherKey: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, cipherKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(entryName(entry.key)));
  const data = Buffer.concat([cipher.update(formatEntry(entry), 'utf8'), cipher.final()]);
  return formatEnvelope('A256GCM', { nonce, tag: cipher.getAuthTag(), data });
}

/** The file for what a cipher of the application's made of an entry. The checksum tells a damaged file from a cipher that fails. */
export function wrapCiphertext(data: Uint8Array): Buffer {
  return formatEnvelope('custom', { sum: checksum(data), data });
}

/** Reads what {@link sealEntry} or {@link wrapCiphertext} wrote, or says why it cannot be read; `newer` where a later version wrote it. */
export function readEnvelope(content: Buffer): Envelope | Damage | 'newer' {
  const foreign = 'is not one of this store, or was truncated';
  const { v, alg, ...members } = parseObject(content.toString('utf8')) ?? {};
  if (typeof v !== 'number') return foreign;
  const [nonce, tag, sum, data] = [members.nonce, members.tag, members.sum, members.data].map(bytes);
  if (v === FORMAT_VERSION && alg === 'A256GCM') {
    const whole = nonce?.length === NONCE_BYTES && tag?.length === TAG_BYTES && data !== undefined;
    return whole ? { alg, nonce, tag, data } : foreign;
  }
  if (v === FORMAT_VERSION && alg === 'custom') {
    if (sum === undefined || data === undefined) return foreign;
    return sum.equals(checksum(data)) ? { alg, data } : 'was changed: its checksum does not match';
  }
  return v > FORMAT_VERSION ? 'newer' : foreign;
}

/** Decrypts the envelope of the file of this name, or says why it cannot be. */
export function openEntry(
  { nonce, tag, data }: Extract<Envelope, { alg: 'A256GCM' }>,
  name: string,
  cipherKey: Uint8Array,
): DatedValue | Damage {
  let text: string;
  try {
    const decipher = createDecipheriv(ALGORITHM, cipherKey, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(name));
    decipher.setAuthTag(tag);
    text = Buffer.concat([decipher.update(data), decipher.final()]).toString('utf8');
  } catch {
    return 'does not decrypt: it was changed, or its key was replaced';
  }
  const entry = parseEntry(text);
  return entry !== undefined && entryName(entry.key) === name ? entry : 'is not one of this store, or was truncated';
}

/** The plaintext of an entry. */
export function formatEntry(entry: DatedValue): string {
  return JSON.stringify(entry);
}

/** Reads what {@link formatEntry} wrote; `undefined` for anything else. */
export function parseEntry(text: string): DatedValue | undefined {
  const { key, value, expiresAt } = parseObject(text) ?? {};
  if (typeof key !== 'string' || typeof value !== 'string') return undefined;
  return { key, value, ...(typeof expiresAt === 'number' && { expiresAt }) };
}

function formatEnvelope(alg: Envelope['alg'], members: Record<string, Uint8Array>): Buffer {
  const texts = Object.entries(members).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return Buffer.from(`${JSON.stringify({ v: FORMAT_VERSION, alg, ...Object.fromEntries(texts) })}\n`, 'utf8');
}

function associatedData(name: string): Buffer {
  return Buffer.from(`mcp-oauth-client/${FORMAT_VERSION}/${name}`, 'utf8');
}

function checksum(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

function bytes(value: unknown): Buffer | undefined {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
}
