import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import * as library from '../../src/index.js';
import * as testing from '../../src/testing/index.js';
import { codeBlocks } from '../readme/code-blocks.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a document, by its path from the root. */
export const documentText = (path: string): string => readFileSync(`${ROOT}/${path}`, 'utf8');

/**
 * Runs the one TypeScript block of a document that contains `text`, as it stands there, and gives what it exports. This package is the
 * source; `modules` are the others that it imports, `globals` what it uses without declaring it.
 */
export async function runBlock<T>(
  path: string,
  text: string,
  modules: Readonly<Record<string, unknown>> = {},
  globals: Readonly<Record<string, unknown>> = {},
): Promise<T> {
  const found = codeBlocks(path, documentText(path)).filter(({ code }) => code.includes(text));
  const [block] = found;
  if (block === undefined || found.length > 1) throw new Error(`${path} has ${found.length} blocks with "${text}"`);
  const { outputText } = ts.transpileModule(block.code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: false },
  });
  const known: Readonly<Record<string, unknown>> = {
    'mcp-oauth-client': library,
    'mcp-oauth-client/testing': testing,
    ...modules,
  };
  const exported = {};
  const require = (name: string): unknown => {
    if (!(name in known)) throw new Error(`${path}:${block.line} imports ${name}, which the test does not give`);
    return known[name];
  };
  const given = { ...globals, exports: exported, require };
  // In a function of its own, where it may await as a module may.
  const names = Object.keys(given).join(', ');
  const run: unknown = runInThisContext(`(async (given) => { const { ${names} } = given; ${outputText}\n})`);
  await (run as (given: object) => Promise<void>)(given);
  return exported as T;
}
