import { afterEach, describe, expect, it } from 'vitest';
import * as library from '../../src/index.js';
import { createTestServer, testOptions } from '../../src/testing/index.js';
import { closers, rpc, until } from '../auth-provider/support.js';
import { runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/versioning.md';
const ORIGIN = 'https://app.example.com';

type Message = { readonly origin: string; readonly data: unknown };
type Listener = (message: Message) => void;

/** A page that runs the block, at a server that it can reach. */
async function page({ blocksPopups = false } = {}) {
  const server = createTestServer({ url: 'https://mcp.example.com/mcp' });
  const { openBrowser: _, store: __, ...inTest } = testOptions(server);
  const createAuthProvider = (options: library.AuthProviderOptions) =>
    closing(library.createAuthProvider({ ...options, ...inTest, onEvent: ({ type }) => void events.push(type) }));
  const opened: string[][] = [];
  const events: string[] = [];
  const listeners: Listener[] = [];
  const window = {
    open(...args: string[]) {
      opened.push(args);
      return blocksPopups ? null : {};
    },
  };
  const addEventListener = (type: string, listener: Listener) => type === 'message' && listeners.push(listener);
  const { provider } = await runBlock<{ provider: library.AuthProvider }>(
    PATH,
    'addEventListener',
    { 'mcp-oauth-client': { ...library, createAuthProvider } },
    { window, location: { origin: ORIGIN }, addEventListener },
  );
  const post = (message: Message) => {
    for (const listener of listeners) listener(message);
  };
  return { server, provider, opened, events, post };
}

describe('the page of the versioning guide', () => {
  it('signs in by a popup whose page posts the URL that it was called with', async () => {
    const { server, provider, opened, post } = await page();
    const signIn = provider.authorize();
    await until(() => opened.length > 0, 'the popup');
    const [[url = '', ...popup] = []] = opened;
    expect(popup).toEqual(['sign-in', 'popup']);
    const data = await server.visit(url);
    expect(data).toMatch(/^https:\/\/app\.example\.com\/callback\?/);
    post({ origin: ORIGIN, data });
    expect(await signIn).toMatchObject({ signedIn: true });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it('takes no URL from another origin, no other message, and a wrong URL ends nothing', async () => {
    const { server, provider, opened, post } = await page();
    const signIn = provider.authorize();
    await until(() => opened.length > 0, 'the popup');
    const data = await server.visit(opened[0]?.[0] ?? '');
    post({ origin: 'https://evil.example.com', data });
    post({ origin: ORIGIN, data: { type: 'of another script' } });
    post({ origin: ORIGIN, data: `${ORIGIN}/callback?code=1&state=2` });
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([server.count('token'), (await provider.session()).signedIn]).toEqual([0, false]);
    post({ origin: ORIGIN, data });
    expect(await signIn).toMatchObject({ signedIn: true });
  });

  it('a popup that was blocked is an event, and the sign-in goes on waiting', async () => {
    const { server, provider, opened, events, post } = await page({ blocksPopups: true });
    const signIn = provider.authorize();
    await until(() => events.includes('browser_failed'), 'the event');
    expect(events).toContain('authorization_url');
    post({ origin: ORIGIN, data: await server.visit(opened[0]?.[0] ?? '') });
    expect(await signIn).toMatchObject({ signedIn: true });
  });
});
