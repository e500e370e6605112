import type { Command } from 'commander';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import type { Tool } from '../mcp-sdk.js';
import type { McpSession } from '../mcp-session.js';
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
import { safeJson } from '../printable.js';
import { hiding } from '../session-secrets.js';
import { painter } from '../style.js';
import { toolText } from '../tool-text.js';

type Flags = StoreFlags & SignInFlags & OutputFlags & TransportFlags;

/** A server that always names another page is not followed for ever. */
const MOST_PAGES = 100;

/** `tools URL`: the server's tools. */
export function registerTools(program: Command, io: Io): void {
  const command = program
    .command('tools')
    .description('List the tools of an MCP server. Needs an MCP SDK beside this package.')
    .addArgument(urlArgument());
  addOutputOptions(addStoreOptions(addTransportOption(command)));
  addSignInOptions(command, { explicit: false });
  addExamples(
    command,
    [
      'mcp-oauth-client tools https://mcp.example.com/mcp',
      "mcp-oauth-client tools https://mcp.example.com/mcp --json | jq -r '.tools[].name'",
      'npx -p mcp-oauth-client -p @modelcontextprotocol/client mcp-oauth-client tools https://mcp.example.com/mcp',
    ],
    'Where nobody is signed in, it signs in if stdin and stderr are terminals, and else fails at once\nwith the command to run.',
  );
  command.action((url: string, flags: Flags) =>
    performWithProvider(io, url, { flags, explicit: false }, async (opened) => {
      const listed = await withMcpSession(io, { command: 'tools', url, flags }, opened, listTools);
      opened.screen.end();
      const hide = await hiding(opened.provider);
      const tools = hide(listed);
      if (flags.json === true) {
        io.stdout.write(`${safeJson({ tools })}\n`);
      } else {
        const paint = painter(io, 'stdout');
        for (const tool of tools) io.stdout.write(`${toolText(tool, paint)}\n`);
        if (tools.length === 0 && flags.quiet !== true) io.stderr.write('The server has no tools.\n');
      }
      return EXIT.ok;
    }),
  );
}

async function listTools({ client, request }: McpSession): Promise<Tool[]> {
  const tools: Tool[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await client.listTools(cursor, request());
    tools.push(...answer.tools);
    if (answer.nextCursor === undefined || answer.nextCursor === cursor) break;
    cursor = answer.nextCursor;
  }
  return tools;
}
