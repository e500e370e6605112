import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoopbackServer, listenOnLoopback, pathOf } from '../../examples/servers/loopback-server.js';
import { type RotatingServer, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { startBrowser } from './browser.js';
import { type PackedProject, packedProject } from './packed-project.js';

/** An application of one page, as somebody would write it who knows nothing of Node. */
const PAGE = `
import { createAuthProvider, isMcpOAuthError, MemoryTokenStore } from 'mcp-oauth-client';

const serverUrl = new URLSearchParams(location.search).get('server');
const events = [];
const provider = createAuthProvider({
  serverUrl,
  store: new MemoryTokenStore(),
  clientMetadata: { client_name: 'A page' },
  redirectUrl: location.origin + '/callback',
  openBrowser: (url) => window.open(url, 'sign-in', 'popup') !== null,
  onEvent: ({ type }) => events.push(type),
});
addEventListener('message', ({ origin, data }) => {
  if (origin === location.origin) provider.finishAuthorization(data).catch(() => {});
});
const show = (result) => {
  document.querySelector('output').textContent = JSON.stringify(result);
};
const call = async () => {
  const response = await provider.fetch(serverUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } } }),
  });
  const { signedIn } = await provider.session();
  return { status: response.status, answer: await response.text(), signedIn, events };
};
const without = createAuthProvider({ serverUrl, redirectUrl: location.origin + '/callback', openBrowser: () => {} });
const press = (id, work) => document.getElementById(id).addEventListener('click', () => {
  work().then(show, (error) => show({ ours: isMcpOAuthError(error), code: error.code, message: error.message }));
});
press('call', call);
press('no-store', () => without.fetch(serverUrl));
`;

const HTML = `<!doctype html><title>A page</title><button id="call">Call</button><button id="no-store">No store</button>
<output></output><script type="module" src="/page.js"></script>`;
const CALLBACK = `<!doctype html><title>Back</title><script>opener.postMessage(location.href, location.origin); close();</script>`;

const CORS = {
  'access-control-allow-headers': 'authorization, content-type, mcp-protocol-version',
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-expose-headers': 'www-authenticate',
};

describe('the packed package in a page', () => {
  let packed: PackedProject;
  let metafile: Metafile;
  let app: LoopbackServer;
  let server: RotatingServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    packed = await packedProject();
    const outfile = join(packed.directory, 'bundle.js');
    const common = { bundle: true, format: 'esm', platform: 'browser', minify: true, metafile: true } as const;
    const entryPoints = [await packed.write('page.js', PAGE)];
    ({ metafile } = await build({ ...common, absWorkingDir: packed.directory, entryPoints, outfile }));
    const script = await readFile(outfile, 'utf8');
    app = await listenOnLoopback((request, response) => {
      const isScript = pathOf(request) === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : pathOf(request) === '/callback' ? CALLBACK : HTML);
    });
    server = await startRotatingServer({
      intercept(request, response) {
        response.setHeader('access-control-allow-origin', app.origin);
        for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
        if (request.method === 'OPTIONS') response.writeHead(204).end();
        return request.method === 'OPTIONS';
      },
    });
    browser = await startBrowser();
    context = await browser.newContext();
    context.setDefaultTimeout(10_000);
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`${app.origin}/?server=${encodeURIComponent(server.url)}`);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    await app.close();
    await packed.close();
  });

  const press = async (id: string): Promise<Record<string, unknown>> => {
    await page.locator('output').evaluate((output) => output.replaceChildren());
    await page.locator(`#${id}`).click();
    await page.locator('output:not(:empty)').waitFor();
    return JSON.parse(await page.locator('output').innerText()) as Record<string, unknown>;
  };

  it('is bundled without anything of Node', () => {
    const inputs = Object.keys(metafile.inputs);
    const external = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter((one) => one.external));
    expect(external).toEqual([]);
    expect(inputs.filter((path) => isBuiltin(path) || path.startsWith('node:'))).toEqual([]);
    const packages = new Set(inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
    expect([...packages].sort()).toEqual(['mcp-oauth-client', 'oauth4webapi']);
    expect(inputs).toContain('node_modules/mcp-oauth-client/dist/browser.js');
  });

  it('signs in by a popup and calls a tool, and goes on without asking again', async () => {
    const first = await press('call');
    expect(first).toMatchObject({ status: 200, signedIn: true });
    expect(first['answer']).toContain('hi');
    expect(first['events']).toEqual(['discovered', 'registered', 'authorization_url', 'signed_in']);
    expect(await press('call')).toEqual(first);
    expect(server.counts.count('authorize')).toBe(1);
    expect(server.counts.count('token')).toBe(1);
  });

  it('renews the session in the page', async () => {
    server.revokeAllAccessTokens();
    expect(await press('call')).toMatchObject({ status: 200, events: expect.arrayContaining(['refreshed']) });
    expect(server.counts.count('authorize')).toBe(1);
  });

  it('keeps nothing in the browser', async () => {
    const kept = await page.evaluate(async () => ({
      local: localStorage.length,
      session: sessionStorage.length,
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
    }));
    expect(kept).toEqual({ local: 0, session: 0, cookies: '', databases: 0 });
    expect(complaints).toEqual([]);
  });

  it('says that a page has to choose where its sessions are kept', async () => {
    expect(await press('no-store')).toEqual({
      ours: true,
      code: 'invalid_options',
      message: expect.stringMatching(/^A default store is not available in a browser\. Give `store`/),
    });
  });
});
