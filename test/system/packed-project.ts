import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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

const CACHE = join(ROOT, 'node_modules/.cache/packed');

/** What is in this checkout, packed once for all files of a test run: `dist/` is built for it. The files run one after the other. */
async function packedTarball(): Promise<string> {
  // Each file has a process of its own, below the one of the run.
  const folder = join(CACHE, String(process.ppid));
  const packed = async () => (await readdir(folder).catch(() => [])).find((name) => name.endsWith('.tgz'));
  if ((await packed()) === undefined) {
    await rm(CACHE, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await run('npm', ['pack', '--pack-destination', folder], { cwd: ROOT });
  }
  return join(folder, (await packed()) ?? 'no tarball');
}

/** Installs the packed tarball in a new project, beside `packages` of the registry: without them there is no SDK. */
export async function packedProject(packages: readonly string[] = []): Promise<PackedProject> {
  const directory = await mkdtemp(join(tmpdir(), 'mcp-oauth-client-'));
  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };
  const tarball = await packedTarball();
  await write('package.json', JSON.stringify({ name: 'user', private: true, type: 'module' }));
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  await run('npm', ['install', ...flags, tarball, ...packages], { cwd: directory });
  return {
    directory,
    installed: join(directory, 'node_modules', 'mcp-oauth-client'),
    write,
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
