/** dist/browser.js is src/index.ts without what only Node has: this says which file of src/browser/ takes the place of which other. */
import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Paths below src/. */
export const STAND_INS = new Map([
  ['grants/file-assertion.ts', 'browser/file-assertion.ts'],
  ['http/way-out.ts', 'browser/way-out.ts'],
  ['loopback/address.ts', 'browser/loopback.ts'],
  ['loopback/index.ts', 'browser/loopback.ts'],
  ['stores/default-store.ts', 'browser/default-store.ts'],
  ['stores/index.ts', 'browser/stores.ts'],
]);

/** For esbuild: imports of what only Node has lead to its stand-in. */
export const browserParts = {
  name: 'browser-parts',
  setup(build) {
    build.onResolve({ filter: /^\..+\.js$/ }, ({ path, importer }) => {
      const wanted = relative(SRC, resolve(dirname(importer), path))
        .split(sep)
        .join('/')
        .replace(/\.js$/, '.ts');
      const standIn = STAND_INS.get(wanted);
      return standIn === undefined ? undefined : { path: resolve(SRC, standIn), sideEffects: false };
    });
  },
};
