import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { browserParts, STAND_INS } from '../../scripts/browser-parts.js';
import * as onNode from '../../src/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('what is built for browsers', () => {
  let metafile: Metafile;
  beforeAll(async () => {
    // What Node brings along is no part of a browser: an import of it would end this with an error.
    ({ metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: ['src/index.ts'],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      outdir: 'dist',
      write: false,
      external: ['oauth4webapi'],
      plugins: [browserParts],
      metafile: true,
    }));
  });

  it('imports nothing but the protocol', () => {
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
    expect([...new Set(imports)]).toEqual(['oauth4webapi']);
    const packages = Object.keys(metafile.inputs).filter((path) => path.includes('node_modules'));
    expect(packages.filter((path) => !path.startsWith('node_modules/ipaddr.js/'))).toEqual([]);
  });

  it('has the names that the package has on Node', () => {
    const names = Object.values(metafile.outputs).flatMap((output) => output.exports);
    expect(names.sort()).toEqual(Object.keys(onNode).sort());
  });

  it('holds every stand-in, and none of what they stand in for', () => {
    const inputs = Object.keys(metafile.inputs);
    expect([...STAND_INS.values()].filter((path) => !inputs.includes(`src/${path}`))).toEqual([]);
    expect([...STAND_INS.keys()].filter((path) => inputs.includes(`src/${path}`))).toEqual([]);
  });
});
