import { exec } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of an example's folder after `npm run build`. */
export interface BuiltFolder {
  readonly path: string;
  /** What the bundler printed. */
  readonly output: string;
  close(): Promise<void>;
}

/**
 * Copies the folder of an example and runs its script `build`, as its README says.
 *
 * @param modules - The text of the modules that the example's host brings along, by name: CommonJS.
 */
export async function runBuildScript(example: string, modules: Readonly<Record<string, string>>): Promise<BuiltFolder> {
  // Below the root, so that it finds the packages.
  const cache = join(ROOT, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const path = await mkdtemp(join(cache, `${example}-`));
  const close = () => rm(path, { recursive: true, force: true });
  try {
    await cp(join(ROOT, 'examples', example), path, { recursive: true });
    for (const [name, text] of Object.entries(modules)) {
      await mkdir(join(path, 'node_modules', name), { recursive: true });
      await writeFile(join(path, 'node_modules', name, 'index.js'), text);
    }
    await installLibrary(join(path, 'node_modules', 'mcp-oauth-client'));
    const { scripts } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as {
      scripts: { build: string };
    };
    const PATH = [join(ROOT, 'node_modules', '.bin'), process.env['PATH']].join(delimiter);
    const { stdout, stderr } = await promisify(exec)(scripts.build, { cwd: path, env: { ...process.env, PATH } });
    return { path, output: stdout + stderr, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** This library as it is installed: its own code in one file, every package by its name. */
async function installLibrary(folder: string): Promise<void> {
  await build({
    entryPoints: [join(ROOT, 'src', 'index.ts')],
    outfile: join(folder, 'index.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', exports: './index.js' }));
}
