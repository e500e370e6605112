import { type AuthProvider, type AuthProviderOptions, createAuthProvider } from '../../src/index.js';
import {
  createTestServer,
  type ScriptedUser,
  type ScriptedUserOptions,
  scriptedUser,
  type TestServer,
  type TestServerOptions,
  testOptions,
} from '../../src/testing/index.js';
import { callTool, closers } from '../auth-provider/support.js';

/** An application at a test server, and its user. */
export interface App {
  readonly server: TestServer;
  readonly user: ScriptedUser;
  readonly provider: AuthProvider;
  /** Calls a tool, whatever that needs, and gives the text that it answers. */
  call(tool?: string): Promise<string>;
}

/** Makes applications that are closed with the test. */
export function apps() {
  const { closing, closeAll } = closers();
  return {
    closeAll,
    app(
      switches: TestServerOptions = {},
      options: Partial<AuthProviderOptions> = {},
      person: ScriptedUserOptions = {},
    ): App {
      const server = createTestServer(switches);
      const user = scriptedUser(server, person);
      const given = { serverUrl: server.url, ...testOptions(server, user), ...options };
      const provider = closing(createAuthProvider(given));
      return { server, user, provider, call: (tool = 'echo') => callOf(server, provider, tool) };
    },
  };
}

async function callOf(server: TestServer, provider: AuthProvider, tool: string): Promise<string> {
  const response = await provider.fetch(server.url, callTool(tool, { text: tool }));
  const { result } = (await response.json()) as { result?: { content: { text: string }[] } };
  return result?.content[0]?.text ?? `HTTP ${response.status}`;
}

/** The access token that the latest request to the MCP server carried. */
export function sentToken(server: TestServer): string {
  return server.received('mcp').at(-1)?.headers['authorization']?.slice('Bearer '.length) ?? '';
}
