/**
 * The tools of a protected MCP server as LangChain tools.
 *
 *   npx tsx examples/langchain/main.ts https://mcp.example.com/mcp echo '{"text":"hi"}'
 */
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { createAuthProvider } from 'mcp-oauth-client';

const [url = '', wanted = '', input = '{}'] = process.argv.slice(2);
const provider = createAuthProvider({
  serverUrl: url,
  clientMetadata: { client_name: 'LangChain agent' },
  onEvent(event) {
    if (event.type === 'authorization_url') console.error(`To sign in, open ${event.url}`);
  },
});
const client = new MultiServerMCPClient({
  // The adapters would otherwise answer a failure by trying the older transport, and hide what failed first.
  mcpServers: {
    example: { transport: 'http', url, automaticSSEFallback: false, authProvider: provider.toOAuthClientProvider() },
  },
});

try {
  // Before the adapters connect: a person may take longer than the SDK's 60 s for a request.
  await provider.authorize();
  const tools = await client.getTools();
  console.error(`Tools: ${tools.map(({ name }) => name).join(', ')}`);
  // An agent would get all of them; this calls one.
  const tool = tools.find(({ name }) => name === wanted);
  if (tool === undefined) throw new Error(`The server has no tool "${wanted}".`);
  console.log(await tool.invoke(JSON.parse(input)));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await client.close();
  await provider.close();
}
