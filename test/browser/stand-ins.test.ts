import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { browserParts } from '../../scripts/browser-parts.js';
import type * as Package from '../../src/index.js';
import { type AuthEvent, McpOAuthError } from '../../src/index.js';
import { callTool, person } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The package as a browser gets it. It runs on Node too, as in the windows of Electron. */
let browser: typeof Package;
let folder: string;

beforeAll(async () => {
  // Below the project, where its dependencies are found.
  folder = await mkdtemp(join(ROOT, 'node_modules', '.browser-'));
  const outfile = join(folder, 'browser.mjs');
  const common = { bundle: true, format: 'esm', platform: 'browser' } as const;
  const external = ['oauth4webapi'];
  await build({
    ...common,
    absWorkingDir: ROOT,
    entryPoints: ['src/index.ts'],
    outfile,
    external,
    plugins: [browserParts],
  });
  browser = await import(pathToFileURL(outfile).href);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SERVER = 'https://mcp.example.com/mcp';
const REDIRECT = 'https://app.example.com/callback';

/** What is thrown is of the other copy of the package. */
function thrownBy(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

describe('in a browser', () => {
  it.each([
    'FileTokenStore',
    'KeychainTokenStore',
    'RedisTokenStore',
    'SecretStorageTokenStore',
  ] as const)('%s says what to use in its place', (name) => {
    const Store = browser[name] as new (options: object) => object;
    expect(thrownBy(() => new Store({ directory: '/tmp' }))).toMatchObject({
      name: 'McpOAuthError',
      code: 'invalid_options',
      stage: 'configuration',
      message: `${name} is not available in a browser. Give \`store\`: a MemoryTokenStore, which forgets with the page, or a TokenStore of your own.`,
    });
  });

  it('a session without `store` is refused with its first use, and nobody is asked to sign in', async () => {
    const openBrowser = vi.fn();
    const provider = browser.createAuthProvider({
      serverUrl: SERVER,
      redirectUrl: REDIRECT,
      openBrowser,
      fetch: async () => new Response(null, { status: 401 }),
    });
    const { fetch, authorize, session } = provider;
    for (const use of [() => fetch(SERVER), () => authorize(), session, browser.defaultStores]) {
      const error = await failure(use());
      expect(error.code).toBe('invalid_options');
      expect(error.message).toMatch(/^A default store is not available in a browser\. Give `store`/);
    }
    expect(openBrowser).not.toHaveBeenCalled();
    await provider.close();
  });

  it('a sign-in without `redirectUrl`, the listener and the option `loopback` are refused', async () => {
    const server = await startRotatingServer();
    const who = person();
    const options = { serverUrl: server.url, store: new browser.MemoryTokenStore(), openBrowser: who.openBrowser };
    const provider = browser.createAuthProvider(options);
    const call = () => provider.fetch(server.url, callTool('echo'));
    for (const use of [call, browser.startLoopbackListener]) {
      const error = await failure(use());
      expect(error.code).toBe('invalid_options');
      expect(error.message).toMatch(/^The loopback listener is not available in a browser\. Give `redirectUrl`/);
    }
    expect(who.tabs).toEqual([]);
    expect(server.counts.total()).toBeLessThan(10);
    expect(thrownBy(() => browser.createAuthProvider({ ...options, loopback: { port: 0 } }))).toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(/^The option `loopback` is not available in a browser/),
    });
    await provider.close();
    await who.close();
    await server.close();
  });

  it('a file as the assertion of a workload is refused', async () => {
    const server = await startRotatingServer();
    const provider = browser.createAuthProvider({
      serverUrl: server.url,
      store: new browser.MemoryTokenStore(),
      grant: browser.jwtBearer({ assertion: { file: '/var/run/token' }, issuer: server.issuer }),
    });
    const error = await failure(provider.authorize());
    expect(error.code).toBe('invalid_options');
    expect(error.message).toContain('`assertion.file` is not available in a browser. Give `assertion` as a function.');
    await provider.close();
    await server.close();
  });

  it('a sign-in by `redirectUrl` and `openBrowser` works, by the fetch of the platform', async () => {
    const server = await startRotatingServer();
    const events: AuthEvent[] = [];
    const provider = browser.createAuthProvider({
      serverUrl: server.url,
      store: new browser.MemoryTokenStore(),
      redirectUrl: REDIRECT,
      async openBrowser(url) {
        await provider.finishAuthorization((await playPerson(url, { stopAt: REDIRECT })).url);
      },
      onEvent: (event) => events.push(event),
    });
    const response = await provider.fetch(server.url, callTool('echo', { text: 'hi' }));
    expect(response.status).toBe(200);
    expect(events.map(({ type }) => type)).toEqual(['discovered', 'registered', 'authorization_url', 'signed_in']);
    expect(await provider.session()).toMatchObject({ signedIn: true, store: { kind: 'given' } });
    await provider.close();
    await server.close();
  });

  it('its errors are known to the package on Node', () => {
    const error = thrownBy(() => new (browser.FileTokenStore as new () => object)());
    expect(error).not.toBeInstanceOf(McpOAuthError);
    expect(browser.isMcpOAuthError(error)).toBe(true);
  });
});
