import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LARGEST_BYTES = 50_000;

/** What goes into a bundle of an entry point, and what it leaves outside. */
async function bundleOf(entry: string, external: string[], platform: 'browser' | 'node') {
  const options = {
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    logLevel: 'silent',
    packages: 'external',
  } as const;
  const result = await build({ ...options, absWorkingDir: ROOT, entryPoints: [entry], external, platform });
  const [output] = Object.values(result.metafile.outputs);
  return {
    inputs: Object.keys(result.metafile.inputs),
    imports: new Set(output?.imports.map(({ path }) => path)),
    bytes: output?.bytes ?? 0,
  };
}

describe('the entry point mcp-oauth-client/testing', { timeout: 30_000 }, () => {
  it('holds its own room and no other, imports the package and nothing of Node, and is small', async () => {
    const { inputs, imports, bytes } = await bundleOf('src/testing/index.ts', ['../index.js'], 'browser');
    expect(inputs.filter((path) => !path.startsWith('src/testing/'))).toEqual([]);
    expect([...imports]).toEqual(['../index.js']);
    expect(bytes).toBeLessThan(LARGEST_BYTES);
  });

  it('is no part of the main entry point', async () => {
    const { inputs } = await bundleOf('src/index.ts', [], 'node');
    expect(inputs).toContain('src/auth-provider.ts');
    expect(inputs.filter((path) => path.startsWith('src/testing/'))).toEqual([]);
  });
});
