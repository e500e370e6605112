import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where programs keep a user's data.
 *
 * @see {@link https://specifications.freedesktop.org/basedir-spec/latest/ | XDG Base Directory Specification}
 */
export function dataDirectory(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string {
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support');
  const xdg = env['XDG_DATA_HOME'];
  return xdg?.startsWith('/') ? xdg : join(homedir(), '.local', 'share');
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
