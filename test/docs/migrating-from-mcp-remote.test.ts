import * as client from '@modelcontextprotocol/sdk/client/index.js';
import * as streamable from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import * as library from '../../src/index.js';
import { closers, person } from '../auth-provider/support.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/migrating-from-mcp-remote.md';
const SDK = {
  '@modelcontextprotocol/sdk/client/index.js': client,
  '@modelcontextprotocol/sdk/client/streamableHttp.js': streamable,
};
const flagsIn = (text: string) => new Set(text.match(/(?<![\w-])--[a-z][a-z0-9-]+/g) ?? []);

describe('the guide for those who come from mcp-remote', { timeout: 30_000 }, () => {
  it('has a row for every flag that mcp-remote documents, and for no other', () => {
    const theirs = flagsIn(documentText('node_modules/mcp-remote/README.md'));
    expect(theirs.size).toBeGreaterThan(20);
    expect([...flagsIn(documentText(PATH))].sort()).toEqual([...theirs].sort());
  });

  it('connects without a proxy', async () => {
    const server = closing(await startRotatingServer());
    const who = closing(person());
    const withOAuth: typeof library.withOAuth = (Transport, url, options) =>
      library.withOAuth(Transport, url, {
        store: new library.MemoryTokenStore(),
        openBrowser: who.openBrowser,
        ...options,
      } as never);
    type Block = { connect(serverUrl: string): Promise<client.Client> };
    const modules = { ...SDK, 'mcp-oauth-client': { ...library, withOAuth } };
    const { connect } = await runBlock<Block>(PATH, 'function connect', modules);
    const connected = closing(await connect(server.url));
    expect((await connected.listTools()).tools.length).toBeGreaterThan(0);
    expect(who.tabs).toHaveLength(1);
  });

  it('has a configuration that is taken as it stands', async () => {
    const { transport } = await runBlock<{ transport: streamable.StreamableHTTPClientTransport }>(
      PATH,
      'export const transport',
      SDK,
    );
    expect(library.getAuthProvider(transport)).toBeDefined();
    await transport.close();
  });
});
