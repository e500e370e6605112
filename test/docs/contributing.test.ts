import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { titlesIn } from '../field/titles.js';
import { rows, section } from '../support/markdown.js';
import { documentText } from './run-block.js';

const ROOT = new URL('../../', import.meta.url);
const TEXT = documentText('CONTRIBUTING.md');

const exists = (path: string): boolean => existsSync(fileURLToPath(new URL(path, ROOT)));
const inCode = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
/** `ROOMS` of the rules, read from their source: the rooms from the ground up, each with its patterns. */
function rooms(): string[][] {
  const source = documentText('test/architecture/rules.ts');
  const tree = ts.createSourceFile('rules.ts', source, ts.ScriptTarget.ESNext, true);
  const declarations = tree.statements.flatMap((statement) =>
    ts.isVariableStatement(statement) ? statement.declarationList.declarations : [],
  );
  const list = declarations.find(({ name }) => name.getText() === 'ROOMS')?.initializer;
  if (list === undefined || !ts.isArrayLiteralExpression(list)) throw new Error('ROOMS is no list any more.');
  return list.elements.map((room) => [...room.getText().matchAll(/'([^']+)'/g)].map(([, pattern = '']) => pattern));
}

/** What is named in code or linked to, and lies in this repository. */
function paths(): string[] {
  const named = inCode(TEXT).filter((code) =>
    /^(?:\.ci|\.github|bench|docs|examples|scripts|src|test)\/\S*$/.test(code),
  );
  const linked = [...TEXT.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path);
  const spoken = [...TEXT.matchAll(/\b[A-Z]+\.md\b/g)].map(([path]) => path);
  return [...new Set([...named, ...linked, ...spoken])];
}

describe('CONTRIBUTING.md', () => {
  it('names files and folders that exist', () => {
    expect(paths().length).toBeGreaterThan(80);
    expect(paths().filter((path) => !exists(path))).toEqual([]);
  });

  it('has the rooms as the rules have them, from the ground up', () => {
    expect(rooms().length).toBeGreaterThan(10);
    expect(
      rooms()
        .flat()
        .filter((pattern) => !exists(`src/${pattern}`)),
    ).toEqual([]);
    expect(rows(section(TEXT, 'The rooms')).map(([patterns = '']) => inCode(patterns))).toEqual(rooms());
  });

  it('names for each invariant files that hold it and tests that exist under their titles', () => {
    const invariants = rows(section(TEXT, 'The invariants'));
    expect(invariants.length).toBeGreaterThanOrEqual(10);
    for (const [what = '', held = '', tests = ''] of invariants) {
      expect([what, inCode(held).length > 0]).toEqual([what, true]);
      const named = tests.split('<br>').map((cell) => /^`([^`]+)` › (.+)$/.exec(cell)?.slice(1));
      const missing = named.filter(
        (test) => test === undefined || !titlesIn(documentText(test[0] ?? '')).includes(test[1] ?? ''),
      );
      expect([what, missing]).toEqual([what, []]);
    }
  });

  it('shows npm scripts that there are, and every check that .ci/run makes', () => {
    const { scripts } = JSON.parse(documentText('package.json')) as { scripts: Readonly<Record<string, string>> };
    const used = (text: string) => new Set([...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name));
    const shown = used(TEXT);
    expect([...shown].filter((name) => scripts[name] === undefined)).toEqual([]);
    const aside = ['build', 'demo'];
    const checks = [...used(documentText('.ci/run'))].filter((name) => !aside.includes(name));
    expect(checks.length).toBeGreaterThan(4);
    expect(checks.filter((name) => !shown.has(name))).toEqual([]);
  });

  it('links to sections that it has', () => {
    const anchors = [...TEXT.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'));
    const linked = [...TEXT.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(linked.length).toBeGreaterThan(5);
    expect(linked.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  });
});
