import type { AddressInfo } from 'node:net';
import express, { type Request } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { type RotatingServerOptions, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { type AuthProvider, isMcpOAuthError, type McpOAuthError, MemoryTokenStore } from '../../src/index.js';
import { callbackOf, callTool, closers, rpc } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/hosted.md';

interface Hosted {
  readonly store: MemoryTokenStore;
  readonly origin: string;
  readonly servers: ReadonlyMap<string, string>;
  readonly network: object;
  userOf(request: Request): string | undefined;
}
interface Routes {
  openProvider(hosted: Hosted, user: string, server: string): AuthProvider | undefined;
  addRoutes(app: object, hosted: Hosted): void;
}

/** The application of the guide, with one MCP server named `issues`, and browsers that are signed in to it by name. */
async function application(options: RotatingServerOptions = {}) {
  const { openProvider, addRoutes } = await runBlock<Routes>(PATH, 'function addRoutes', {}, { URL });
  const server = closing(await startRotatingServer(options));
  const store = new MemoryTokenStore();
  const app = express();
  const listening = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  closing({ close: () => new Promise<void>((resolve) => listening.close(() => resolve())) });
  const hosted: Hosted = {
    store,
    origin: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    servers: new Map([['issues', server.url]]),
    network: {},
    userOf: (request) => request.get('x-user'),
  };
  addRoutes(app, hosted);
  /** A request of a browser in which `user` is signed in to the application; redirects are not followed. */
  const visit = async (user: string | undefined, url: string, method = 'GET') => {
    const headers = { connection: 'close', ...(user === undefined ? {} : { 'x-user': user }) };
    const target = new URL(url, hosted.origin);
    const response = await fetch(target, { method, headers, redirect: 'manual' });
    const text = await response.text();
    const code: unknown = text.startsWith('{') ? (JSON.parse(text) as { code?: unknown }).code : undefined;
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      code,
      headers: response.headers,
    };
  };
  const connect = async (user: string) => (await visit(user, '/mcp/issues/connect', 'POST')).location;
  const providerOf = (user: string): AuthProvider => {
    const provider = openProvider(hosted, user, 'issues');
    if (provider === undefined) throw new Error('no provider');
    return closing(provider);
  };
  return { hosted, server, store, visit, connect, providerOf, openProvider };
}

describe('the routes of the hosted guide', { timeout: 30_000 }, () => {
  it('send the user to the authorization server and end the sign-in when they come back', async () => {
    const { visit, connect, providerOf, server, hosted } = await application();
    const url = await connect('alice');
    expect(new URL(url).searchParams.get('redirect_uri')).toBe(`${hosted.origin}/oauth/callback/issues`);
    const back = await visit('alice', await callbackOf(url));
    expect([back.status, back.location]).toEqual([303, `${hosted.origin}/settings`]);
    expect(back.headers.get('referrer-policy')).toBe('no-referrer');
    expect((await providerOf('alice').fetch(server.url, rpc('ping'))).status).toBe(200);
    // Connected already: nobody is sent anywhere.
    expect(await connect('alice')).toBe(`${hosted.origin}/settings`);
    expect((await visit('alice', '/mcp/issues/disconnect', 'POST')).status).toBe(303);
    expect(await providerOf('alice').session()).toMatchObject({ signedIn: false, signedOut: true });
  });

  it('refuse the callback of another user, leave it to its owner, and take it once', async () => {
    const { visit, connect, providerOf } = await application();
    const callback = await callbackOf(await connect('mallory'));
    expect(await visit('alice', callback)).toMatchObject({ status: 400, code: 'invalid_callback' });
    expect(await visit(undefined, callback)).toMatchObject({ status: 401 });
    expect(await providerOf('alice').session()).toMatchObject({ signedIn: false });
    expect((await visit('mallory', callback)).status).toBe(303);
    expect(await visit('mallory', callback)).toMatchObject({ status: 400, code: 'state_mismatch' });
    expect(await visit('alice', '/oauth/callback/unknown?state=x')).toMatchObject({ status: 404 });
  });

  it('refuse the callback of another authorization server', async () => {
    const { visit, connect } = await application();
    const callback = new URL(await callbackOf(await connect('alice')));
    callback.searchParams.set('iss', 'https://evil.example');
    expect(await visit('alice', callback.href)).toMatchObject({ status: 400, code: 'issuer_mismatch' });
  });

  it('register one client for all users', async () => {
    const { connect, server } = await application();
    await connect('alice');
    await connect('bob');
    expect(server.counts.count('register')).toBe(1);
  });
});

