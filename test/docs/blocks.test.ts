import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { codeBlocks } from '../readme/code-blocks.js';
import { blockRuns, blocksWithout, type IdleBlock, misplaced } from './block-runs.js';
import { documentText } from './run-block.js';

/** Blocks that no test runs: none at the moment. All of them compile (`test/readme.test.ts`). */
const NOT_RUN: readonly IdleBlock[] = [];

const ROOT = new URL('../../', import.meta.url);
const namesIn = (folder: string, end: string) =>
  readdirSync(fileURLToPath(new URL(folder, ROOT))).filter((name) => name.endsWith(end));

const documents = ['README.md', ...namesIn('docs', '.md').map((name) => `docs/${name}`)];
const blocks = documents.flatMap((path) => codeBlocks(path, documentText(path)));
const runs = namesIn('test/docs', '.test.ts').flatMap((name) => {
  const source = readFileSync(fileURLToPath(new URL(`test/docs/${name}`, ROOT)), 'utf8');
  return blockRuns(`test/docs/${name}`, source);
});

describe('the TypeScript blocks of README.md and the guides', () => {
  it('are each run by a test, or listed with the reason why not', () => {
    expect(blocks.length).toBeGreaterThan(70);
    const neither = blocksWithout([...runs, ...NOT_RUN], blocks);
    expect(neither.map(({ path, line }) => `${path}:${line}`)).toEqual([]);
  });

  it('that are listed exist, are not run after all, and have a reason', () => {
    expect(misplaced(NOT_RUN, blocksWithout(runs, blocks))).toEqual([]);
  });
});

describe('the check of what is run', () => {
  const source = `
    const PATH = 'docs/a.md';
    const load = () => runBlock<{ one: string }>(PATH, 'const one');
    it('x', async () => {
      const text = "const two";
      await runBlock('docs/b.md', text, {}, {});
      for (const name of names) await runBlock(PATH, \`it('\${name}'\`);
    });`;

  it('reads the calls of a test', () => {
    expect(blockRuns('x.test.ts', source)).toEqual([
      { path: 'docs/a.md', text: 'const one' },
      { path: 'docs/b.md', text: 'const two' },
      { path: 'docs/a.md', text: "it('" },
    ]);
  });

  it('finds a block that nobody runs, and one that is run in another document only', () => {
    const markdown = ['const one = 1;', 'const two = 2;', "it('works');"].map((line) => `\`\`\`ts\n${line}\n\`\`\``);
    const idle = blocksWithout(blockRuns('x.test.ts', source), codeBlocks('docs/a.md', markdown.join('\n')));
    expect(idle.map(({ line }) => line)).toEqual([4]);
  });

  it.each([
    ['a block that exists, with a reason', 'const two', 'It needs a machine that no test has.', 0],
    ['no block', 'const three', 'It needs a machine that no test has.', 1],
    ['a block that is run', 'const one', 'It needs a machine that no test has.', 1],
    ['no reason', 'const two', 'Later.', 1],
  ])('the list: %s', (_, text, because, wrong) => {
    const markdown = '```ts\nconst one = 1;\n```\n```ts\nconst two = 2;\n```';
    const idle = blocksWithout(blockRuns('x.test.ts', source), codeBlocks('docs/a.md', markdown));
    expect(misplaced([{ path: 'docs/a.md', text, because }], idle)).toHaveLength(wrong);
  });

  it.each([
    ['a text that is worked out', "runBlock('docs/a.md', names[0]);"],
    ['a variable that may change', "let text = 'const one'; runBlock('docs/a.md', text);"],
    ['a parameter', "const text = 'one'; const load = (text: string) => runBlock('docs/a.md', text);"],
    ['a text of a list', "const text = 'one'; for (const text of texts) { runBlock('docs/a.md', text); }"],
    ['no text', "runBlock('docs/a.md', '');"],
    ['a text that begins with a gap', `runBlock('docs/a.md', \`\${name} = 1\`);`],
  ])('refuses %s', (_, call) => {
    expect(() => blockRuns('x.test.ts', call)).toThrow('x.test.ts:1: write the document');
  });
});
