import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const run = promisify(execFile);

/** A user's project that the packed tarball is installed in. */
export interface PackedProject {
  readonly directory: string;
  /** The installed package. */
  readonly installed: string;
  /** Writes a file of the project. @returns its path */
  write(name: string, text: string): Promise<string>;
  close(): Promise<void>;
}

/** Packs what is in this checkout, which builds `dist/` first, and installs it without any SDK. */
export async function packedProject(): Promise<PackedProject> {
  const directory = await mkdtemp(join(tmpdir(), 'mcp-oauth-client-'));
  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };
  await run('npm', ['pack', '--pack-destination', directory], { cwd: ROOT });
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? 'no tarball';
  await write('package.json', JSON.stringify({ name: 'user', private: true, type: 'module' }));
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  await run('npm', ['install', ...flags, join(directory, tarball)], { cwd: directory });
  return {
    directory,
    installed: join(directory, 'node_modules', 'mcp-oauth-client'),
    write,
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
