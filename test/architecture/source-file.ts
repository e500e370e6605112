import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A source file as the rules see it: its path below `src/`, its lines, its syntax tree and what it imports. */
export interface SourceFile {
  readonly path: string;
  readonly lines: number;
  readonly tree: ts.SourceFile;
  /** The specifiers of static and dynamic imports, re-exports and `import('x')` types, as they are written. */
  readonly imports: readonly string[];
}

/** Parses `text` as the file `path` below `src/`. */
export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const imports: string[] = [];
  walk(tree, (node) => {
    const specifier = importedFrom(node);
    if (specifier !== undefined) imports.push(specifier);
  });
  return { path, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0), tree, imports };
}

/** Every TypeScript file of `src/`. */
export function readSources(): SourceFile[] {
  const root = fileURLToPath(new URL('../../src', import.meta.url));
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => parseSource(relative(root, file).split(sep).join('/'), readFileSync(file, 'utf8')))
    .sort((a, b) => a.path.localeCompare(b.path));
}

/** The file below `src/` that a relative specifier means, `undefined` for a package. */
export function targetOf(file: SourceFile, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(file.path), specifier).replace(/\.js$/, '.ts');
}

/** Calls `visit` for `node` and all that is in it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function importedFrom(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return literal(node.arguments[0]);
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return literal(node.argument.literal);
  return undefined;
}

function literal(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}
