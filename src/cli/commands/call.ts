import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import { toolArguments } from '../json-argument.js';
import { withMcpSession } from '../mcp-session.js';
import {
  addExamples,
  addOutputOptions,
  addSignInOptions,
  addStoreOptions,
  addTransportOption,
  type OutputFlags,
  type SignInFlags,
  type StoreFlags,
  type TransportFlags,
  urlArgument,
} from '../options.js';
import { performWithProvider } from '../perform.js';
import { printable, safeJson } from '../printable.js';
import { hiding } from '../session-secrets.js';
import { resultText } from '../tool-text.js';

type Flags = StoreFlags & SignInFlags & OutputFlags & TransportFlags;

/** `call URL TOOL [JSON]`: calls a tool and prints what it answers. */
export function registerCall(program: Command, io: Io): void {
  const command = program
    .command('call')
    .description('Call a tool of an MCP server and print what it answers. Needs an MCP SDK beside this package.')
    .addArgument(urlArgument())
    .argument('<tool>', 'the name of the tool')
    .argument('[json]', 'its arguments as a JSON object; - reads them from stdin');
  addOutputOptions(addStoreOptions(addTransportOption(command)));
  addSignInOptions(command, { explicit: false });
  addExamples(
    command,
    [
      `mcp-oauth-client call https://mcp.example.com/mcp echo '{"text":"hi"}'`,
      `echo '{"text":"hi"}' | mcp-oauth-client call https://mcp.example.com/mcp echo -`,
      `mcp-oauth-client call https://mcp.example.com/mcp whoami --json`,
    ],
    'Where nobody is signed in, or the tool needs more scope, it signs in if stdin and stderr are terminals,\nand else fails at once with the command to run. Text is printed without control characters;\n--json gives the answer as it is. Where it repeats the token of the session, … stands there in either.',
  );
  command.action((url: string, tool: string, json: string | undefined, flags: Flags) =>
    performWithProvider(io, url, { flags, explicit: false, canPaste: json !== '-' }, async (opened) => {
      const args = await toolArguments(io, json);
      const answer = await withMcpSession(io, { command: 'call', url, flags }, opened, ({ client, request }) =>
        client.callTool({ name: tool, arguments: args }, request()),
      );
      opened.screen.end();
      const hide = await hiding(opened.provider);
      const result = hide(answer);
      io.stdout.write(`${flags.json === true ? safeJson(result) : resultText(result)}\n`);
      if (result['isError'] !== true) return EXIT.ok;
      throw new CommandError(
        'tool_failed',
        `The tool ${printable(tool, 200)} reported an error; its answer is on stdout.`,
      );
    }),
  );
}
