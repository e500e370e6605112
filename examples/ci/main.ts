/**
 * A job that calls one tool of a protected MCP server, without a person: environment variables in, the tool's answer or a clear
 * failure out, and nothing secret in the output.
 *
 *   MCP_SERVER_URL=https://mcp.example.com/mcp MCP_CLIENT_ID=… MCP_CLIENT_SECRET=… MCP_TOOL=echo MCP_ARGUMENTS='{"text":"hi"}' \
 *     npx tsx examples/ci/main.ts
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { extensionCapabilities, isMcpOAuthError, MemoryTokenStore, withOAuth } from 'mcp-oauth-client';
import { type Environment, grantFrom, SettingError } from './grant-from-environment.js';

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

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === '') throw new SettingError(`${name} is not set.`);
  return value;
}

function argumentsFrom(text = '{}'): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below: the parser would quote the text.
  }
  throw new SettingError('MCP_ARGUMENTS has to be a JSON object, e.g. {"text":"hi"}.');
}

try {
  console.log(await job(process.env));
} catch (error) {
  const { cause } = error as { cause?: unknown };
  const known = [error, cause].find(isMcpOAuthError);
  if (known !== undefined) console.error(`${known.code} (${known.stage}): ${known.message}`);
  else console.error(error instanceof Error ? error.message : 'The job failed.');
  process.exitCode = error instanceof SettingError ? WRONG_SETTINGS : known?.retryable ? TRY_AGAIN : FAILED;
}
