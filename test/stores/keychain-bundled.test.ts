import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire, Module } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import type { loadDriver } from '../../src/stores/keychain-load.js';
import { closers } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SOURCE = fileURLToPath(new URL('../../src/stores/keychain-load.ts', import.meta.url));
const signal = new AbortController().signal;

const KEYRING = `exports.AsyncEntry = class { getPassword = async () => 'from keyring'; };
exports.findCredentialsAsync = async () => [];`;
const KEYTAR = `exports.getPassword = async () => 'from keytar';
exports.setPassword = exports.deletePassword = exports.findCredentials = async () => undefined;`;

/** An application that is one CommonJS file, as bundlers make them for Electron and VS Code, with packages beside it. */
async function application(packages: Readonly<Record<string, string>>) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'bundle-')));
  closing({ close: () => rm(folder, { recursive: true, force: true }) });
  for (const [name, text] of Object.entries(packages)) {
    const file = join(folder, 'node_modules', name, 'index.js');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  const outfile = join(folder, 'app.cjs');
  const { warnings } = await build({
    entryPoints: [SOURCE],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  });
  const required = createRequire(outfile)(outfile) as { readonly loadDriver: typeof loadDriver };
  return { folder, warnings, loadDriver: required.loadDriver };
}

describe('the keychain of an application that is one CommonJS file', () => {
  it('F36 is reached by the library beside it, and the bundler has nothing to warn of', async () => {
    const { loadDriver, warnings } = await application({ '@napi-rs/keyring': KEYRING, keytar: KEYTAR });
    expect(warnings).toEqual([]);
    expect(await (await loadDriver('s')).get('a', signal)).toBe('from keyring');
  });

  it('F36 is reached by keytar where that is what it brings along', async () => {
    const { loadDriver } = await application({ keytar: KEYTAR });
    expect(await (await loadDriver('s')).get('a', signal)).toBe('from keytar');
  });

  it('F36 is reached by keytar where the application has loaded that already', async () => {
    const { folder, loadDriver } = await application({ '@napi-rs/keyring': KEYRING, keytar: KEYTAR });
    const { cache } = createRequire(join(folder, 'app.cjs'));
    const binary = join(folder, 'node_modules', 'keytar', 'build', 'Release', 'keytar.node');
    cache[binary] = new Module(binary);
    closing({ close: async () => void delete cache[binary] });
    expect(await (await loadDriver('s')).get('a', signal)).toBe('from keytar');
  });
});
