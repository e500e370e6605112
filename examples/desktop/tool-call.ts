import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type AuthProvider, withOAuth } from 'mcp-oauth-client';

/** Longer than the 60 s of the SDK: a person may think about a step-up. */
const PATIENCE_MS = 300_000;

/** Calls a tool with a connection of its own, and gives the text that it answers. */
export async function callTool(
  serverUrl: string,
  authProvider: AuthProvider,
  name: string,
  input: Record<string, unknown>,
): Promise<string> {
  const client = new Client({ name: 'acme-desktop', version: '1.0.0' });
  const options = { timeout: PATIENCE_MS };
  try {
    await client.connect(withOAuth(StreamableHTTPClientTransport, serverUrl, { authProvider }), options);
    const { content } = await client.callTool({ name, arguments: input }, undefined, options);
    return (content as { text?: string }[]).map(({ text }) => text ?? '').join('\n');
  } finally {
    await client.close();
  }
}
