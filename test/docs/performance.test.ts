import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { COST_CASES } from '../attacks/bounds-cases.js';
import { rows, section } from '../support/markdown.js';
import { documentText } from './run-block.js';

const TEXT = documentText('docs/performance.md');

/** What `--only` chooses among: the names that `bench/run.ts` gives to `measure`, in its order. */
function measurements(): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'measure') {
      const [name] = node.arguments;
      if (name !== undefined && ts.isStringLiteral(name)) names.push(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('run.ts', documentText('bench/run.ts'), ts.ScriptTarget.ESNext, true));
  return names;
}

describe('the page about performance', () => {
  it('has each measurement that --only takes, and no other', () => {
    expect(measurements().length).toBeGreaterThan(10);
    expect(rows(section(TEXT, 'The measurements')).map(([name]) => name?.replaceAll('`', ''))).toEqual(measurements());
  });

  it('shows --only with names that exist', () => {
    const shown = [...TEXT.matchAll(/--only (?:'([^']+)'|([\w-]+))/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
    expect(shown.length).toBeGreaterThan(1);
    const names = shown.flatMap((each) => each.split(','));
    expect(names.filter((name) => !measurements().includes(name))).toEqual([]);
  });

  it('shows flags of the program and npm scripts that exist', () => {
    const program = documentText('bench/run.ts');
    const flags = [...section(TEXT, 'Reproduce it').matchAll(/ --([a-z]+)/g)].map(([, name = '']) => name);
    expect(flags.length).toBeGreaterThan(3);
    expect(flags.filter((name) => !program.includes(`    ${name}: { type: `))).toEqual([]);
    const { scripts } = JSON.parse(documentText('package.json')) as { scripts: Readonly<Record<string, string>> };
    const used = [...TEXT.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name);
    expect(used.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('explains each row of the table in README.md', () => {
    const readme = rows(section(documentText('README.md'), "Beside the SDKs' own auth")).map(([name]) => name);
    expect(readme.length).toBeGreaterThan(10);
    const explained = rows(section(TEXT, 'The rows of the table')).map(([name]) => name);
    expect(readme.filter((name) => !explained.includes(name))).toEqual([]);
  });

  it('has what each hostile server of the measurement costs', () => {
    const told = rows(section(TEXT, 'What a hostile server costs')).map(([name]) => name);
    expect(told).toEqual(COST_CASES.map(({ name }) => name));
  });
});
