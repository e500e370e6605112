import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { refused } from './file-error.js';

/**
 * Where programs keep a user's data. Never a place relative to the current directory, which an empty variable would make of it: the
 * files of a stranger's project would be taken for the user's own.
 *
 * @throws McpOAuthError `store_failed` where the home directory is not an absolute path; the system's error where it is unknown
 * @see {@link https://specifications.freedesktop.org/basedir-spec/latest/ | XDG Base Directory Specification}
 */
export function dataDirectory(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string {
  if (platform === 'win32') return absolute(env['LOCALAPPDATA']) ?? join(home(), 'AppData', 'Local');
  if (platform === 'darwin') return join(home(), 'Library', 'Application Support');
  return absolute(env['XDG_DATA_HOME']) ?? join(home(), '.local', 'share');
}

function home(): string {
  const directory = absolute(homedir());
  if (directory !== undefined) return directory;
  throw refused(
    'The home directory is not an absolute path.',
    'Set HOME (on Windows USERPROFILE) to one, or give a `store`.',
  );
}

function absolute(directory: string | undefined): string | undefined {
  return directory !== undefined && isAbsolute(directory) ? directory : undefined;
}

/**
 * The application's name as the name of a folder. Names that differ in more than case and punctuation never give the same one:
 * where letters are lost, a hash of the name stands for them.
 */
export function applicationFolder(application: string): string {
  const readable = application
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 64);
  const isWhole = /^[\x20-\x7e]*$/.test(application) && application.length <= 64;
  if (isWhole) return readable === '' ? 'default' : readable;
  const hash = createHash('sha256').update(application.normalize(), 'utf8').digest('hex').slice(0, 12);
  return readable === '' ? hash : `${readable}-${hash}`;
}
