import { describe, expect, it } from 'vitest';
import { cycles, violations } from './architecture/rules.js';
import { parseSource, readSources } from './architecture/source-file.js';

describe('the architecture of src/', () => {
  const sources = readSources();

  it('has files to judge', () => {
    expect(sources.map(({ path }) => path)).toEqual(expect.arrayContaining(['errors.ts', 'index.ts', 'http/index.ts']));
  });

  it('keeps to the rooms, to the platform and to the house rules in every file', () => {
    expect(sources.flatMap(violations)).toEqual([]);
  });

  it('has no import circle', () => {
    expect(cycles(sources)).toEqual([]);
  });
});

describe('the rules of the architecture', () => {
  const judge = (path: string, text: string): string[] => violations(parseSource(path, text));

  it.each([
    [
      'an upward import',
      'http/a.ts',
      `import { x } from '../grants/index.js';`,
      /imports upwards, from grants\/index.ts/,
    ],
    ['an upward type', 'http/a.ts', `export type X = import('../tokens/wait.js').X;`, /imports upwards/],
    ['an upward re-export', 'scope.ts', `export { x } from './tokens/index.js';`, /imports upwards/],
    ['an upward dynamic import', 'scope.ts', `export const f = () => import('./index.js');`, /imports upwards/],
    ['a file without a room', 'elsewhere.ts', 'export {};', /stands in no room/],
    ['an SDK', 'with-oauth.ts', `import type { X } from '@modelcontextprotocol/sdk/types.js';`, /imports the SDK/],
    ['a Node module', 'pkce.ts', `import { randomBytes } from 'node:crypto';`, /which only Node has/],
    ['a Node module in a store for every platform', 'stores/lazy-store.ts', `import 'node:fs';`, /which only Node has/],
    ['a Node package', 'http/http.ts', `import { Agent } from 'undici';`, /which only Node has/],
    ['a Node module without its prefix', 'loopback/a.ts', `import 'net';`, /without node:/],
    ['a Node global', 'pkce.ts', `export const x = (s: string) => Buffer.from(s);`, /uses Buffer in line 1/],
    ['more than 400 lines', 'pkce.ts', '\n'.repeat(401), /has 401 lines/],
    ['a module-level let', 'pkce.ts', 'let x = 1;', /mutable module state/],
    ['a module-level map to be filled', 'pkce.ts', 'const x = new Map<string, string>();', /mutable module state/],
    ['a default export', 'pkce.ts', 'export default 1;', /default export/],
    ['a default function', 'pkce.ts', 'export default function f() {}', /default export/],
    ['a renamed default export', 'pkce.ts', 'const a = 1; export { a as default };', /default export/],
    ['a wildcard re-export', 'index.ts', `export * from './pkce.js';`, /re-exports everything/],
    ['console', 'pkce.ts', '\nconsole.log(1);', /uses console in line 2/],
    ['any', 'pkce.ts', 'export const f = (x: unknown) => x as any;', /says any in line 1/],
  ])('see %s', (_, path, text, message) => {
    expect(judge(path, text)).toEqual([expect.stringMatching(message)]);
  });

  it('let pass what is allowed', () => {
    expect(judge('loopback/a.ts', `import { createServer } from 'node:http';\nimport open from 'open';`)).toEqual([]);
    expect(judge('stores/file-a.ts', `import type { X } from './token-store.js';\nprocess.platform;`)).toEqual([]);
    expect(judge('registration/a.ts', `import type { X } from '../stores/token-store.js';`)).toEqual([]);
    expect(
      judge('pkce.ts', 'const words = new Set(["any", "let"]); export const f = (o: { process: 1 }) => o.process;'),
    ).toEqual([]);
    expect(judge('pkce.ts', 'export const f = (process: () => void) => process();')).toEqual([]);
    expect(judge('with-oauth.ts', 'const providers = new WeakMap<object, string>();')).toEqual([]);
  });

  it('see a circle over several files, once', () => {
    const files = [
      parseSource('a.ts', `import './b.js';`),
      parseSource('b.ts', `import type { C } from './d/c.js';`),
      parseSource('d/c.ts', `export * from '../a.js';`),
    ];
    expect(cycles(files)).toEqual(['a.ts → b.ts → d/c.ts → a.ts']);
  });
});
