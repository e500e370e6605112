import type { Buffer } from 'node:buffer';
import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { Cipher } from './cipher.js';
import type { DatedValue } from './dated-value.js';
import { decryptBy, encryptBy } from './file-cipher.js';
import {
  type Damage,
  entryName,
  formatEntry,
  openEntry,
  parseEntry,
  readEnvelope,
  sealEntry,
  wrapCiphertext,
} from './file-envelope.js';
import { keyMissing } from './file-key.js';

/** Turns entries into the content of files, and back. */
export interface Box {
  seal(entry: DatedValue): Promise<Buffer>;
  /**
   * @param name - The name of the file, which is that of the entry's key
   * @returns why it can never be read, where that is certain
   * @throws {McpOAuthError} `store_failed` or `store_unreadable` where it can be read later, or by another cipher
   */
  open(content: Buffer, name: string): Promise<DatedValue | Damage>;
}

/** Encrypts under the directory's own key. */
export function keyBox(key: Buffer, directory: string): Box {
  return {
    seal: async (entry) => sealEntry(entry, key),
    async open(content, name) {
      const envelope = readEnvelope(content);
      if (envelope === 'newer') throw newerFormat(directory);
      if (typeof envelope === 'string') return envelope;
      if (envelope.alg === 'custom') throw cipherMissing(directory);
      return openEntry(envelope, name, key);
    },
  };
}

/** Encrypts by the application's cipher. Entries from before it was given are still read, by the directory's `ownKey`. */
export function cipherBox(
  cipher: Cipher,
  ownKey: () => Promise<Buffer | undefined>,
  directory: string,
  clock: Clock,
): Box {
  return {
    seal: async (entry) => wrapCiphertext(await encryptBy(cipher, formatEntry(entry), clock)),
    async open(content, name) {
      const envelope = readEnvelope(content);
      if (envelope === 'newer') throw newerFormat(directory);
      if (typeof envelope === 'string') return envelope;
      if (envelope.alg === 'A256GCM') {
        const key = await ownKey();
        if (key === undefined) throw keyMissing(directory);
        return openEntry(envelope, name, key);
      }
      const entry = parseEntry(await decryptBy(cipher, envelope.data, clock));
      // A cipher that authenticates nothing gives such text for what another one encrypted.
      if (entry === undefined) throw otherCipher(directory);
      return entryName(entry.key) === name ? entry : 'is not one of this store, or was truncated';
    },
  };
}

/** The directory's entries were encrypted by a cipher that this store was not given. */
export function cipherMissing(directory: string): McpOAuthError {
  return new McpOAuthError(
    'store_failed',
    `The sessions in ${directory} were encrypted by a cipher of the application's, which this store was not given. Nothing was deleted. ` +
      'Give FileTokenStore that `cipher`; or, to give the stored sessions up, choose another directory.',
    { stage: 'store' },
  );
}

function otherCipher(directory: string): McpOAuthError {
  return new McpOAuthError(
    'store_failed',
    `A session in ${directory} was encrypted by another cipher than the one that was given, or under another key of it. ` +
      'Nothing was deleted. Give FileTokenStore the `cipher` that wrote it; or, to give the session up, choose another directory.',
    { stage: 'store' },
  );
}

/** Left where it is: two versions of an application over one directory must not take each other's sessions away. */
function newerFormat(directory: string): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    `A session in ${directory} was written by a later version of this library. Nothing was deleted. ` +
      'Use that version; or, to give the session up, choose another directory.',
    { stage: 'store' },
  );
}
