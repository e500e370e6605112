import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { type PersonOptions, playPerson } from '../../examples/servers/person.js';
import { type AuthProviderOptions, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, isPortFree, person, redirectUriOf, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a custom scheme as redirectUrl', () => {
  const redirectUrl = 'com.example.app:/oauth/callback';

  /** A desktop app: the system hands it the URL of its scheme, once the person is done. */
  async function desktopApp(who: PersonOptions = {}) {
    const registered: unknown[] = [];
    const as = closing(await startAuthorizationServer());
    const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const store = new MemoryTokenStore();
    const redirectUris: string[] = [];
    const arrivals: string[] = [];
    const open = (more: Partial<AuthProviderOptions> = {}) =>
      closing(
        createAuthProvider({
          serverUrl: server.url,
          store,
          redirectUrl,
          fetch(input, init) {
            if (String(input).endsWith('/reg')) registered.push(JSON.parse(String(init?.body)));
            return fetch(input, init);
          },
          onEvent: (event) => void (event.type === 'authorization_url' && redirectUris.push(event.redirectUri)),
          openBrowser: (url) => void playPerson(url, who).then((result) => arrivals.push(result.url)),
          ...more,
        }),
      );
    return { as, server, store, redirectUris, arrivals, open, registered };
  }

  it('is registered as a native app`s, and every request waits for finishAuthorization()', async () => {
    const { open, server, redirectUris, arrivals, registered, as } = await desktopApp();
    const provider = open();
    const ping = () => provider.fetch(server.url, { ...rpc('ping'), headers: { accept: 'application/json' } });
    const waiting = Promise.all([ping(), ping()]);
    await until(() => arrivals.length === 1, 'the URL of the scheme');
    expect(redirectUris).toEqual([redirectUrl]);
    expect(arrivals[0]).toMatch(/^com\.example\.app:\/oauth\/callback\?code=/);
    expect(registered).toMatchObject([{ redirect_uris: [redirectUrl], application_type: 'native' }]);
    expect(await provider.finishAuthorization(arrivals[0] ?? '')).toMatchObject({ signedIn: true });
    for (const response of await waiting) expect(response.status).not.toBe(401);
    expect(as.counts.count('token:authorization_code')).toBe(1);
  });

  it('F48: the URL may reach another process of the app; the one that waits adopts what that one got', async () => {
    const { open, arrivals, as } = await desktopApp();
    const waiting = open().authorize();
    await until(() => arrivals.length === 1, 'the URL of the scheme');
    expect(await open().finishAuthorization(arrivals[0] ?? '')).toMatchObject({ signedIn: true });
    expect(await waiting).toMatchObject({ signedIn: true });
    expect(as.counts.count('token:authorization_code')).toBe(1);
  });

  it('F47: is registered once, apart from the registration for loopback', async () => {
    const { open, arrivals, as } = await desktopApp();
    const finish = async (account: string, number: number) => {
      const provider = open({ account });
      const session = provider.authorize();
      await until(() => arrivals.length === number, 'the URL of the scheme');
      await provider.finishAuthorization(arrivals.at(-1) ?? '');
      await session;
    };
    await finish('one', 1);
    await open({ account: 'two', redirectUrl: undefined as never }).authorize();
    await finish('three', 3);
    expect(as.counts.count('registration')).toBe(2);
  });

  it('a denial that the scheme brings is access_denied, for whoever waits too', async () => {
    const { open, arrivals } = await desktopApp({ deny: true });
    const provider = open();
    const waiting = failure(provider.authorize());
    await until(() => arrivals.length === 1, 'the URL of the scheme');
    expect(await failure(provider.finishAuthorization(arrivals[0] ?? ''))).toMatchObject({ code: 'access_denied' });
    expect(await waiting).toMatchObject({ code: 'access_denied' });
  });

  it.each([
    'vscode://acme.acme-mcp/callback',
    'cursor://anysphere.cursor-mcp/oauth/callback',
  ])('takes the URI handler of an editor: %s', async (handler) => {
    const opened: string[] = [];
    const { provider } = closing(
      await scene({ redirectUrl: handler, openBrowser: (url) => void opened.push(url) }, {}, person()),
    );
    const session = provider.authorize();
    await until(() => opened.length === 1, 'the browser');
    expect(redirectUriOf(opened[0] ?? '')).toBe(handler);
    const { url } = await playPerson(opened[0] ?? '');
    // Editors hand the URI over without its slashes' meaning: as text, and percent-encoded once more at times.
    expect(await provider.finishAuthorization(url)).toMatchObject({ signedIn: true });
    await session;
  });
});

