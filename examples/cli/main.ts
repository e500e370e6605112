/**
 * A command that calls a tool of a protected MCP server: `acme URL TOOL [JSON] [--no-browser]`. README.md beside this file has the
 * exit codes.
 *
 *   npx tsx examples/cli/main.ts https://mcp.example.com/mcp echo '{"text":"hi"}'
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { withOAuth } from 'mcp-oauth-client';
import { readArguments } from './arguments.js';
import { exitCodeOf, messageOf } from './failure.js';
import { signInOptions } from './sign-in.js';

const interruption = new AbortController();
const { signal } = interruption;
// The second Ctrl-C ends the process as ever.
process.once('SIGINT', () => interruption.abort());

/** A tool's text may hold what a terminal obeys. */
const shown = (text: string) => (process.stdout.isTTY ? text.replace(/[^\P{Cc}\t\n]/gu, '') : text);

const client = new Client({ name: 'acme-cli', version: '1.0.0' });
try {
  const { url, name, args, browser } = readArguments(process.argv.slice(2));
  const transport = withOAuth(StreamableHTTPClientTransport, url, {
    clientMetadata: { client_name: 'Acme CLI' },
    ...signInOptions({ interactive: process.stdin.isTTY === true, browser }),
    signal,
  });
  await client.connect(transport, { signal });
  const { content, isError } = await client.callTool({ name, arguments: args }, { signal });
  for (const part of content) console.log(part.type === 'text' ? shown(part.text) : `[${part.type}]`);
  if (isError) process.exitCode = 1;
} catch (error) {
  console.error(signal.aborted ? 'Interrupted.' : messageOf(error));
  process.exitCode = signal.aborted ? 130 : exitCodeOf(error);
} finally {
  await client.close();
}
