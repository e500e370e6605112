import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEYTAR_VERSION = '7.9.0';
const BUILD_TIMEOUT_MS = 150_000;
const run = promisify(execFile);

/** The two libraries that reach a keychain. Both in one process can crash it. */
export type Library = '@napi-rs/keyring' | 'keytar';

/** A project in which only one of the libraries is installed, and a bundled program that uses what it finds there. */
export interface Project {
  readonly program: string;
  /** Loads a module as the project's code would. */
  readonly require: NodeJS.Require;
  remove(): Promise<void>;
}

/** Sets the project up; keytar is built from source, which takes seconds and needs the package registry. */
export async function projectWith(library: Library): Promise<Project> {
  const directory = await mkdtemp(join(tmpdir(), 'keychain-project-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  const program = join(directory, 'program.mjs');
  try {
    await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'application', private: true }));
    if (library === 'keytar') await buildKeytar(directory);
    else await linkKeyring(directory);
    await build({
      entryPoints: [fileURLToPath(new URL('keychain-program.ts', import.meta.url))],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@napi-rs/keyring', 'keytar'],
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      logLevel: 'error',
    });
    return { program, require: createRequire(program), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function linkKeyring(directory: string): Promise<void> {
  await mkdir(join(directory, 'node_modules'));
  await symlink(join(ROOT, 'node_modules', '@napi-rs'), join(directory, 'node_modules', '@napi-rs'));
}

async function buildKeytar(directory: string): Promise<void> {
  // The headers that came with this Node, where they are: otherwise they are downloaded.
  const prefix = dirname(dirname(process.execPath));
  const hasHeaders = existsSync(join(prefix, 'include', 'node', 'node.h'));
  const env = {
    ...process.env,
    npm_config_build_from_source: 'true',
    ...(hasHeaders && { npm_config_nodedir: prefix }),
  };
  const args = ['install', `keytar@${KEYTAR_VERSION}`, '--no-audit', '--no-fund', '--ignore-scripts=false'];
  await run('npm', args, { cwd: directory, env, timeout: BUILD_TIMEOUT_MS });
  if (!existsSync(join(directory, 'node_modules', 'keytar', 'build', 'Release', 'keytar.node'))) {
    throw new Error('keytar was installed but not built');
  }
}