describe('the port of a sign-in', () => {
  const clients: readonly [string, Partial<AuthProviderOptions>][] = [
    ['dynamic', {}],
    ['pre-registered', { clientInformation: { client_id: 'https://app.example.com/pre' } }],
    ['cimd', { clientMetadataUrl: 'https://app.example.com/client.json' }],
    ['asked', { clientInformation: async () => ({ client_id: 'https://app.example.com/asked' }), registration: 'ask' }],
  ];

  it.each(clients)('F12: is remembered with the client, over a restart: %s', async (kind, options) => {
    const { provider, who, another, store } = closing(await scene(options, { cimd: true }));
    expect(await provider.authorize()).toMatchObject({ registration: kind });
    for (const account of ['second', 'third']) await another({ account }).authorize();
    expect(new Set(who.tabs.map(redirectUriOf)).size).toBe(1);
    expect(await store.list('client/')).toHaveLength(1);
  });

  it.each(clients)('F12: where it is taken, another one is used and remembered: %s', async (kind, options) => {
    const { provider, who, another, server } = closing(await scene(options, { cimd: true }));
    await provider.authorize();
    const first = redirectUriOf(who.tabs[0] ?? '');
    const squatter = closing(await squat(Number(new URL(first).port)));
    for (const account of ['second', 'third']) {
      expect(await another({ account }).authorize()).toMatchObject({ registration: kind });
    }
    const [, second, third] = who.tabs.map(redirectUriOf);
    expect(second).not.toBe(first);
    // Whoever was asked told one redirect URI to the authorization server; that one is tried first each time.
    if (kind !== 'asked') expect(third).toBe(second);
    expect(server.counts.count('register')).toBe(kind === 'dynamic' ? 2 : 0);
    expect(squatter.connections()).toBe(0);
  });

  it('the secret of a pre-registered client is not kept with its port', async () => {
    const clientInformation = { client_id: 'https://app.example.com/pre', client_secret: 'the-secret' };
    const { provider, store } = closing(await scene({ clientInformation }, { cimd: true }));
    await provider.authorize();
    const kept = await Promise.all((await store.list('client/')).map((key) => store.get(key)));
    expect(kept).toHaveLength(1);
    expect(kept.join()).not.toContain('the-secret');
  });
});

describe('a port that another program holds', () => {
  it.each<[string, Partial<AuthProviderOptions>]>([
    ['dynamic', {}],
    ['pre-registered', { clientInformation: { client_id: 'https://app.example.com/pre' } }],
    ['cimd', { clientMetadataUrl: 'https://app.example.com/client.json' }],
  ])('F46: the fixed loopback.port is listener_failed with what to do, and nobody is asked: %s', async (_, options) => {
    const squatter = closing(await squat());
    const { provider, server, who } = closing(
      await scene({ ...options, loopback: { port: squatter.port } }, { cimd: true }),
    );
    const error = await failure(provider.authorize());
    expect(error).toMatchObject({ code: 'listener_failed', stage: 'callback' });
    expect(error.message).toContain(`127.0.0.1:${squatter.port}`);
    expect(error.message).toMatch(/another program holds the port.*End that program/);
    expect([who.tabs, server.counts.count('register')]).toEqual([[], 0]);

    await squatter.close();
    expect(await provider.authorize()).toMatchObject({ signedIn: true });
    expect(redirectUriOf(who.tabs[0] ?? '')).toBe(`http://127.0.0.1:${squatter.port}/callback`);
  });

  it('F12: a client that the user named keeps its id on another port, and the user is asked once', async () => {
    let asked = 0;
    const clientInformation = async () => {
      asked += 1;
      return { client_id: 'https://app.example.com/asked' };
    };
    const { provider, who, another } = closing(await scene({ clientInformation, registration: 'ask' }));
    await provider.authorize();
    const first = redirectUriOf(who.tabs[0] ?? '');
    await another({ account: 'second' }).authorize();
    expect(redirectUriOf(who.tabs[1] ?? '')).toBe(first);

    const squatter = closing(await squat(Number(new URL(first).port)));
    await another({ account: 'third' }).authorize();
    expect(redirectUriOf(who.tabs[2] ?? '')).not.toBe(first);
    const ids = who.tabs.map((url) => new URL(url).searchParams.get('client_id'));
    expect([new Set(ids).size, asked, squatter.connections()]).toEqual([1, 1, 0]);
  });

  it('F12: RFC 8252 section 7.3: a pre-registered client is used with whatever port is free', async () => {
    const as = closing(
      await startAuthorizationServer({
        clients: [
          {
            client_id: 'desktop',
            application_type: 'native',
            redirect_uris: ['http://127.0.0.1/callback'],
            token_endpoint_auth_method: 'none',
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
          },
        ],
      }),
    );
    const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const who = closing(person());
    const store = new MemoryTokenStore();
    const signIn = (account: string) =>
      closing(
        createAuthProvider({
          serverUrl: server.url,
          store,
          account,
          clientInformation: { client_id: 'desktop', issuer: as.issuer },
          openBrowser: who.openBrowser,
        }),
      ).authorize();
    await signIn('one');
    closing(await squat(Number(new URL(redirectUriOf(who.tabs[0] ?? '')).port)));
    expect(await signIn('two')).toMatchObject({ signedIn: true, registration: 'pre-registered' });
    expect(redirectUriOf(who.tabs[1] ?? '')).not.toBe(redirectUriOf(who.tabs[0] ?? ''));
    expect(await isPortFree(redirectUriOf(who.tabs[1] ?? ''))).toBe(true);
  });
});

/** Another program on a port, which notices who comes. */
async function squat(port = 0): Promise<{ readonly port: number; connections(): number; close(): Promise<void> }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    connections: () => connections,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
