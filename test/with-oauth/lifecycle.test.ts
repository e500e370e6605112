import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { createAuthProvider, getAuthProvider, type McpOAuthError, MemoryTokenStore } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { absentPerson, closers, FOUR, open, person, signingIn, urlFor } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** Binds the port, which fails while anybody else has it. */
async function bind(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

const callbackPort = (authorizationUrl: string | undefined): number =>
  Number(new URL(new URL(authorizationUrl!).searchParams.get('redirect_uri')!).port);

describe.each(FOUR)('$name: close() during a sign-in', (kind) => {
  it('F23: ends connect at once and leaves neither listener nor transaction', async () => {
    const server = closing(await startInternalMcpServerV1());
    const store = new MemoryTokenStore();
    const who = closing(absentPerson());
    const opened = open(kind, urlFor(kind, server), signingIn(who, store));
    const outcome = rejection(opened.connect());
    await expect.poll(() => who.tabs.length, { timeout: 10_000 }).toBe(1);
    await opened.transport.close();
    await bind(callbackPort(who.tabs[0]));
    expect(await outcome).toMatchObject({ code: 'closed', name: 'McpOAuthError' });
    expect(await store.list('transaction/')).toEqual([]);
  });

  it('F23: ends a call that waits for a person', async () => {
    const server = closing(await startInternalMcpServerV1());
    const who = closing(person());
    const absent = closing(absentPerson());
    const browser = { open: who.openBrowser };
    const opened = open(kind, urlFor(kind, server), { ...signingIn(who), openBrowser: (url) => browser.open(url) });
    await opened.connect();
    browser.open = absent.openBrowser;
    const outcome = rejection(opened.call('create_issue', { title: 'x' }));
    await expect.poll(() => absent.tabs.length, { timeout: 10_000 }).toBe(1);
    await opened.close();
    expect(String(await outcome)).toMatch(/closed/i);
    await bind(callbackPort(absent.tabs[0]));
  });

  it('leaves the sign-in of a given provider to those who still wait for it', async () => {
    const server = closing(await startInternalMcpServerV1());
    const who = closing(person({ delayMs: 150 }));
    const url = urlFor(kind, server);
    const authProvider = closing(createAuthProvider({ serverUrl: url, ...signingIn(who) }));
    const [leaves, stays] = [open(kind, url, { authProvider }), closing(open(kind, url, { authProvider }))];
    const left = rejection(leaves.connect());
    const connected = stays.connect();
    await expect.poll(() => who.tabs.length, { timeout: 10_000 }).toBe(1);
    await leaves.close();
    await leaves.transport.close();
    expect(await left).toMatchObject({ code: 'closed' });
    await connected;
    expect(await stays.call('echo', { text: 'still here' })).toBe('still here');
    expect(who.tabs).toHaveLength(1);
  });
});

describe.each(FOUR)('$name', (kind) => {
  it('keeps a running connection when start() is called once more', async () => {
    const server = closing(await startInternalMcpServerV1());
    const opened = closing(open(kind, urlFor(kind, server), signingIn(closing(person()))));
    await opened.connect();
    expect(String(await rejection(opened.transport.start()))).toContain('already started');
    expect(await opened.call('echo', { text: 'alive' })).toBe('alive');
  });

  it('F19: a browser that cannot be opened is no failure; the URL is offered', async () => {
    const server = closing(await startInternalMcpServerV1());
    const who = closing(person());
    const events: string[] = [];
    const opened = closing(
      open(kind, urlFor(kind, server), {
        ...signingIn(who),
        openBrowser: () => {
          throw new Error('no display');
        },
        onEvent: (event) => {
          events.push(event.type);
          if (event.type === 'browser_failed') who.openBrowser(event.url);
        },
      }),
    );
    await opened.connect();
    expect(events).toContain('browser_failed');
    expect(await opened.call('echo', { text: 'by hand' })).toBe('by hand');
  });
});

describe('withOAuth', () => {
  const [kind] = FOUR;

  it('refuses a provider for another server, and one that is not of this package', async () => {
    const authProvider = closing(
      createAuthProvider({ serverUrl: 'https://one.example.com/mcp', store: new MemoryTokenStore() }),
    );
    const attempt = async (url: string, given: unknown) => open(kind!, url, { authProvider: given as never });
    for (const outcome of [
      attempt('https://two.example.com/mcp', authProvider),
      attempt('https://one.example.com/mcp', {}),
    ]) {
      expect((await rejection(outcome)) as McpOAuthError).toMatchObject({
        code: 'invalid_options',
        stage: 'configuration',
      });
    }
    expect(getAuthProvider(open(kind!, 'https://one.example.com/sse', { authProvider }).transport)).toBe(authProvider);
  });
});
