import * as undici from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import * as library from '../../src/index.js';
import { createTestServer, testOptions } from '../../src/testing/index.js';
import { closers, person, rpc } from '../auth-provider/support.js';
import { serveProxy } from '../http/support.js';
import { failure } from '../support/failure.js';
import { runBlock } from './run-block.js';

/** What names resolve to here. */
const dns = vi.hoisted(() => ({ names: new Map<string, string>() }));

vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup(name: string, _: unknown, done: (error: Error | null, found: { address: string; family: number }[]) => void) {
    const address = dns.names.get(name);
    if (address !== undefined) return done(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
    done(Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
  },
}));

const { closing, closeAll } = closers();
beforeEach(() => {
  dns.names.clear();
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'HTTPS_PROXY', 'NO_PROXY']) vi.stubEnv(name, undefined);
});
afterEach(closeAll);

const PATH = 'docs/network.md';
type Options = library.AuthProviderOptions;

/** The library whose providers have what the test needs besides; `given` are the options that a block chose. */
function within(change: (options: Options) => Options) {
  const given: Options[] = [];
  const createAuthProvider = (options: Options) => {
    given.push(options);
    return closing(library.createAuthProvider(change(options)));
  };
  return { given, modules: { 'mcp-oauth-client': { ...library, createAuthProvider } } };
}

describe('the dispatcher of the network guide', { timeout: 30_000 }, () => {
  it.each([
    ['carries the OAuth requests as well, with the `fetch` of the block', true],
    ['does not carry them without it', false],
  ])('%s', async (_, keepsFetch) => {
    const server = closing(await startRotatingServer());
    const who = closing(person());
    const proxy = await serveProxy(() => Number(new URL(server.url).port));
    closing({ close: proxy.stop });
    vi.stubEnv('HTTP_PROXY', proxy.url);
    const { modules } = within(({ fetch, ...options }) => ({
      ...options,
      ...(keepsFetch && fetch !== undefined ? { fetch } : {}),
      serverUrl: server.url,
      store: new library.MemoryTokenStore(),
      openBrowser: who.openBrowser,
    }));
    const set: undici.Dispatcher[] = [];
    // The person, too, uses the global `fetch`: the dispatcher is set for the one of the block alone.
    const setGlobalDispatcher = (dispatcher: undici.Dispatcher) => void set.push(dispatcher);
    const fetch = (url: string, init: RequestInit) => {
      const own: object = { dispatcher: set[0] };
      return globalThis.fetch(url, { ...init, ...own });
    };
    closing({ close: async () => set[0]?.close() });
    const { provider } = await runBlock<{ provider: library.AuthProvider }>(
      PATH,
      'setGlobalDispatcher(new EnvHttpProxyAgent())',
      { ...modules, undici: { ...undici, setGlobalDispatcher } },
      { globalThis: { fetch } },
    );
    await provider.authorize();
    const host = new URL(server.url).host;
    expect(proxy.asked.length > 0).toBe(keepsFetch);
    expect(new Set(proxy.asked.map(({ target }) => target))).toEqual(new Set(keepsFetch ? [host] : []));
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });
});

describe('the private host of the network guide', () => {
  it('may be named by a public server, at its port and nowhere else', async () => {
    const { given, modules } = within((options) => options);
    await runBlock(PATH, 'allowPrivateNetwork', modules);
    const [{ serverUrl: anchor = '', network } = {}] = given;
    // Private networks that nobody has: what is refused is refused before a connection.
    dns.names.set('login.corp.example', 'fd5c:9a2b:7e11::7').set('wiki.corp.example', 'fd5c:9a2b:7e11::8');
    const ask = async (url: string, options: Pick<Options, 'network'>) => {
      const http = closing(library.createHttp({ anchor, timeoutMs: 50, ...options }));
      return await failure(http.request('metadata', url));
    };
    const refused = await ask('https://login.corp.example:8443/', {});
    expect(refused).toMatchObject({ code: 'address_refused', message: expect.stringContaining('allowPrivateNetwork') });
    const listed = network === undefined ? {} : { network };
    expect((await ask('https://login.corp.example:8443/', listed)).code).toMatch(/^(timeout|network_error)$/);
    for (const url of ['https://login.corp.example/', 'https://wiki.corp.example:8443/'])
      expect(await ask(url, listed)).toMatchObject({ code: 'address_refused' });
  });
});

describe('the service of the network guide', () => {
  type Block = { connectFor(userId: string, typed: string): library.AuthProvider | undefined };
  const load = (modules: object) => runBlock<Block>(PATH, 'function connectFor', { ...modules });

  it.each([
    'http://10.0.0.1',
    'https://10.0.0.1/mcp',
    'https://localhost/mcp',
    'http://127.0.0.1:3000/mcp',
    'https://wiki.internal/mcp',
    'http://169.254.169.254/',
    'http://mcp.example.com/mcp',
    'mcp.example.com',
    '',
  ])('has no provider for "%s"', async (typed) => {
    const { given, modules } = within((options) => options);
    const { connectFor } = await load(modules);
    expect(connectFor('alice', typed)).toBeUndefined();
    expect(given).toHaveLength(1);
  });

  it('sends nothing to a public name that resolves to a private address', async () => {
    dns.names.set('mcp.example.com', '10.0.0.1');
    const { modules } = within((options) => ({ ...options, store: new library.MemoryTokenStore() }));
    const { connectFor } = await load(modules);
    const provider = connectFor('alice', 'https://mcp.example.com/mcp');
    const refused = failure(provider?.authorize() ?? Promise.resolve());
    expect(await refused).toMatchObject({ code: 'address_refused' });
    const call = failure(provider?.fetch('https://mcp.example.com/mcp', rpc('ping')) ?? Promise.resolve());
    expect(await call).toMatchObject({ code: 'address_refused' });
  });

  it('signs a user in at a public server by the hosted callback, and no other user', async () => {
    const server = createTestServer({ url: 'https://mcp.example.com/mcp' });
    const { openBrowser: _, ...inTest } = testOptions(server);
    const { modules } = within((options) => ({ ...options, ...inTest }));
    const { connectFor } = await load(modules);
    const alice = connectFor('alice', server.url);
    const asked = await failure(alice?.authorize() ?? Promise.resolve());
    expect(asked).toMatchObject({ code: 'authorization_required' });
    const callback = (await server.visit(asked.url ?? '')) ?? '';
    expect(callback).toMatch(/^https:\/\/app\.example\.com\/oauth\/callback\?/);
    expect(await alice?.finishAuthorization(callback)).toMatchObject({ signedIn: true });
    expect(await connectFor('bob', server.url)?.session()).toMatchObject({ signedIn: false });
  });

  it('hides no failure that is not about the URL', async () => {
    const broken = () => {
      throw new TypeError('broken');
    };
    const { connectFor } = await load({ 'mcp-oauth-client': { ...library, createAuthProvider: broken } });
    expect(() => connectFor('alice', 'https://mcp.example.com/mcp')).toThrow('broken');
  });
});
