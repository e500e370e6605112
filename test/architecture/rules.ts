import { isBuiltin } from 'node:module';
import ts from 'typescript';
import { type SourceFile, targetOf, walk } from './source-file.js';

const MAX_LINES = 400;

/**
 * The rooms from the ground up. A file imports from its own line or from a line above it in this list, never from one below.
 * A pattern ends in `/` for a whole folder. The first that matches counts: the interface of the stores and the
 * token set are vocabulary, although they lie in the folders of what is built on them.
 */
const ROOMS: readonly (readonly string[])[] = [
  [
    'errors.ts',
    'types.ts',
    'clock.ts',
    'bounded-wait.ts',
    'events.ts',
    'diagnostics.ts',
    'client-key.ts',
    'grant.ts',
    'extensions.ts',
    'stores/token-store.ts',
    'tokens/token-set.ts',
  ],
  ['http/'],
  ['pkce.ts', 'challenge.ts', 'scope.ts', 'dpop/', 'oauth-error.ts'],
  ['discovery/'],
  ['registration/'],
  ['grants/'],
  ['stores/'],
  ['tokens/'],
  ['loopback/'],
  // What takes the place of the rooms above in a browser.
  ['browser/'],
  ['option-names.ts', 'options.ts'],
  ['authorization/'],
  ['replayable-request.ts', 'parked-requests.ts', 'probe.ts', 'authorized-fetch.ts'],
  ['adapters/'],
  ['auth-provider.ts'],
  ['with-oauth.ts'],
  ['index.ts'],
  ['cli/'],
  // For the tests of applications: built on the public surface, and nothing here is built on it.
  ['testing/'],
];

/** Where Node is allowed. Everything else has to run in a browser or in Deno. */
const NODE_ALLOWED =
  /^(http\/connector\.ts|grants\/file-assertion\.ts|stores\/((file|keychain|redis)-[^/]+|data-directory|default-store|process-notices)\.ts|loopback\/.+|cli\/.+)$/;

/** Dependencies that only run on Node. */
const NODE_PACKAGES = new Set(['undici', 'open', '@napi-rs/keyring', 'redis']);

/** What Node, and nothing else, has as a global. */
const NODE_GLOBALS = new Set(['Buffer', 'process', 'require', '__dirname', '__filename', 'setImmediate']);

/** One sentence for each rule that `file` breaks, seen on its own. */
export function violations(file: SourceFile): string[] {
  return [...roomViolations(file), ...packageViolations(file), ...syntaxViolations(file)].map(
    (text) => `src/${file.path}: ${text}`,
  );
}

/** The import circles among `files`, each once, as the files in order. */
export function cycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, file.imports.flatMap((name) => targetOf(file, name) ?? [])]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

function roomOf(path: string): number {
  const matching = ROOMS.map((room, index) => ({
    index,
    exact: room.includes(path),
    folder: room.some(isFolderOf(path)),
  }));
  return (matching.find(({ exact }) => exact) ?? matching.find(({ folder }) => folder))?.index ?? -1;
}

function isFolderOf(path: string): (pattern: string) => boolean {
  return (pattern) => pattern.endsWith('/') && path.startsWith(pattern);
}

function roomViolations(file: SourceFile): string[] {
  const room = roomOf(file.path);
  if (room < 0) return ['stands in no room; name it in ROOMS of test/architecture/rules.ts'];
  return file.imports
    .flatMap((name) => targetOf(file, name) ?? [])
    .filter((target) => roomOf(target) > room)
    .map((target) => `imports upwards, from ${target}`);
}

function packageViolations(file: SourceFile): string[] {
  return file.imports
    .filter((name) => targetOf(file, name) === undefined)
    .flatMap((name) => {
      if (name.startsWith('@modelcontextprotocol/'))
        return [`imports the SDK ${name}: users may have installed another one`];
      if (isBuiltin(name) && !name.startsWith('node:')) return [`imports ${name} without node:`];
      const nodeOnly = isBuiltin(name) || NODE_PACKAGES.has(name);
      return nodeOnly && !NODE_ALLOWED.test(file.path) ? [`imports ${name}, which only Node has`] : [];
    });
}

function syntaxViolations(file: SourceFile): string[] {
  const found: string[] = [];
  if (file.lines > MAX_LINES) found.push(`has ${file.lines} lines, more than ${MAX_LINES}`);
  for (const statement of file.tree.statements) {
    if (isDefaultExport(statement)) found.push('has a default export');
    if (ts.isExportDeclaration(statement) && statement.exportClause === undefined) found.push('re-exports everything');
    if (ts.isVariableStatement(statement) && isMutable(statement.declarationList))
      found.push('has mutable module state');
  }
  const own = declaredNames(file);
  walk(file.tree, (node) => {
    const line = file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1;
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(`says any in line ${line}`);
    if (!ts.isIdentifier(node) || own.has(node.text) || !isGlobalUse(node)) return;
    if (node.text === 'console' && !file.path.startsWith('cli/')) found.push(`uses console in line ${line}`);
    if (NODE_GLOBALS.has(node.text) && !NODE_ALLOWED.test(file.path)) found.push(`uses ${node.text} in line ${line}`);
  });
  return found;
}

function isDefaultExport(statement: ts.Statement): boolean {
  if (ts.isExportAssignment(statement)) return true;
  if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
    return statement.exportClause.elements.some((element) => element.name.text === 'default');
  }
  return (
    ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)
  );
}

/** `let` and `var`, and a `const` that starts empty: it is there to be filled. A WeakMap belongs to its keys. */
function isMutable(list: ts.VariableDeclarationList): boolean {
  if ((list.flags & ts.NodeFlags.Const) === 0) return true;
  return list.declarations.some(({ initializer }) => {
    if (initializer === undefined) return false;
    if (ts.isArrayLiteralExpression(initializer)) return initializer.elements.length === 0;
    if (ts.isObjectLiteralExpression(initializer)) return initializer.properties.length === 0;
    if (!ts.isNewExpression(initializer)) return false;
    return /^(Map|Set)$/.test(initializer.expression.getText()) && (initializer.arguments?.length ?? 0) === 0;
  });
}

/** What the file itself names: a parameter called `process` is not Node's. */
function declaredNames(file: SourceFile): Set<string> {
  const names = new Set<string>();
  walk(file.tree, (node) => {
    const named = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node);
    if ((named || ts.isFunctionDeclaration(node)) && node.name && ts.isIdentifier(node.name)) names.add(node.name.text);
  });
  return names;
}

/** Whether the identifier stands for itself, and not for a member, a property's name or an imported name. */
function isGlobalUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return !(
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isExportSpecifier(parent)
  );
}
