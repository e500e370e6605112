import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { titlesIn } from './field/titles.js';

const ROOT = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8');

/** The rows of the tables of attacks: what is tried, what stops it, and the tests that hold it. */
function attacks(): { attack: string; tests: { file: string; title: string }[] }[] {
  const [, section = ''] = read('SECURITY.md').split('## Attacks, and the test for each');
  const [table = ''] = section.split('\n## ');
  return table
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:Attack|---)/.test(line))
    .map((line) => {
      const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      const tests = (cells[3] ?? '').split('<br>').map((cell) => {
        const [, file = '', title = ''] = /^`([^`]+)` › (.+)$/.exec(cell.trim()) ?? [];
        return { file, title: title.replaceAll('\\|', '|') };
      });
      return { attack: cells[1] ?? '', tests };
    });
}

/** The titles in a test file, and those that it lets a helper beside it declare: `describeFailures([…])`. */
function titlesOfTests(file: string): string[] {
  if (!/^test\/.+\.test\.ts$/.test(file) || !existsSync(new URL(file, ROOT))) return [];
  const source = read(file);
  const helpers = [...source.matchAll(/^import \{ (describe\w+) \} from '\.\/([\w-]+)\.js';$/gm)]
    .filter(([, name]) => source.includes(`\n${name}(`))
    .map(([, , helper]) => `${file.slice(0, file.lastIndexOf('/'))}/${helper}.ts`);
  return [source, ...helpers.map(read)].flatMap(titlesIn).map((title) => title.trim());
}

describe('SECURITY.md', () => {
  const rows = attacks();

  it('lists more than 300 attacks, as README says, none of them twice', () => {
    expect(read('README.md')).toContain('more than 300 attacks');
    expect(rows.length).toBeGreaterThan(300);
    expect(new Set(rows.map(({ attack }) => attack)).size).toBe(rows.length);
  });

  it('names for each attack a test that exists under that title', () => {
    const titles = new Map<string, string[]>();
    const titlesOf = (file: string): string[] => {
      const known = titles.get(file) ?? titlesOfTests(file);
      titles.set(file, known);
      return known;
    };
    const untested = rows.filter(
      ({ tests }) => tests.length === 0 || tests.some(({ file, title }) => !titlesOf(file).includes(title)),
    );
    expect(untested).toEqual([]);
  });

  it('has a row for every test file of attacks', () => {
    const named = new Set(rows.flatMap(({ tests }) => tests.map(({ file }) => file)));
    const files = ['test/attacks', 'test/networks', 'test/fuzz'].flatMap((directory) =>
      readdirSync(new URL(directory, ROOT)).map((file) => `${directory}/${file}`),
    );
    const attackers = files.filter((file) => file.endsWith('.test.ts'));
    expect(attackers.length).toBeGreaterThan(30);
    expect(attackers.filter((file) => !named.has(file))).toEqual([]);
  });
});
