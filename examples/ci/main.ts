/**
 * A job that calls one tool of a protected MCP server, without a person: environment variables in, the tool's answer or a clear
 * failure out, and nothing secret in the output. README.md beside this file has the variables and the exit codes.
 *
 *   MCP_SERVER_URL=https://mcp.example.com/mcp MCP_CLIENT_ID=… MCP_CLIENT_SECRET=… MCP_TOOL=echo MCP_ARGUMENTS='{"text":"hi"}' \
 *     npx tsx examples/ci/main.ts
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { extensionCapabilities, findMcpOAuthError, MemoryTokenStore, withOAuth } from 'mcp-oauth-client';
import { grantFrom } from './grant-from-environment.js';
import { argumentsFrom, type Environment, required, SettingError } from './settings.js';

/** Exit codes: what a pipeline may want to tell apart. */
const FAILED = 1;
const WRONG_SETTINGS = 2;
const TRY_AGAIN = 75;

async function job(environment: Environment): Promise<string> {
  const serverUrl = required(environment, 'MCP_SERVER_URL');
  const tool = required(environment, 'MCP_TOOL');
  const args = argumentsFrom(environment['MCP_ARGUMENTS']);
  const grant = grantFrom(environment);
  const client = new Client(
    { name: 'ci-job', version: '1.0.0' },
    { capabilities: { ...extensionCapabilities(grant) } },
  );
  // A job that is over has no use for its tokens, and its machine may be anyone's next.
  const transport = withOAuth(StreamableHTTPClientTransport, serverUrl, { grant, store: new MemoryTokenStore() });
  try {
    await client.connect(transport);
    const { content, isError } = await client.callTool({ name: tool, arguments: args });
    const text = content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
    if (isError) throw new Error(`The tool ${tool} failed: ${text}`);
    return text;
  } finally {
    await client.close();
  }
}

/** One line for the log, and what the pipeline is told. */
function failure(error: unknown): { line: string; exitCode: number } {
  // The SDKs wrap what a transport throws.
  const known = findMcpOAuthError(error);
  if (known === undefined) {
    const message = error instanceof Error ? error.message : 'The job failed.';
    return { line: oneLine(message), exitCode: error instanceof SettingError ? WRONG_SETTINGS : FAILED };
  }
  const { code, stage, message, retryable } = known;
  const exitCode = retryable ? TRY_AGAIN : code === 'invalid_options' ? WRONG_SETTINGS : FAILED;
  return { line: oneLine(`${code} (${stage}): ${message}`), exitCode };
}

/** A server's text could pretend to be lines of the log. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

try {
  console.log(await job(process.env));
} catch (error) {
  const { line, exitCode } = failure(error);
  console.error(line);
  // Not process.exit(): what was written has to arrive.
  process.exitCode = exitCode;
}
