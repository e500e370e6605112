/**
 * The tools of a protected MCP server for the AI SDK, over its own HTTP transport or over the MCP SDK's.
 *
 *   npx tsx examples/vercel-ai/main.ts https://mcp.example.com/mcp echo '{"text":"hi"}' [--mcp-sdk]
 */
import { parseArgs } from 'node:util';
import { createMCPClient, type MCPClient, type MCPTransport } from '@ai-sdk/mcp';
import { type AuthProvider, createAuthProvider, withOAuth } from 'mcp-oauth-client';

/** The AI SDK's own transport takes a `fetch`. */
const overFetch = (url: string, { fetch }: AuthProvider): Promise<MCPClient> =>
  createMCPClient({ transport: { type: 'http', url, fetch } });

/** The transport of the MCP SDK fits too, where that is installed anyway. */
async function overMcpSdk(url: string, authProvider: AuthProvider): Promise<MCPClient> {
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const transport = withOAuth(StreamableHTTPClientTransport, url, { authProvider });
  // Without `exactOptionalPropertyTypes` the types agree by themselves.
  return createMCPClient({ transport: transport as MCPTransport });
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { 'mcp-sdk': { type: 'boolean' } } });
const [url = '', wanted = '', input = '{}'] = positionals;
const provider = createAuthProvider({
  serverUrl: url,
  clientMetadata: { client_name: 'AI SDK agent' },
  onEvent(event) {
    if (event.type === 'authorization_url') console.error(`To sign in, open ${event.url}`);
  },
});
let client: MCPClient | undefined;
try {
  // A person may take longer than a request should.
  await provider.authorize();
  client = await (values['mcp-sdk'] === true ? overMcpSdk : overFetch)(url, provider);
  // `generateText({ model, tools, prompt })` would take all of them; this calls one.
  const tools = await client.tools();
  console.error(`Tools: ${Object.keys(tools).join(', ')}`);
  const tool = tools[wanted];
  if (tool === undefined) throw new Error(`The server has no tool "${wanted}".`);
  console.log(JSON.stringify(await tool.execute(JSON.parse(input))));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await client?.close();
  await provider.close();
}
