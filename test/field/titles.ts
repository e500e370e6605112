import ts from 'typescript';

const FUNCTIONS: ReadonlySet<string> = new Set(['describe', 'it', 'test']);

/** The titles that a test file gives to `describe`, `it` and `test`; of a table, every text in it. */
export function titlesIn(source: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTestFunction(node.expression)) titles.push(...titleOf(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', source, ts.ScriptTarget.Latest, false));
  return titles;
}

/** `it`, `it.only`, `it.each(table)` and so on. */
function isTestFunction(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return FUNCTIONS.has(callee.text);
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) return isTestFunction(callee.expression);
  return false;
}

function titleOf(call: ts.CallExpression): string[] {
  const [first] = call.arguments;
  const { expression: callee } = call;
  const isTable = ts.isPropertyAccessExpression(callee) && callee.name.text === 'each';
  if (first === undefined) return [];
  if (isTable) return textsIn(first);
  // What `runIf(…)` and the like are given is no title.
  const isModifier = ts.isPropertyAccessExpression(callee) && /If$/.test(callee.name.text);
  return isModifier ? [] : textOf(first);
}

function textOf(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  return ts.isTemplateExpression(node)
    ? [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
    : [];
}

/** Texts that stand in a table itself, and not in the functions that are in it. */
function textsIn(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isArrayLiteralExpression(node)) return node.elements.flatMap(textsIn);
  return [];
}
