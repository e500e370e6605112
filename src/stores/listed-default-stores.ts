import { type Clock, systemClock } from '../clock.js';
import { type ClientMetadata, DEFAULT_CLIENT_NAME } from '../types.js';
import { defaultPlaces, hostSystem, type StoreSystem } from './default-store.js';
import type { TokenStore } from './token-store.js';

/** Whose default stores. */
export interface DefaultStoresOptions {
  /** The same as that of the providers: the application's name is part of where its sessions are kept. */
  readonly clientMetadata?: ClientMetadata;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/**
 * The stores that sessions can be in where a provider is given none: the system's keychain where it works, and the encrypted files. To
 * be read, e.g. by `listSessions`; a provider that is given one of them keeps its session there.
 *
 * @param options - Of which application.
 * @returns The keychain first, where it works: an item that is written, read and removed tells. Then the files.
 * @throws {@link McpOAuthError} `store_failed` where there is no home directory
 */
export function defaultStores(options: DefaultStoresOptions = {}): Promise<readonly TokenStore[]> {
  return defaultStoresOn(hostSystem, options);
}

/**
 * {@link defaultStores} of another system than this machine.
 *
 * @internal
 */
export async function defaultStoresOn(
  system: StoreSystem,
  { clientMetadata, clock = systemClock }: DefaultStoresOptions,
): Promise<readonly TokenStore[]> {
  const places = defaultPlaces({ system, application: clientMetadata?.client_name ?? DEFAULT_CLIENT_NAME, clock });
  const obstacle = await places.keychainObstacle();
  // Reading leaves the key of the files where it is.
  const files = places.openFiles('file');
  return obstacle === undefined ? [places.openKeychain(), files] : [files];
}
