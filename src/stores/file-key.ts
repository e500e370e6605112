import { Buffer } from 'node:buffer';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { parseObject } from '../http/json.js';
import { createFile, withFile } from './file-access.js';
import { KEY_BYTES } from './file-envelope.js';
import type { KeyStorage } from './key-storage.js';
import type { Keychain } from './keychain.js';
import { openKeychain } from './keychain-backend.js';
import type { Keytar } from './keychain-keytar.js';
import { type KeychainSystem, keychainObstacle } from './keychain-obstacle.js';
import { probeKeychain } from './keychain-probe.js';

/** Holds the key itself, or says where in the keychain it is. */
const KEY_FILE = 'key';
const FORMAT_VERSION = 1;
/** Apart from the services that hold sessions. */
const SERVICE = 'mcp-oauth-client file key';
/** A keychain that refused is not asked again for so long, in ms: each question may show the user a dialog. */
const REST_MS = 5_000;

const SYSTEM: KeychainSystem = { platform: process.platform, env: process.env, openKeychain };

/** Options of {@link DirectoryKey}. */
export interface DirectoryKeyOptions {
  readonly directory: string;
  readonly storage: KeyStorage;
  readonly keytar: Keytar | undefined;
  readonly clock: Clock;
}

/** An item of the keychain. */
interface Place {
  readonly service: string;
  readonly account: string;
}

/** What the keychain answered for this content of the key file, and when it refused, in ms since the epoch. */
interface Answer {
  readonly marker: string;
  readonly key: Promise<Buffer>;
  refusedAt?: number;
}

/**
 * The key that a directory's entries are encrypted under. The file `key` is created once, and whoever is first decides: it holds the key,
 * or names the item of the keychain that does. No second key is ever made beside it.
 */
export class DirectoryKey {
  readonly #options: DirectoryKeyOptions;
  #answer: Answer | undefined;
  #creation: Promise<Buffer> | undefined;
  /** By service, of which the key file may name another than ours. */
  readonly #keychains = new Map<string, Keychain>();

  constructor(options: DirectoryKeyOptions) {
    this.#options = options;
  }

  /**
   * The key, or `undefined` where the directory has none yet. The keychain is asked once.
   * @throws {McpOAuthError} `store_unreadable` where the file or the keychain's item is not a key; `store_failed` where others could have
   * read the file, or the keychain does not give the key
   */
  async read(): Promise<Buffer | undefined> {
    const content = await withFile(this.#path, async (file) => file.content);
    if (content === undefined || content.length === KEY_BYTES) return content;
    const marker = content.toString('utf8');
    const place = parsePlace(marker);
    if (place === undefined) throw this.#damaged('key file');
    if (this.#answer?.marker !== marker || this.#hasRested(this.#answer.refusedAt)) {
      const answer: Answer = { marker, key: this.#ask(place) };
      answer.key.catch(() => {
        answer.refusedAt = this.#options.clock.now();
      });
      this.#answer = answer;
    }
    return this.#answer.key;
  }

  /**
   * Creates the key. Of several processes that try at once, all get the key of the one that was first.
   * @throws {McpOAuthError} as {@link read}; `store_failed` where the key must go to the keychain and that does not take it
   */
  create(): Promise<Buffer> {
    this.#creation ??= this.#createOnce().finally(() => {
      this.#creation = undefined;
    });
    return this.#creation;
  }

  get #path(): string {
    return join(this.#options.directory, KEY_FILE);
  }

  async #createOnce(): Promise<Buffer> {
    if (!(await this.#createInKeychain())) await createFile(this.#path, randomBytes(KEY_BYTES));
    const key = await this.read();
    if (key === undefined) throw keyMissing(this.#options.directory);
    return key;
  }

  /** The item first and the file that names it last: a process that dies between the two leaves an item that nobody needs. */
  async #createInKeychain(): Promise<boolean> {
    const keychain = await this.#workingKeychain();
    if (keychain === undefined) return false;
    const account = randomUUID();
    try {
      await keychain.set(account, randomBytes(KEY_BYTES).toString('base64'));
    } catch (error) {
      // It may have been written all the same.
      await keychain.delete(account).catch(() => {});
      if (this.#options.storage === 'auto') return false;
      throw error;
    }
    const marker = { v: FORMAT_VERSION, keychain: { service: SERVICE, account } };
    // Where this throws the file may be there or not, so the item stays.
    const first = await createFile(this.#path, Buffer.from(`${JSON.stringify(marker)}\n`, 'utf8'));
    if (!first) await keychain.delete(account).catch(() => {});
    return true;
  }

  /** The keychain, where the key belongs there and it shows that it works. */
  async #workingKeychain(): Promise<Keychain | undefined> {
    const { storage, keytar, clock } = this.#options;
    if (storage === 'file') return undefined;
    const keychain = this.#keychain(SERVICE);
    if (storage === 'auto' && keytar === undefined) {
      return (await keychainObstacle(SYSTEM, SERVICE, clock)) === undefined ? keychain : undefined;
    }
    try {
      await probeKeychain(keychain);
      return keychain;
    } catch (error) {
      if (storage === 'auto') return undefined;
      throw error;
    }
  }

  async #ask({ service, account }: Place): Promise<Buffer> {
    let secret: string | undefined;
    try {
      secret = await this.#keychain(service).get(account);
    } catch (cause) {
      throw this.#withheld('did not give it', cause);
    }
    if (secret === undefined) throw this.#withheld('is locked or has lost it');
    const key = Buffer.from(secret, 'base64');
    if (key.length !== KEY_BYTES) throw this.#damaged('key in the keychain');
    return key;
  }

  #keychain(service: string): Keychain {
    const { keytar, clock } = this.#options;
    const keychain = this.#keychains.get(service) ?? openKeychain({ service, keytar, clock });
    this.#keychains.set(service, keychain);
    return keychain;
  }

  #hasRested(refusedAt: number | undefined): boolean {
    return refusedAt !== undefined && Math.abs(this.#options.clock.now() - refusedAt) >= REST_MS;
  }

  #withheld(what: string, cause?: unknown): McpOAuthError {
    const said = isMcpOAuthError(cause) ? ` ${cause.message}` : '';
    return new McpOAuthError(
      'store_failed',
      `The key of the sessions in ${this.#options.directory} is in the system's keychain, which ${what}.${said} Nothing was deleted. ` +
        'Unlock the keychain and try again; or, to give the stored sessions up, move the directory away and sign in again.',
      { stage: 'store', cause },
    );
  }

  #damaged(what: string): McpOAuthError {
    return unreadable(
      `The ${what} of ${this.#options.directory} is damaged or of another version`,
      'Restore it, or update this library',
    );
  }
}

/** There are sessions in the directory, but the key that they were encrypted with is gone. */
export function keyMissing(directory: string): McpOAuthError {
  return unreadable(`The key file in ${directory} is missing`, 'Restore the file');
}

function unreadable(what: string, remedy: string): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    `${what}, so the stored sessions cannot be decrypted. Nothing was deleted. ` +
      `${remedy}; or, to give the stored sessions up, move the directory away and sign in again.`,
    { stage: 'store' },
  );
}

function parsePlace(marker: string): Place | undefined {
  const { v, keychain } = parseObject(marker) ?? {};
  if (v !== FORMAT_VERSION || typeof keychain !== 'object') return undefined;
  const { service, account } = (keychain ?? {}) as Partial<Record<keyof Place, unknown>>;
  return typeof service === 'string' && typeof account === 'string' ? { service, account } : undefined;
}
