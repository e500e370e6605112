import type { KeychainDriver } from './keychain-driver.js';
import { isNoReply } from './keychain-error.js';

interface Entry {
  getPassword(signal?: AbortSignal): Promise<string | null>;
  setPassword(password: string, signal?: AbortSignal): Promise<void>;
  deletePassword(signal?: AbortSignal): Promise<boolean>;
}

/** What this library uses of the module `@napi-rs/keyring`. */
export interface Keyring {
  readonly AsyncEntry: new (service: string, account: string, options?: typeof PINNED) => Entry;
  findCredentialsAsync(
    service: string,
    target?: string | null,
    signal?: AbortSignal,
  ): Promise<{ account: string; password: string }[]>;
}

/** Not pinned, it falls back to the kernel's keyring on Linux, which forgets when the user logs out. */
const PINNED = { linux: { store: 'secret-service' } } as const;
/** To make an entry blocks for about 10 ms while it connects, so those used last are kept; each has a connection of its own. */
const KEPT_ENTRIES = 32;
/** No item has this name. */
const NOBODY = 'nobody';

/** The module in `candidate`. */
export function asKeyring(candidate: unknown): Keyring | undefined {
  const { AsyncEntry, findCredentialsAsync } = (candidate ?? {}) as Partial<Keyring>;
  if (typeof AsyncEntry !== 'function' || typeof findCredentialsAsync !== 'function') return undefined;
  return { AsyncEntry, findCredentialsAsync };
}

/** A keychain through `@napi-rs/keyring`. */
export function keyringDriver({ AsyncEntry, findCredentialsAsync }: Keyring, service: string): KeychainDriver {
  const kept = new Map<string, Entry>();
  const use = async <T>(account: string, call: (entry: Entry) => Promise<T>): Promise<T> => {
    const entry = kept.get(account) ?? new AsyncEntry(service, account, PINNED);
    kept.delete(account);
    kept.set(account, entry);
    try {
      return await call(entry);
    } catch (error) {
      // It may have ended with the keychain's daemon; where there is only no answer, to connect anew would block for seconds.
      if (!isNoReply(error)) kept.delete(account);
      throw error;
    } finally {
      drop(kept);
    }
  };
  return {
    get: (account, signal) => use(account, (entry) => entry.getPassword(signal)),
    set: (account, secret, signal) => use(account, (entry) => entry.setPassword(secret, signal)),
    delete: (account, signal) => use(account, (entry) => entry.deletePassword(signal)),
    async list(signal) {
      // Without an answer a search never ends, and keeps the process from ending; this does.
      await use(NOBODY, (entry) => entry.getPassword(signal));
      const found = await findCredentialsAsync(service, undefined, signal);
      return found.map(({ account, password }) => ({ account, secret: password }));
    },
  };
}

/** Forgets the entries that were not used for longest. */
function drop(kept: Map<string, Entry>): void {
  for (const eldest of kept.keys()) {
    if (kept.size <= KEPT_ENTRIES) return;
    kept.delete(eldest);
  }
}
