import * as v2 from '@modelcontextprotocol/client';
import * as v1 from '@modelcontextprotocol/sdk/client/index.js';
import * as streamable from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import * as library from '../../src/index.js';
import { callTool, closers, person, rpc } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'README.md';
const SERVER_URL = 'https://mcp.example.com/mcp';

/** A person who says no: the server is one that asks nothing. */
function refuse(url: string, iss: string): void {
  const asked = new URL(url).searchParams;
  const callback = new URL(asked.get('redirect_uri') ?? '');
  const answer = { error: 'access_denied', state: asked.get('state') ?? '', iss };
  callback.search = new URLSearchParams(answer).toString();
  void fetch(callback);
}

/** A server, a person, and a library that finds the server under the URL of the document. */
async function place({ deny = false } = {}) {
  const server = closing(await startRotatingServer());
  const who = closing(person());
  const openBrowser = deny ? (url: string) => refuse(url, server.issuer) : who.openBrowser;
  const inTest = { store: new library.MemoryTokenStore(), openBrowser };
  const addresses: string[] = [];
  const given: library.AuthProviderOptions[] = [];
  const found = (url: string | URL) => {
    addresses.push(String(url));
    return server.url;
  };
  const withOAuth: typeof library.withOAuth = (Transport, url, options) => {
    const own = options !== undefined && 'authProvider' in options ? {} : inTest;
    return library.withOAuth(Transport, found(url), { ...options, ...own } as never);
  };
  const createAuthProvider = (options: library.AuthProviderOptions) => {
    given.push(options);
    return closing(library.createAuthProvider({ ...options, serverUrl: found(options.serverUrl), ...inTest }));
  };
  return { server, who, addresses, given, inTest, library: { ...library, withOAuth, createAuthProvider } };
}

describe('the ten lines of the README', { timeout: 30_000 }, () => {
  /** Runs them as one start of the program, and gives what it printed. */
  async function start(library: object): Promise<unknown[]> {
    const printed: unknown[] = [];
    let isOpen = true;
    class Client extends v1.Client {
      override async close() {
        isOpen = false;
        await super.close();
      }
    }
    const modules = {
      '@modelcontextprotocol/sdk/client/index.js': { ...v1, Client },
      '@modelcontextprotocol/sdk/client/streamableHttp.js': streamable,
      'mcp-oauth-client': library,
    };
    const console = { log: (value: unknown) => printed.push(value) };
    await runBlock(PATH, "client.callTool({ name: 'echo'", modules, { console });
    expect(isOpen).toBe(false);
    return printed;
  }

  it('sign in, print what the tool answers, and at the next start sign in silently', async () => {
    const { server, who, addresses, library } = await place();
    expect(await start(library)).toMatchObject([{ content: [{ text: 'hi' }] }]);
    expect([who.tabs.length, server.counts.count('register')]).toEqual([1, 1]);
    expect(await start(library)).toMatchObject([{ content: [{ text: 'hi' }] }]);
    expect([who.tabs.length, server.counts.count('register')]).toEqual([1, 1]);
    expect(addresses).toEqual([SERVER_URL, SERVER_URL]);
  });
});

describe('the provider of the README', { timeout: 30_000 }, () => {
  const TEXT = 'async function askTheUser';

  async function start(options: { deny?: boolean } = {}) {
    const world = await place(options);
    const printed: unknown[][] = [];
    const errors: unknown[][] = [];
    const console = {
      log: (...args: unknown[]) => printed.push(args),
      error: (...args: unknown[]) => errors.push(args),
    };
    const modules = { '@modelcontextprotocol/client': v2, 'mcp-oauth-client': world.library };
    await runBlock(PATH, TEXT, modules, { console });
    const [given] = world.given;
    if (given === undefined) throw new Error('The block created no provider.');
    return { ...world, given, printed, errors };
  }

  it('shows the URL, signs in, and shows the session', async () => {
    const { who, addresses, printed, errors } = await start();
    expect(printed).toEqual([
      [`If no browser opens, visit ${who.tabs[0]}`],
      [undefined, expect.objectContaining({ signedIn: true })],
    ]);
    expect([errors, who.tabs.length, addresses]).toEqual([[], 1, [SERVER_URL, SERVER_URL]]);
  });

  it('shows what failed', async () => {
    const { printed, errors } = await start({ deny: true });
    expect(errors).toEqual([['access_denied', 'callback', expect.stringMatching(/./), false]]);
    expect(printed).toHaveLength(1);
  });

  it('opens no tab for a request in the background, and one for a step-up that the user allows', async () => {
    const { server, who, given, inTest } = await start();
    const options = { ...given, ...inTest, serverUrl: server.url, store: new library.MemoryTokenStore() };
    const provider = closing(library.createAuthProvider(options));
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect(who.tabs).toHaveLength(1);
    await provider.authorize();
    expect((await provider.fetch(server.url, callTool('create_issue'))).status).toBe(200);
    expect(who.tabs).toHaveLength(3);
  });

  it('is closed at the end', async () => {
    const { server, library } = await place();
    const providers: library.AuthProvider[] = [];
    const createAuthProvider = (options: library.AuthProviderOptions) => {
      providers.push(library.createAuthProvider(options));
      return providers.at(-1);
    };
    const modules = { '@modelcontextprotocol/client': v2, 'mcp-oauth-client': { ...library, createAuthProvider } };
    const console = { log() {}, error() {} };
    await runBlock(PATH, TEXT, modules, { console });
    expect(await failure(providers[0]?.fetch(server.url, rpc('ping')) ?? Promise.resolve())).toMatchObject({
      code: 'closed',
    });
  });
});
