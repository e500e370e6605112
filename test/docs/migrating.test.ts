import { fileURLToPath } from 'node:url';
import * as clientV2 from '@modelcontextprotocol/client';
import * as auth from '@modelcontextprotocol/sdk/client/auth.js';
import * as client from '@modelcontextprotocol/sdk/client/index.js';
import * as streamable from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import * as library from '../../src/index.js';
import { type AuthProvider, type AuthProviderOptions, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { createTestServer, testOptions } from '../../src/testing/index.js';
import { callbackOf, closers, person, rpc } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { freePort } from '../support/ports.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/migrating-from-the-sdk.md';
const SDK = {
  '@modelcontextprotocol/sdk/client/auth.js': auth,
  '@modelcontextprotocol/sdk/client/index.js': client,
  '@modelcontextprotocol/sdk/client/streamableHttp.js': streamable,
};

type Client = client.Client;
interface Saved {
  readonly client: { readonly client_id: string };
  readonly tokens: { readonly access_token: string; readonly refresh_token?: string };
}
interface Before {
  SavingProvider: new (openBrowser: (url: string) => void) => { saved: Saved };
  connect(provider: object, url: URL, waitForCode: () => Promise<string>): Promise<Client>;
}
type TakeOver = (provider: AuthProvider, serverUrl: string, saved: Saved & { issuer: string }) => Promise<boolean>;

/** A user who signed in with the SDK's own auth, as the guide shows it, and what was saved then. */
async function fromTheSdk() {
  const server = closing(await startRotatingServer());
  const { SavingProvider, connect } = await runBlock<Before>(PATH, 'class SavingProvider', SDK, { URL });
  let opened = '';
  const provider = new SavingProvider((url) => {
    opened = url;
  });
  const code = async () => new URL(await callbackOf(opened)).searchParams.get('code') ?? '';
  closing(await connect(provider, new URL(server.url), code));
  const { takeOver } = await runBlock<{ takeOver: TakeOver }>(PATH, 'function takeOver');
  const who = closing(person());
  const store = new MemoryTokenStore();
  const open = (options: Partial<AuthProviderOptions> = {}) =>
    closing(createAuthProvider({ serverUrl: server.url, store, openBrowser: who.openBrowser, ...options }));
  return { server, saved: provider.saved, takeOver, open, who };
}

describe('the guide for those who come from the SDK', { timeout: 30_000 }, () => {
  it('connects in one line where the SDK needs a second transport', async () => {
    const { server, who } = await fromTheSdk();
    type After = { connect(url: URL, options: object): Promise<Client> };
    const { connect } = await runBlock<After>(PATH, 'withOAuth(StreamableHTTPClientTransport, url', SDK);
    const options = { store: new MemoryTokenStore(), openBrowser: who.openBrowser };
    const connected = closing(await connect(new URL(server.url), options));
    expect(await connected.callTool({ name: 'echo', arguments: { text: 'hi' } })).toMatchObject({
      content: [{ text: 'hi' }],
    });
    expect(who.tabs).toHaveLength(1);
  });

  it('takes a session over: one refresh with the client of then, and nobody signs in', async () => {
    const { server, saved, takeOver, open, who } = await fromTheSdk();
    const provider = open();
    expect(await takeOver(provider, server.url, { ...saved, issuer: server.issuer })).toBe(true);
    const registrations = server.counts.count('register');
    for (let call = 0; call < 3; call += 1) {
      expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    }
    expect([server.counts.count('token:refresh_token'), server.familiesRevoked, who.tabs]).toEqual([1, 0, []]);
    expect(await provider.session()).toMatchObject({
      signedIn: true,
      issuer: server.issuer,
      registration: 'dynamic',
      clientId: saved.client.client_id,
    });
    // Once: what is here by now is newer.
    expect(await takeOver(open(), server.url, { ...saved, issuer: server.issuer })).toBe(true);
    expect((await open().fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.counts.count('register')).toBe(registrations);
    expect(await provider.signOut()).toMatchObject({ revoked: true });
  });

  it('takes an access token without a refresh token over as it is', async () => {
    const { server, saved, takeOver, open } = await fromTheSdk();
    const { refresh_token: _none, ...tokens } = saved.tokens;
    const provider = open({ interactive: false });
    await takeOver(provider, server.url, { ...saved, tokens, issuer: server.issuer });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('token:refresh_token')).toBe(0);
  });

  it('sends nothing to another issuer, and signs in where the old refresh token is dead', async () => {
    const { server, saved, takeOver, open, who } = await fromTheSdk();
    const provider = open();
    expect(await takeOver(provider, server.url, { ...saved, issuer: 'https://auth.example.com' })).toBe(false);
    expect(server.counts.count('token:refresh_token')).toBe(0);
    server.revokeAllFamilies();
    const quiet = open({ interactive: false });
    await takeOver(quiet, server.url, { ...saved, issuer: server.issuer });
    expect(await failure(quiet.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('keeps a client that was registered by hand, with its redirect, for its issuer alone', async () => {
    const port = await freePort();
    const user = async (issuer: string) => {
      const clients = [{ client_id: 'acme-ide', redirect_uris: [`http://127.0.0.1:${port}/callback`] }];
      const server = createTestServer({ url: 'https://mcp.example.com/mcp', issuer, clients });
      const createAuthProvider = (options: AuthProviderOptions) => {
        expect(options.loopback?.port).toBe(8090);
        // That one may be taken here.
        const loopback = { ...options.loopback, port };
        return closing(library.createAuthProvider({ ...options, loopback, ...testOptions(server) }));
      };
      const modules = { 'mcp-oauth-client': { ...library, createAuthProvider } };
      const { provider } = await runBlock<{ provider: AuthProvider }>(PATH, "client_id: 'acme-ide'", modules);
      return { server, provider };
    };
    const { server, provider } = await user('https://auth.example.com');
    expect(await provider.authorize()).toMatchObject({ signedIn: true, clientId: 'acme-ide' });
    expect(server.count('register')).toBe(0);
    const other = await user('https://elsewhere.example.com');
    expect(await failure(other.provider.authorize())).toMatchObject({ code: 'client_mismatch' });
    expect([other.server.count('authorize'), other.server.count('token')]).toEqual([0, 0]);
  });

  it('has a provider for hosts that take nothing else', async () => {
    type Block = { transportOf(url: URL, provider: AuthProvider): streamable.StreamableHTTPClientTransport };
    const { transportOf } = await runBlock<Block>(PATH, 'transportOf', SDK);
    const { server, open, who } = await fromTheSdk();
    const host = new client.Client({ name: 'host', version: '1.0.0' });
    await host.connect(transportOf(new URL(server.url), open()) as Parameters<typeof host.connect>[0]);
    closing(host);
    expect(who.tabs).toHaveLength(1);
  });

  it('names every member of both SDKs`s interfaces, and what it exports of theirs exists', () => {
    const text = documentText(PATH);
    for (const member of membersOfInterfaces()) expect(text).toContain(`\`${member}`);
    for (const name of ['ClientCredentialsProvider', 'PrivateKeyJwtProvider', 'CrossAppAccessProvider'] as const) {
      expect(clientV2).toHaveProperty(name);
      expect(text).toContain(name);
    }
  });
});

/** The members of `OAuthClientProvider`, as the installed SDKs declare them. */
function membersOfInterfaces(): ReadonlySet<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const files = [
    'node_modules/@modelcontextprotocol/sdk/dist/esm/client/auth.d.ts',
    'node_modules/@modelcontextprotocol/client/dist/index.d.mts',
  ];
  const found = new Set<string>();
  for (const file of files) {
    const text = ts.sys.readFile(`${root}${file}`) ?? '';
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    const [declared] = source.statements.filter(
      (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === 'OAuthClientProvider',
    );
    if (declared === undefined || !ts.isInterfaceDeclaration(declared))
      throw new Error(`${file} has no such interface`);
    for (const { name } of declared.members) if (name !== undefined) found.add(name.getText(source));
  }
  expect(found.size).toBeGreaterThan(20);
  return found;
}
