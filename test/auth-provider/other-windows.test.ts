import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { hesitantPerson } from '../with-oauth/support.js';
import { callTool, closers, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a sign-out in another window', () => {
  it.each([
    ['the first request', callTool('echo')],
    ['a step-up', callTool('create_issue')],
  ])('F43: is not undone by the tab that %s has opened here', async (_, request) => {
    const who = hesitantPerson();
    const { provider, another, server, store } = closing(await scene({}, {}, who));
    const isStepUp = request.body?.toString().includes('create_issue') === true;
    if (isStepUp) await provider.authorize();
    who.wait();
    const tabs = who.tabs.length;
    const waiting = failure(provider.fetch(server.url, request));
    await until(() => who.tabs.length === tabs + 1, 'the tab');
    await another().signOut();
    who.goOn();
    expect(await waiting).toMatchObject({ code: 'signed_out' });
    expect(await another().session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(await store.list('session/')).toEqual([]);
  });

  it('F43: is ended by authorize() here, although the tab was opened before', async () => {
    const who = hesitantPerson();
    const { provider, another } = closing(await scene({}, {}, who));
    who.wait();
    const waiting = provider.authorize();
    await until(() => who.tabs.length === 1, 'the tab');
    await another().signOut();
    who.goOn();
    expect(await waiting).toMatchObject({ signedIn: true, signedOut: false });
  });
});

describe('authorize() with parameters of its own', () => {
  it('F42: is not satisfied by the tab that a request has opened, and comes after it', async () => {
    const who = hesitantPerson();
    const { provider, server } = closing(await scene({}, {}, who));
    who.wait();
    const request = provider.fetch(server.url, rpc('ping'));
    await until(() => who.tabs.length === 1, 'the first tab');
    const authorized = provider.authorize({ authorizationParameters: { login_hint: 'bob' } });
    who.goOn();
    expect((await request).status).toBe(200);
    await authorized;
    expect(who.tabs.map((url) => new URL(url).searchParams.get('login_hint'))).toEqual([null, 'bob']);
  });

  it('F42: is not ended by tokens that another window refreshed meanwhile', async () => {
    const who = hesitantPerson();
    const { provider, another, server } = closing(await scene({}, {}, who));
    await provider.authorize();
    const window = another();
    await window.fetch(server.url, rpc('ping'));
    who.wait();
    const authorized = provider.authorize({ authorizationParameters: { prompt: 'select_account' } });
    await until(() => who.tabs.length === 2, 'the tab');
    await window.tokens.refresh((await window.tokens.getAccessToken()) ?? '');
    await provider.tokens.reload();
    who.goOn();
    expect(await authorized).toMatchObject({ signedIn: true });
    expect(server.counts.count('token:authorization_code')).toBe(2);
  });
});

describe('a registration in whose place another one came', () => {
  it('F47: is still deleted at the server by the sign-out of its last session', async () => {
    const deleted: string[] = [];
    let registered = 0;
    const world = closing(
      await scene(
        {},
        {
          async intercept(request, response) {
            if (request.method === 'DELETE' && request.url?.startsWith('/manage/')) {
              deleted.push(request.url);
              response.writeHead(204).end();
              return true;
            }
            if (request.url !== '/register') return false;
            const chunks: Buffer[] = [];
            for await (const chunk of request) chunks.push(chunk as Buffer);
            registered += 1;
            const asked = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
            const uri = `http://${request.headers.host}/manage/${registered}`;
            response.writeHead(201, { 'content-type': 'application/json' }).end(
              JSON.stringify({
                ...asked,
                client_id: `https://clients.example.com/${registered}`,
                registration_access_token: `rat-${registered}`,
                registration_client_uri: uri,
              }),
            );
            return true;
          },
        },
      ),
    );
    const { provider, another, who, store } = world;
    await provider.authorize();
    const port = Number(new URL(new URL(who.tabs[0] ?? '').searchParams.get('redirect_uri') ?? '').port);
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    closing({ close: () => new Promise<void>((resolve) => squatter.close(() => resolve())) });
    const second = another({ account: 'second' });
    await second.authorize();
    expect(registered).toBe(2);
    expect(await provider.signOut()).toMatchObject({ registrationDeleted: true });
    expect(await second.signOut()).toMatchObject({ registrationDeleted: true });
    expect(deleted).toEqual(['/manage/1', '/manage/2']);
    expect(await store.list('client/')).toEqual([]);
  });
});

describe('signOut({ forgetRegistration: true })', () => {
  it('F14: resets a registration although nobody ever signed in with it', async () => {
    const who = hesitantPerson();
    const { provider, store, clock } = closing(await scene({}, {}, who));
    who.wait();
    const waiting = failure(provider.authorize());
    await until(() => who.tabs.length === 1, 'the tab');
    clock.advance(300_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout' });
    expect(await store.list('client/')).toHaveLength(1);
    expect(await provider.signOut()).toMatchObject({ registrationForgotten: false });
    expect(await provider.signOut({ forgetRegistration: true })).toMatchObject({ registrationForgotten: true });
    expect(await store.list('client/')).toEqual([]);
  });

  it('F14: forgets what a person was asked for, and says why where the server cannot be reached', async () => {
    const clientInformation = async () => ({ client_id: 'https://app.example.com/asked' });
    const { provider, store, server } = closing(
      await scene({ clientInformation, registration: 'ask' }, { cimd: true }),
    );
    await provider.authorize();
    expect(await provider.signOut({ forgetRegistration: true })).toMatchObject({ registrationForgotten: true });
    expect(await store.list('client/')).toEqual([]);
    await server.close();
    expect(await provider.signOut({ forgetRegistration: true })).toMatchObject({
      registrationForgotten: false,
      error: { retryable: true },
    });
  });
});

describe('authorize()', () => {
  it.each([
    ['wants no sign-in', 200],
    ['has no such path', 404],
  ])('at a server that %s says so, and registers nowhere', async (_, status) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume();
      if (request.url === '/mcp') response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) });
    const serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const provider = closing(createAuthProvider({ serverUrl, store: new MemoryTokenStore() }));
    expect(await failure(provider.authorize())).toMatchObject({
      code: 'authorization_server_not_found',
      message: expect.stringContaining('path of `serverUrl`'),
    });
    expect(asked.filter((line) => line.startsWith('POST'))).toEqual(['POST /mcp']);
  });

  it('F21: with interactive: false fails at once, without a request', async () => {
    const { provider, server } = closing(await scene({ interactive: false }));
    expect(await failure(provider.authorize())).toMatchObject({ code: 'interaction_required' });
    expect(server.counts.total()).toBe(0);
  });
});
