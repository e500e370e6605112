import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../clock.js';
import { FileTokenStore } from './file-token-store.js';
import type { TokenStore } from './token-store.js';

/** The store that is used where the application gives none, and why it is that one. */
export interface DefaultStore {
  readonly store: TokenStore;
  readonly kind: string;
  readonly reason: string;
}

/**
 * An encrypted file in the user's data directory, in a folder of the application's own.
 *
 * @param application - The application's name; two applications do not share a store by accident.
 */
export function openDefaultStore(application: string, clock: Clock): DefaultStore {
  const directory = join(dataDirectory(process.platform, process.env), 'mcp-oauth-client', folderName(application));
  return {
    store: new FileTokenStore({ directory, clock }),
    kind: 'file',
    reason: `no store was given; encrypted files in ${directory}`,
  };
}

/**
 * Where programs keep a user's data.
 *
 * @see {@link https://specifications.freedesktop.org/basedir-spec/latest/ | XDG Base Directory Specification}
 * @internal
 */
export function dataDirectory(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string {
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support');
  const xdg = env['XDG_DATA_HOME'];
  return xdg?.startsWith('/') ? xdg : join(homedir(), '.local', 'share');
}

function folderName(application: string): string {
  const readable = application
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 64);
  return readable === '' ? 'default' : readable;
}
