import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { playPerson } from '../../examples/servers/person.js';
import {
  type AuthEvent,
  type AuthProviderOptions,
  createAuthProvider,
  listSessions,
  MemoryTokenStore,
} from '../../src/index.js';
import { failure } from '../support/failure.js';
import { callTool, closers, type Person, person, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A server that says who signed in, and whoever sits at the browser now. */
async function place() {
  const as = closing(await startAuthorizationServer());
  const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'openid mcp:read' }));
  const store = new MemoryTokenStore();
  const events: AuthEvent[] = [];
  const tabs: URL[] = [];
  let who: Person = closing(person());
  const open = (options: Partial<AuthProviderOptions> = {}) =>
    closing(
      createAuthProvider({
        serverUrl: server.url,
        store,
        openBrowser: (url) => {
          tabs.push(new URL(url));
          who.openBrowser(url);
        },
        onEvent: (event) => void events.push(event),
        ...options,
      }),
    );
  const sit = (account: string) => {
    who = closing(person({ account }));
  };
  return { as, server, store, events, tabs, open, sit };
}

describe('the account of a session', () => {
  it('F42: is named by session() and by the signed_in event, where the server says who it is', async () => {
    const { open, events, sit } = await place();
    sit('carol');
    const { account } = await open().authorize();
    expect(account).toEqual({ subject: 'carol' });
    expect(events.find(({ type }) => type === 'signed_in')).toMatchObject({ account: { subject: 'carol' } });
  });

  it.each([
    ['a step-up', 'createIssue'],
    ['authorize({ scope })', 'authorize'],
  ])('F42: %s that somebody else answers leaves the session as it was, and their tokens are revoked', async (_, way) => {
    const { open, as, sit, server, store } = await place();
    const provider = open();
    await provider.authorize();
    const [key = ''] = await store.list('session/');
    const before = await store.get(key);
    const revocations = as.counts.count('revocation');
    sit('mallory');
    const attempt =
      way === 'authorize'
        ? provider.authorize({ scope: 'mcp:write' })
        : provider.fetch(server.url, callTool('create_issue', { title: 'x' }));
    expect(await failure(attempt)).toMatchObject({
      code: 'account_mismatch',
      stage: 'step-up',
      message: expect.stringContaining("prompt: 'select_account'"),
    });
    expect(await store.get(key)).toBe(before);
    expect((await provider.session()).account).toEqual({ subject: 'alice' });
    expect(as.counts.count('revocation')).toBeGreaterThan(revocations);
    expect((await provider.fetch(server.url, rpc('ping'))).status).not.toBe(401);
  });

  it('F42: a hosted step-up that somebody else answers leaves the session as it was', async () => {
    const { open, server } = await place();
    await open().authorize();
    const redirectUrl = 'com.example.app:/callback';
    const hosted = open({ redirectUrl, openBrowser: undefined as never });
    const { url = '' } = await failure(hosted.fetch(server.url, callTool('create_issue', { title: 'x' })));
    const { url: callback } = await playPerson(url, { account: 'mallory' });
    expect(await failure(open({ redirectUrl }).finishAuthorization(callback))).toMatchObject({
      code: 'account_mismatch',
    });
    expect((await hosted.session()).account).toEqual({ subject: 'alice' });
  });

  it('F42: is changed by authorize() with parameters of the request, which asks though the session is valid', async () => {
    const { open, sit, tabs } = await place();
    const provider = open({ authorizationParameters: { login_hint: 'alice' } });
    await provider.authorize();
    await provider.authorize();
    expect(tabs).toHaveLength(1);
    sit('bob');
    const authorizationParameters = { prompt: 'login consent', login_hint: 'bob' };
    expect((await provider.authorize({ authorizationParameters })).account).toEqual({ subject: 'bob' });
    expect(tabs.map(({ searchParams }) => searchParams.get('login_hint'))).toEqual(['alice', 'bob']);
    expect(tabs.at(-1)?.searchParams.get('prompt')).toBe('login consent');
  });

  it('parameters that the library sets itself are refused before anything is sent', async () => {
    const { open, server, tabs } = await place();
    const parameters = { redirect_uri: 'https://evil.example.com' };
    expect(await failure(open().authorize({ authorizationParameters: parameters }))).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('redirect_uri'),
    });
    expect(() => open({ authorizationParameters: parameters })).toThrowError(/redirect_uri/);
    expect([tabs, server.counts.total()]).toEqual([[], 0]);
  });
});

describe('listSessions()', () => {
  it('names every session of a store by server and account, without a secret', async () => {
    const { open, server, store, sit } = await place();
    await open({ account: 'work/1' }).authorize();
    sit('bob');
    await open({ account: 'home' }).authorize();
    const gone = open();
    await gone.authorize();
    await gone.signOut();
    const sessions = await listSessions(store);
    expect(sessions).toMatchObject([
      { serverUrl: server.url, signedIn: false, signedOut: true },
      { serverUrl: server.url, accountKey: 'home', signedIn: true, account: { subject: 'bob' } },
      { serverUrl: server.url, accountKey: 'work/1', signedIn: true, registration: 'dynamic' },
    ]);
    const secrets = (await Promise.all((await store.list('session/')).map((key) => store.get(key)))).map(
      (text) => (JSON.parse(text ?? '{}') as { tokens: { accessToken: string } }).tokens.accessToken,
    );
    expect(secrets).toHaveLength(2);
    for (const secret of secrets) expect(JSON.stringify(sessions)).not.toContain(secret);
    expect(await listSessions(store, { serverUrl: 'https://other.example.com/mcp' })).toEqual([]);
    expect(await listSessions(store, { serverUrl: `${server.url}#x` })).toHaveLength(3);
    expect(await failure(listSessions(store, { serverUrl: 'nowhere' }))).toMatchObject({ code: 'invalid_options' });
  });

  it('lists a session that cannot be read with its error, and leaves other keys alone', async () => {
    const store = new MemoryTokenStore();
    await store.set(`session/${encodeURIComponent('https://mcp.example.com/mcp')}/`, '{');
    await store.set('session/%%%/x', 'x');
    await store.set('session/no-url/x', 'x');
    expect(await listSessions(store)).toMatchObject([
      { serverUrl: 'https://mcp.example.com/mcp', signedIn: false, error: { code: 'store_unreadable' } },
    ]);
  });
});
