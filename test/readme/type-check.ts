import { join } from 'node:path';
import ts from 'typescript';
import type { CodeBlock } from './code-blocks.js';

/**
 * Checks all blocks in one program, as modules in the root of the project with its own options,
 * and returns `file:line: message` for each error.
 */
export function typeCheck(root: string, blocks: readonly CodeBlock[]): string[] {
  const files = new Map(blocks.map((block) => [join(root, `${block.path}.${block.line}.ts`), block]));
  const options = optionsOf(root);
  const host = ts.createCompilerHost(options);
  const onDisk = { fileExists: host.fileExists, readFile: host.readFile, getSourceFile: host.getSourceFile };
  host.fileExists = (name) => files.has(name) || onDisk.fileExists(name);
  // Whatever a block imports or not, it is a module and may await.
  host.readFile = (name) => withModule(files.get(name)) ?? onDisk.readFile(name);
  host.getSourceFile = (name, language, ...rest) => {
    const code = withModule(files.get(name));
    if (code === undefined) return onDisk.getSourceFile(name, language, ...rest);
    return ts.createSourceFile(name, code, language, true);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([name, block]) => {
    const source = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ start, messageText }) => {
        const line = source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0;
        return `${block.path}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      },
    );
  });
}

function withModule(block: CodeBlock | undefined): string | undefined {
  return block === undefined ? undefined : `${block.code}\nexport {};\n`;
}

function optionsOf(root: string): ts.CompilerOptions {
  const file = join(root, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root, undefined, file);
  return {
    ...options,
    // The package by its name, from source: nothing has to be built first.
    paths: {
      'mcp-oauth-client': [join(root, 'src/index.ts')],
      'mcp-oauth-client/testing': [join(root, 'src/testing/index.ts')],
    },
    // An example may declare what it only shows.
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
}
