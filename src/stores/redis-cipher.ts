import { Buffer } from 'node:buffer';
import { McpOAuthError } from '../errors.js';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const KEY_ID_BYTES = 6;
const DERIVATION = 'mcp-oauth-client/redis/1/';

/** A key as the application gives it: 32 random bytes, or the same in base64. */
export type EncryptionKey = Uint8Array | string;

interface RingKey {
  /** Tells keys apart without saying anything of them. */
  readonly id: string;
  readonly material: CryptoKey;
}

/**
 * Encrypts with AES-256-GCM under a random nonce. For each place (the name of a Redis key) a key of its own is derived by HKDF: what was
 * encrypted for one place decrypts at no other, and however many sessions there are, the nonces of no key run out.
 *
 * @see {@link https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf | NIST SP 800-38D}
 * @see {@link https://www.rfc-editor.org/rfc/rfc5869.html | RFC 5869}
 */
export class RedisCipher {
  readonly #keys: readonly Uint8Array<ArrayBuffer>[];
  #ring: Promise<readonly RingKey[]> | undefined;

  /**
   * @param current encrypts and decrypts; `former` only decrypt
   * @throws {McpOAuthError} `invalid_options` where a key is not one
   */
  constructor(current: EncryptionKey, former: readonly EncryptionKey[]) {
    this.#keys = [keyBytes('encryptionKey', current), ...former.map((key) => keyBytes('formerEncryptionKeys', key))];
  }

  /** @param authenticated is not encrypted, but has to be the same for decryption */
  async encrypt(text: string, place: string, authenticated: string): Promise<{ keyId: string; data: string }> {
    const [current] = await this.#ringKeys();
    if (current === undefined) throw new TypeError('a ring is never empty');
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const key = await derive(current, place, 'encrypt');
    const data = await crypto.subtle.encrypt(parameters(nonce, authenticated + place), key, utf8(text));
    return { keyId: current.id, data: Buffer.concat([nonce, new Uint8Array(data)]).toString('base64url') };
  }

  /** @returns the text, or why there is none, in words that complete "The value …" */
  async decrypt(
    sealed: { keyId: string; data: string },
    place: string,
    authenticated: string,
  ): Promise<{ text: string } | { damage: string }> {
    const ringKey = (await this.#ringKeys()).find(({ id }) => id === sealed.keyId);
    if (ringKey === undefined) {
      return {
        damage: 'was encrypted with another key. Give that key as `encryptionKey`, or among `formerEncryptionKeys`',
      };
    }
    const bytes = new Uint8Array(Buffer.from(sealed.data, 'base64url'));
    try {
      const key = await derive(ringKey, place, 'decrypt');
      const nonce = bytes.slice(0, NONCE_BYTES);
      const text = await crypto.subtle.decrypt(parameters(nonce, authenticated + place), key, bytes.slice(NONCE_BYTES));
      return { text: new TextDecoder().decode(text) };
    } catch {
      return { damage: 'does not decrypt: it was changed, or copied from another place' };
    }
  }

  #ringKeys(): Promise<readonly RingKey[]> {
    this.#ring ??= Promise.all(this.#keys.map(importKey));
    return this.#ring;
  }
}

async function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<RingKey> {
  const material = await crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveBits', 'deriveKey']);
  const id = await crypto.subtle.deriveBits(hkdf('key id'), material, KEY_ID_BYTES * 8);
  return { id: Buffer.from(id).toString('base64url'), material };
}

function derive({ material }: RingKey, place: string, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return crypto.subtle.deriveKey(hkdf(`value ${place}`), material, { name: 'AES-GCM', length: 256 }, false, [usage]);
}

function hkdf(purpose: string): HkdfParams {
  // As the salt, whose length is not limited: keys of the store may be long.
  return { name: 'HKDF', hash: 'SHA-256', salt: utf8(DERIVATION + purpose), info: new Uint8Array() };
}

function parameters(iv: Uint8Array<ArrayBuffer>, authenticated: string): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: utf8(authenticated) };
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function keyBytes(option: string, key: unknown): Uint8Array<ArrayBuffer> {
  const bytes = typeof key === 'string' ? fromBase64(key) : key;
  if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return new Uint8Array(bytes);
  throw new McpOAuthError(
    'invalid_options',
    `RedisTokenStore: \`${option}\` takes ${KEY_BYTES} random bytes, or the same in base64. \`openssl rand -base64 32\` makes one.`,
    { stage: 'configuration' },
  );
}

function fromBase64(text: string): Uint8Array | undefined {
  return /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
