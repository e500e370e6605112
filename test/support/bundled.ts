import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What the library loads on use, and what has no JavaScript to bundle. */
const LOADED_ON_USE = ['undici', 'open', '@napi-rs/keyring', 'redis'];

/** A program of this repository as JavaScript, ready to be started often: to transpile it costs more than what it does. */
export interface BundledProgram {
  /** What Node runs. */
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Bundles a program once for a test file.
 *
 * @param entry - Its TypeScript, which may import this package by its name.
 * @param packages - `external` (default): each is loaded from where it is installed. `inside`: what is loaded at the start is
 * part of it, which saves nearly half of the start; a CommonJS package that requires one of Node's modules cannot be.
 */
export async function bundled(entry: URL, packages: 'external' | 'inside' = 'external'): Promise<BundledProgram> {
  // Below the root, so that it finds the packages.
  const cache = join(ROOT, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const source = fileURLToPath(entry);
  const name = basename(source, '.ts');
  const folder = await mkdtemp(join(cache, `${name}-`));
  const close = () => rm(folder, { recursive: true, force: true });
  const building = build({
    entryPoints: [source],
    outdir: folder,
    bundle: true,
    // What is loaded on use stays a file of its own.
    splitting: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    alias: { 'mcp-oauth-client': join(ROOT, 'src', 'index.ts') },
    ...(packages === 'external' ? { packages } : { external: LOADED_ON_USE }),
    logLevel: 'error',
  });
  await building.catch(async (error: unknown) => {
    await close();
    throw error;
  });
  // The command asks this package for its version.
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'));
  return { path: join(folder, `${name}.mjs`), close };
}
