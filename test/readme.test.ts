import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from './readme/code-blocks.js';
import { typeCheck } from './readme/type-check.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** README.md and what is written by hand below docs/, as paths from the root. */
function documents(): string[] {
  const docs = join(ROOT, 'docs');
  const written = existsSync(docs) ? readdirSync(docs, { recursive: true, withFileTypes: true }) : [];
  const below = written
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'));
  return ['README.md', ...below.filter((path) => !path.startsWith('docs/api/')).sort()];
}

describe('the documentation', () => {
  const blocks = documents().flatMap((path) => codeBlocks(path, readFileSync(join(ROOT, path), 'utf8')));
  let problems: string[] = [];
  // The whole public surface and both SDKs are loaded once.
  beforeAll(() => {
    problems = typeCheck(ROOT, blocks);
  }, 120_000);

  it('has TypeScript blocks to check', () => {
    expect(blocks.some(({ path }) => path === 'README.md')).toBe(true);
  });

  it('compiles, every TypeScript block', () => {
    expect(problems).toEqual([]);
  });
});

describe('the check of the documentation', () => {
  const markdown = [
    '# Title',
    '```ts',
    'const one: number = await Promise.resolve(1);',
    '```',
    '<!-- given:',
    "import type { TokenStore } from 'mcp-oauth-client';",
    'declare const store: TokenStore;',
    '-->',
    '',
    '```ts',
    "await store.get('a');",
    'const two: string = 2;',
    '```',
    '```sh',
    'npm test',
    '```',
    '  ```ts title="indented"',
    "  import { nothing } from 'mcp-oauth-client';",
    '  ```',
  ].join('\n');

  it('takes the TypeScript blocks with what is given to them', () => {
    expect(codeBlocks('x.md', markdown).map(({ line }) => line)).toEqual([2, 10, 17]);
  });

  it('names file and line of an error', { timeout: 60_000 }, () => {
    expect(typeCheck(ROOT, codeBlocks('x.md', markdown))).toEqual([
      "x.md:12: Type 'number' is not assignable to type 'string'.",
      expect.stringMatching(/^x\.md:18: .*no exported member 'nothing'/),
    ]);
  });

  it('refuses a block that is not closed', () => {
    expect(() => codeBlocks('x.md', 'a\n```ts\nconst x = 1;')).toThrow('x.md:2: the code block is not closed.');
  });
});