describe('a call of the hosted guide', { timeout: 30_000 }, () => {
  interface Answer {
    readonly signInAt?: string;
    readonly result?: { content: unknown };
  }
  type CallTool = (provider: AuthProvider, serverUrl: string, name: string) => Promise<Answer>;
  const load = async () =>
    (
      await runBlock<{ callTool: CallTool }>(PATH, 'function callTool', {
        '@modelcontextprotocol/sdk/client/index.js': await import('@modelcontextprotocol/sdk/client/index.js'),
        '@modelcontextprotocol/sdk/client/streamableHttp.js': await import(
          '@modelcontextprotocol/sdk/client/streamableHttp.js'
        ),
      })
    ).callTool;

  it('says where to send the user, the same place each time, then gives the result', async () => {
    const call = await load();
    const { providerOf, visit, server, store } = await application();
    const { signInAt = '' } = await call(providerOf('alice'), server.url, 'echo');
    expect((await call(providerOf('alice'), server.url, 'echo')).signInAt).toBe(signInAt);
    expect(await store.list('transaction/')).toHaveLength(1);
    await visit('alice', await callbackOf(signInAt));
    expect((await call(providerOf('alice'), server.url, 'echo')).result?.content).toBeDefined();
  });

  it('says so for a step-up too, with the larger set of scopes', async () => {
    const call = await load();
    const { providerOf, visit, connect, server } = await application();
    await visit('alice', await callbackOf(await connect('alice')));
    const { signInAt = '' } = await call(providerOf('alice'), server.url, 'create_issue');
    expect(new URL(signInAt).searchParams.get('scope')?.split(' ').sort()).toEqual(['mcp:read', 'mcp:write']);
    await visit('alice', await callbackOf(signInAt));
    expect((await call(providerOf('alice'), server.url, 'create_issue')).result?.content).toBeDefined();
  });
});

describe('the job of the hosted guide', { timeout: 30_000 }, () => {
  type AsUser = (who: object, work: (send: typeof fetch) => Promise<void>) => Promise<string>;
  const load = async () => (await runBlock<{ asUser: AsUser }>(PATH, 'function asUser')).asUser;

  it('works where the user is connected, and asks for the user otherwise without beginning anything', async () => {
    const asUser = await load();
    const { visit, connect, server, store } = await application();
    const job = (user: string) =>
      asUser({ store, user, serverUrl: server.url }, async (send) => {
        expect((await send(server.url, rpc('ping'))).status).toBe(200);
      });
    expect(await job('alice')).toBe('ask-the-user');
    expect(server.counts.count('register')).toBe(0);
    expect(await store.list('transaction/')).toEqual([]);
    await visit('alice', await callbackOf(await connect('alice')));
    expect(await job('alice')).toBe('done');
    await visit('alice', '/mcp/issues/disconnect', 'POST');
    expect(await job('alice')).toBe('ask-the-user');
    await server.close();
    expect(await job('bob')).toBe('try-later');
  });

  it('a tool that needs more scope is the user`s business too', async () => {
    const asUser = await load();
    const { visit, connect, server, store } = await application();
    await visit('alice', await callbackOf(await connect('alice')));
    const outcome = await asUser({ store, user: 'alice', serverUrl: server.url }, async (send) => {
      await send(server.url, callTool('create_issue'));
    });
    expect(outcome).toBe('ask-the-user');
  });
});

describe('the end of a user in the hosted guide', { timeout: 30_000 }, () => {
  it('counts who is connected, and leaves nothing of a deleted user', async () => {
    const { visit, connect, server, store, hosted, openProvider, providerOf } = await application();
    const { connectedAt } = await runBlock<{ connectedAt: (store: MemoryTokenStore, url: string) => Promise<object> }>(
      PATH,
      'function connectedAt',
    );
    type Forget = (hosted: Hosted, user: string) => Promise<McpOAuthError[]>;
    const { forgetUser } = await runBlock<{ forgetUser: Forget }>(PATH, 'function forgetUser', {}, { openProvider });
    for (const user of ['alice@example.com', 'bob']) await visit(user, await callbackOf(await connect(user)));
    expect(await connectedAt(store, server.url)).toEqual({ connected: 2, unreadable: [] });
    expect(await forgetUser(hosted, 'alice@example.com')).toEqual([]);
    expect(server.counts.count('revoke')).toBeGreaterThan(0);
    // The record of the last sign-in has an end of its own.
    const keys = (await store.list('')).filter((key) => key.includes('alice') && !key.startsWith('sign-in/'));
    expect(keys).toEqual([]);
    expect(await connectedAt(store, server.url)).toEqual({ connected: 1, unreadable: [] });
    expect((await providerOf('bob').fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it('says what could not be revoked', async () => {
    const { visit, connect, server, hosted, openProvider } = await application();
    await visit('alice', await callbackOf(await connect('alice')));
    type Forget = (hosted: Hosted, user: string) => Promise<unknown[]>;
    const { forgetUser } = await runBlock<{ forgetUser: Forget }>(PATH, 'function forgetUser', {}, { openProvider });
    await server.close();
    const [error] = await forgetUser(hosted, 'alice');
    expect(isMcpOAuthError(error) && error.retryable).toBe(true);
  });

  it('an address that only this machine has is refused to users who type it', async () => {
    const { hosted, openProvider } = await application();
    const careful = { ...hosted, network: { publicOnly: true } };
    expect(documentText(PATH)).toContain('network: { publicOnly: true }');
    expect(await failure((async () => openProvider(careful, 'alice', 'issues'))())).toMatchObject({
      code: 'address_refused',
    });
  });
});
