import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const FORMAT_VERSION = 1;
const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The length of the key of the cipher, in bytes. */
export const KEY_BYTES = 32;

/** What a file of the store holds, once decrypted. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** When it may be forgotten, in ms since the epoch. */
  readonly expiresAt?: number;
}

/** Why a file cannot be read, in words that complete "The file …". */
export type Damage =
  | 'is not one of this store, or was truncated'
  | 'was written in a format that this version does not know'
  | 'does not decrypt: it was changed, or the key file was replaced';

/** The name that stands for a key on disk: keys may hold anything, names may not. */
export function entryName(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex');
}

/**
 * Encrypts an entry with AES-256-GCM under a random nonce. The format's version and the entry's name are authenticated with it,
 * so that a file cannot take another one's place.
 * @see {@link https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf | NIST SP 800-38D}
 */
export function sealEntry(entry: Entry, cipherKey: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, cipherKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(entryName(entry.key)));
  const data = Buffer.concat([cipher.update(JSON.stringify(entry), 'utf8'), cipher.final()]);
  const envelope = {
    v: FORMAT_VERSION,
    alg: 'A256GCM',
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
  return Buffer.from(`${JSON.stringify(envelope)}\n`, 'utf8');
}

/** Decrypts the file of this name, or says why it cannot be. */
export function openEntry(content: Buffer, name: string, cipherKey: Uint8Array): Entry | Damage {
  const foreign = 'is not one of this store, or was truncated';
  const envelope = parseObject(content.toString('utf8'));
  if (envelope === undefined) return foreign;
  if (envelope.v !== FORMAT_VERSION || envelope.alg !== 'A256GCM') {
    return typeof envelope.v === 'number' ? 'was written in a format that this version does not know' : foreign;
  }
  const [nonce, tag, data] = [bytes(envelope.nonce), bytes(envelope.tag), bytes(envelope.data)];
  if (nonce?.length !== NONCE_BYTES || tag?.length !== TAG_BYTES || data === undefined) return foreign;

  let text: string;
  try {
    const decipher = createDecipheriv(ALGORITHM, cipherKey, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(name));
    decipher.setAuthTag(tag);
    text = Buffer.concat([decipher.update(data), decipher.final()]).toString('utf8');
  } catch {
    return 'does not decrypt: it was changed, or the key file was replaced';
  }
  const entry = parseObject(text);
  if (typeof entry?.key !== 'string' || typeof entry.value !== 'string' || entryName(entry.key) !== name)
    return foreign;
  const { key, value, expiresAt } = entry;
  return { key, value, ...(typeof expiresAt === 'number' && { expiresAt }) };
}

function associatedData(name: string): Buffer {
  return Buffer.from(`mcp-oauth-client/${FORMAT_VERSION}/${name}`, 'utf8');
}

function bytes(value: unknown): Buffer | undefined {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
