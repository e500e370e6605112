import ts from 'typescript';
import type { CodeBlock } from '../readme/code-blocks.js';

/** A call of `runBlock` in a test: the document, and the text that its block contains. */
export interface BlockRun {
  readonly path: string;
  readonly text: string;
}

/**
 * The calls of `runBlock` in a test's source. Both arguments are texts, or constants of the file with a text. Of a template the part
 * before its first gap counts: such a test runs all blocks that have it.
 *
 * @throws Error where an argument is anything else: then nobody could say which block is run
 */
export function blockRuns(file: string, source: string): BlockRun[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ESNext, true);
  const found: BlockRun[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'runBlock') {
      const [path, text] = node.arguments.map((argument) => textOf(argument));
      if (path === undefined || text === undefined || text === '') {
        const { line } = tree.getLineAndCharacterOfPosition(node.getStart(tree));
        throw new Error(`${file}:${line + 1}: write the document and a text of the block where runBlock is called`);
      }
      found.push({ path, text });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** A block that no test runs, with the reason in a sentence. */
export interface IdleBlock extends BlockRun {
  readonly because: string;
}

/** What is wrong with a list of blocks that are not run: a text that is not of exactly one such block, or no sentence. */
export const misplaced = (listed: readonly IdleBlock[], idle: readonly CodeBlock[]): IdleBlock[] =>
  listed.filter(({ path, text, because }) => {
    const matching = idle.filter((block) => block.path === path && block.code.includes(text));
    return matching.length !== 1 || !/^[A-Z].{20,}\.$/.test(because);
  });

/** The blocks that none of `runs` runs. */
export const blocksWithout = (runs: readonly BlockRun[], blocks: readonly CodeBlock[]): CodeBlock[] =>
  blocks.filter(({ path, code }) => !runs.some((run) => run.path === path && code.includes(run.text)));

function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) return node.head.text;
  if (!ts.isIdentifier(node)) return undefined;
  const declared = declarationOf(node.text, node);
  return declared === undefined ? undefined : textOf(declared);
}

/** What a constant of this name stands for at this place. */
function declarationOf(name: string, from: ts.Node): ts.Expression | undefined {
  for (let at: ts.Node | undefined = from.parent; at !== undefined; at = at.parent) {
    if (ts.isFunctionLike(at) && at.parameters.some((parameter) => parameter.name.getText() === name)) return undefined;
    if (ts.isForOfStatement(at) && at.initializer.getText().split(/\W+/).includes(name)) return undefined;
    if (!ts.isBlock(at) && !ts.isSourceFile(at)) continue;
    for (const statement of at.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      const { declarations, flags } = statement.declarationList;
      const own = declarations.find(
        (declaration) => ts.isIdentifier(declaration.name) && declaration.name.text === name,
      );
      if (own !== undefined) return (flags & ts.NodeFlags.Const) !== 0 ? own.initializer : undefined;
    }
  }
  return undefined;
}
