import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { untilAborted } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import { abortError } from '../errors.js';
import { applicationFolder, dataDirectory } from './data-directory.js';
import { entryName } from './file-envelope.js';
import { fileFailure } from './file-error.js';
import { FileTokenStore } from './file-token-store.js';
import type { KeyStorage } from './key-storage.js';
import { openKeychain } from './keychain-backend.js';
import { type KeychainSystem, keychainObstacle } from './keychain-obstacle.js';
import { KeychainTokenStore } from './keychain-token-store.js';
import { LazyStore } from './lazy-store.js';
import type { TokenStore } from './token-store.js';

/** Which store the library chose, and why, in plain English and without a secret. */
export interface StoreChoice {
  readonly kind: 'keychain' | 'file';
  readonly reason: string;
}

/** The store that is used where the application gives none. */
export interface DefaultStore {
  /** Its first use chooses. */
  readonly store: TokenStore;
  /** What was chosen; chooses, where nothing was used yet. */
  choice(): Promise<StoreChoice>;
}

/** What a default store is built on; tests have their own. */
export interface StoreSystem extends KeychainSystem {
  openKeychainStore(options: { service: string; clock: Clock }): TokenStore;
}

/** Options of {@link openDefaultStore}. */
export interface DefaultStoreOptions {
  readonly system: StoreSystem;
  /** The application's name; two applications do not share a store by accident. */
  readonly application: string;
  readonly clock: Clock;
  /** The keys that a session has for as long as it lasts. */
  readonly sessionKeys: () => readonly string[];
  /** Ends the choosing. */
  readonly closed: () => AbortSignal;
  /** Is told once. */
  readonly onChoice: (choice: StoreChoice) => void;
}

/** The machine that the process runs on. */
export const hostSystem: StoreSystem = {
  platform: process.platform,
  env: process.env,
  openKeychain,
  openKeychainStore: (options) => new KeychainTokenStore(options),
};

/** The two places that a default store chooses between. Nothing is opened or asked before it is told to. */
export interface DefaultPlaces {
  /** Of the encrypted files. */
  readonly directory: string;
  /** The name under which the keychain shows the items. */
  readonly service: string;
  openFiles(keyStorage: KeyStorage): TokenStore;
  openKeychain(): TokenStore;
  /** Why the keychain cannot be used, or `undefined` where it can. At most 4 s; never rejects. */
  keychainObstacle(): Promise<string | undefined>;
}

/**
 * The places of an application, for whoever has to look into both.
 *
 * @throws McpOAuthError `store_failed` where there is no home directory
 */
export function defaultPlaces({
  system,
  application,
  clock,
}: Pick<DefaultStoreOptions, 'system' | 'application' | 'clock'>): DefaultPlaces {
  const folder = applicationFolder(application);
  const directory = placeOf(system, folder);
  const service = `mcp-oauth-client/${folder}`;
  return {
    directory,
    service,
    openFiles: (keyStorage) => new FileTokenStore({ directory, keyStorage, clock }),
    openKeychain: () => system.openKeychainStore({ service, clock }),
    keychainObstacle: () => keychainObstacle(system, service, clock),
  };
}

type Chosen = StoreChoice & { readonly store: TokenStore };

/**
 * The system's keychain where it works, else encrypted files in the user's data directory, in a folder of the application's own. The
 * first use chooses, within about 4 s, and the choice is one for the life of the store.
 *
 * A session stays where it began: where the files hold it (the keychain was locked or absent then), they are used and the keychain is
 * not even asked. So nobody signs in again because a keychain came or went, windows agree whatever the keychain says to each, and
 * who signed out stays signed out. When it has ended, the next start begins in the keychain.
 *
 * Nothing is ever copied or moved between the two. A process that uses the files may be alive and hold the session's refresh token in
 * memory: moved, it would be presented by two who do not see each other's rotation, and the server would revoke both. The worst case
 * is therefore two sessions, each with a refresh token of its own: a session in the keychain, and a window that started while
 * the keychain was locked and signed in. From then on new windows share the latter.
 */
export function openDefaultStore(options: DefaultStoreOptions): DefaultStore {
  let chosen: StoreChoice | undefined;
  const store = new LazyStore(async () => {
    const { store: opened, kind, reason } = await choose(options);
    chosen = { kind, reason };
    options.onChoice(chosen);
    return opened;
  }, options.clock);
  return {
    store,
    async choice() {
      await store.opened();
      return chosen as StoreChoice;
    },
  };
}

async function choose(options: DefaultStoreOptions): Promise<Chosen> {
  const closed = options.closed();
  if (closed.aborted) throw abortError(closed, 'store');
  const places = defaultPlaces(options);
  const { directory, service } = places;
  const inFiles = (reason: string, keyStorage: KeyStorage): Chosen => {
    return { kind: 'file', reason, store: places.openFiles(keyStorage) };
  };
  if (await holdsAny(directory, options.sessionKeys())) {
    return inFiles(
      `The session is in the encrypted files in ${directory} already, and stays there until it ends.`,
      'auto',
    );
  }
  const obstacle = await untilAborted(places.keychainObstacle(), closed, 'store');
  if (obstacle !== undefined) {
    return inFiles(
      `No store was given, and the system's keychain cannot be used: ${obstacle} Encrypted files in ${directory} take its place.`,
      // It was asked a moment ago.
      'file',
    );
  }
  return {
    kind: 'keychain',
    reason: `No store was given, and the system's keychain works; the service is named ${service}.`,
    store: places.openKeychain(),
  };
}

function placeOf({ platform, env }: StoreSystem, folder: string): string {
  try {
    return join(dataDirectory(platform, env), 'mcp-oauth-client', folder);
  } catch (error) {
    throw fileFailure(error, "find the user's home directory");
  }
}

/** Whether a {@link FileTokenStore} in the directory has one of the keys. What is damaged counts: the store is to report it. */
async function holdsAny(directory: string, keys: readonly string[]): Promise<boolean> {
  for (const key of keys) {
    const there = await lstat(join(directory, `${entryName(key)}.json`)).then(
      () => true,
      () => false,
    );
    if (there) return true;
  }
  return false;
}
