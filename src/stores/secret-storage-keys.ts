import type { BoundedSecrets } from './secret-storage.js';

/** What the names of a token store's secrets begin with, among the other secrets of the extension. */
export const SECRET_PREFIX = 'mcp-oauth-client:';
/** What could not be read is kept under this prefix and its key. */
export const ASIDE_PREFIX = 'mcp-oauth-client.unreadable:';

/** The keys that are there, for versions that cannot list them. */
const INDEX = 'mcp-oauth-client.index';

/** Keeps a secret that cannot be read under another name. */
export async function setAside(secrets: BoundedSecrets, name: string, key: string, text: string): Promise<void> {
  await secrets.store(ASIDE_PREFIX + key, text);
  await secrets.delete(name);
}

/**
 * Which keys a token store has among the secrets: the storage says so itself, or, where it cannot, an index in a secret of its own.
 * The index may name keys that are gone, and never lacks one that is there. It is changed only by who holds the lock of writes.
 */
export class SecretKeys {
  readonly #secrets: BoundedSecrets;

  constructor(secrets: BoundedSecrets) {
    this.#secrets = secrets;
  }

  /** The keys; some may be gone. */
  async all(): Promise<readonly string[]> {
    if (!this.#secrets.listable) return this.#indexed();
    const names = await this.#secrets.keys();
    return names.filter((name) => name.startsWith(SECRET_PREFIX)).map((name) => name.slice(SECRET_PREFIX.length));
  }

  /** Before the secret of `key` is written: a process that dies in between leaves a name without a value. */
  async add(key: string): Promise<void> {
    if (this.#secrets.listable) return;
    const keys = await this.#indexed();
    if (!keys.includes(key)) await this.#write([...keys, key]);
  }

  /** After the secret of `key` was removed. */
  async remove(key: string): Promise<void> {
    if (this.#secrets.listable) return;
    const keys = await this.#indexed();
    if (keys.includes(key)) await this.#write(keys.filter((other) => other !== key));
  }

  /** A damaged index is kept under another name and begins anew: the values are worth more than their places in a list. */
  async #indexed(): Promise<readonly string[]> {
    const text = await this.#secrets.get(INDEX);
    if (text === undefined) return [];
    const keys = parseKeys(text);
    if (keys === undefined) await this.#secrets.store(`${ASIDE_PREFIX}${INDEX}`, text);
    return keys ?? [];
  }

  #write(keys: readonly string[]): Promise<void> {
    return this.#secrets.store(INDEX, JSON.stringify(keys));
  }
}

function parseKeys(text: string): readonly string[] | undefined {
  try {
    const keys: unknown = JSON.parse(text);
    return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined;
  } catch {
    return undefined;
  }
}
