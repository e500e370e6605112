import { resolve } from 'node:path';
import type { SessionStore } from '../auth-provider.js';
import { listSessions, type StoredSession } from '../authorization/list-sessions.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { defaultPlaces } from '../stores/default-store.js';
import { FileTokenStore } from '../stores/file-token-store.js';
import type { TokenStore } from '../stores/token-store.js';
import type { Io } from './io.js';
import type { StoreFlags } from './options.js';
import { UsageError } from './usage-error.js';

/** The name that the command's sessions and registrations are kept under, and that people read on consent pages. */
export const APPLICATION = 'mcp-oauth-client';

/** A store that the command line named, and what `status` says of it. */
export interface GivenStore {
  readonly store: TokenStore;
  readonly where: SessionStore;
}

/** A stored session, and where it is kept. */
export type ListedSession = StoredSession & { readonly store: SessionStore };

/** What was found, and what could not be looked into. */
export interface Listing {
  readonly sessions: readonly ListedSession[];
  readonly problems: readonly McpOAuthError[];
  /** Where it was looked. */
  readonly places: readonly SessionStore[];
}

/**
 * The store that `--store` and `--directory` name; `undefined` where they name none and the library chooses.
 *
 * @throws McpOAuthError `store_failed` where the keychain is named and cannot be used
 */
export async function openGivenStore(io: Io, { store, directory }: StoreFlags): Promise<GivenStore | undefined> {
  if (store === 'keychain') {
    if (directory !== undefined) throw new UsageError('--directory is for files: leave --store keychain out.');
    const places = placesOf(io);
    const obstacle = await places.keychainObstacle();
    if (obstacle !== undefined) throw unusable(obstacle);
    return {
      store: places.openKeychain(),
      where: { kind: 'keychain', reason: `--store keychain names it; the service is ${places.service}.` },
    };
  }
  if (store === undefined && directory === undefined) return undefined;
  if (directory === '') throw new UsageError('--directory needs the path of a directory.');
  const places = placesOf(io);
  const path = directory === undefined ? places.directory : resolve(directory);
  const files = new FileTokenStore({ directory: path, keyStorage: 'file', clock: io.clock });
  return {
    store: files,
    where: { kind: 'file', reason: `${directory === undefined ? '--store file' : '--directory'} names ${path}.` },
  };
}

/** Where a session is kept, in few words for people; JSON has the library's reason. */
export function placeText(io: Io, { directory }: StoreFlags, { kind, reason = '' }: SessionStore): string {
  if (kind === 'given' || kind === 'memory') return kind === 'given' ? 'the store that was given' : 'memory only';
  const places = placesOf(io);
  if (kind === 'keychain') return `the system's keychain, as ${places.service}`;
  const fallback = /keychain cannot be used/.test(reason) ? ", as the system's keychain cannot be used" : '';
  return `encrypted files in ${directory === undefined ? places.directory : resolve(directory)}${fallback}`;
}

/** Every session of the command: in the store that was named, else in both places of the default store. */
export async function listAll(io: Io, flags: StoreFlags): Promise<Listing> {
  const given = await openGivenStore(io, flags);
  if (given !== undefined) return gather(io, [given]);
  const places = placesOf(io);
  const obstacle = await places.keychainObstacle();
  const files: GivenStore = {
    // Reading leaves the key where it is.
    store: places.openFiles('file'),
    where: { kind: 'file', reason: `It is in the encrypted files in ${places.directory}.` },
  };
  if (obstacle !== undefined) return gather(io, [files]);
  const keychain: GivenStore = {
    store: places.openKeychain(),
    where: { kind: 'keychain', reason: `It is in the system's keychain; the service is ${places.service}.` },
  };
  return gather(io, [keychain, files]);
}

async function gather(io: Io, places: readonly GivenStore[]): Promise<Listing> {
  const sessions: ListedSession[] = [];
  const problems: McpOAuthError[] = [];
  for (const { store, where } of places) {
    try {
      const found = await listSessions(store, { clock: io.clock });
      sessions.push(...found.map((session) => ({ ...session, store: where })));
    } catch (error) {
      if (!isMcpOAuthError(error)) throw error;
      problems.push(error);
    }
  }
  return { sessions, problems, places: places.map(({ where }) => where) };
}

function placesOf({ system, clock }: Io) {
  return defaultPlaces({ system, application: APPLICATION, clock });
}

function unusable(obstacle: string): McpOAuthError {
  return new McpOAuthError('store_failed', `The system's keychain cannot be used: ${obstacle}`, { stage: 'store' });
}
