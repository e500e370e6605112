import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { type McpServerV1, startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import {
  type AuthEvent,
  getAuthProvider,
  MemoryTokenStore,
  startLoopbackListener,
  type Timeouts,
  withOAuth,
} from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { atBrowser, type BrowserPerson, type Conduct, historyOf, startBrowser, type Tab } from './browser.js';
import { expectReadable } from './page-look.js';

const CLIENT_NAME = 'Acme IDE';
/** Long enough for a browser under load to show its first page, short enough to wait for. */
const SHORT_SIGN_IN_MS = 3_000;

const press = (tab: Page, button: string) => tab.getByRole('button', { name: button, exact: true }).click();
const atCallbackPage = (tab: Page) => tab.waitForURL((url) => url.pathname === '/callback/done');

const fillInLogin: Conduct = async (tab) => {
  await tab.getByLabel('Name').fill('alice');
  await press(tab, 'Sign in');
};
const allow: Conduct = async (tab) => {
  await tab.getByRole('heading', { name: `Allow ${CLIENT_NAME}?` }).waitFor();
  await press(tab, 'Allow');
  await atCallbackPage(tab);
};
const signIn: Conduct = async (tab) => {
  await fillInLogin(tab);
  await allow(tab);
};
const deny: Conduct = async (tab) => {
  await fillInLogin(tab);
  await tab.getByRole('heading', { name: `Allow ${CLIENT_NAME}?` }).waitFor();
  await press(tab, 'Deny');
  await atCallbackPage(tab);
};

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

describe('a person at Chromium', { timeout: 30_000 }, () => {
  let as: AuthorizationServer;
  let server: McpServerV1;
  let person: BrowserPerson;
  let client: Client;
  let events: AuthEvent[];

  beforeAll(async () => {
    as = await startAuthorizationServer();
    server = await startMcpServerV1({ authorizationServer: as, scopesSupported: ['mcp:read'] });
  });
  afterAll(async () => {
    await server.close();
    await as.close();
  });
  beforeEach(async () => {
    person = await atBrowser(browser, signIn);
    client = new Client({ name: 'acme-ide', version: '1.0.0' });
    events = [];
  });
  afterEach(async () => {
    await client.close();
    await person.close();
  });

  const transport = (timeouts: Timeouts = {}) =>
    withOAuth(StreamableHTTPClientTransport, server.url, {
      store: new MemoryTokenStore(),
      clientMetadata: { client_name: CLIENT_NAME },
      openBrowser: person.openBrowser,
      onEvent: (event) => void events.push(event),
      timeouts,
    });
  const call = async (name: string, args: Record<string, unknown>) =>
    ((await client.callTool({ name, arguments: args })).content as { text?: string }[])[0]?.text;
  const redirectUri = () => {
    const event = events.find(({ type }) => type === 'authorization_url');
    return event?.type === 'authorization_url' ? event.redirectUri : 'no sign-in was started';
  };

  it('signs in by the login and the consent page; connect resolves and a tool works', async () => {
    await client.connect(transport());
    expect(await call('echo', { text: 'hi' })).toBe('hi');
    expect(person.tabCount()).toBe(1);

    const tab = await person.lastTab();
    await expectReadable(tab.page, 'You’re signed in');
    const text = await tab.page.locator('main').innerText();
    expect(text).toContain(`${CLIENT_NAME} is now connected.`);
    expect(text).toContain('You can close this tab now.');
    expect(tab.policyViolations).toEqual([]);
    await expectNothingLeft(tab, redirectUri(), 'code');
  });

  it('is told on the page why a denied sign-in failed, and connect rejects with access_denied', async () => {
    person.behave(deny);
    const error = await rejection(client.connect(transport()));
    expect(error).toMatchObject({ name: 'McpOAuthError', code: 'access_denied', stage: 'callback' });
    expect(person.tabCount()).toBe(1);

    const tab = await person.lastTab();
    await expectReadable(tab.page, 'Sign-in failed');
    expect(await tab.page.locator('.detail').innerText()).toBe((error as Error).message);
    expect(await tab.page.locator('main').innerText()).toContain(
      `You can close this tab and go back to ${CLIENT_NAME}`,
    );
    expect(tab.policyViolations).toEqual([]);
    await expectNothingLeft(tab, redirectUri(), 'error');
    expect(await isFree(redirectUri())).toBe(true);
  });

  it('is asked again, by the consent page alone, when a tool needs another scope', async () => {
    const ours = transport();
    await client.connect(ours);
    expect((await getAuthProvider(ours)?.session())?.scope).not.toContain('mcp:write');

    const asked: string[][] = [];
    person.behave(async (tab) => {
      asked.push(await tab.locator('li code').allInnerTexts());
      await allow(tab);
    });
    expect(await call('create_issue', { title: 'from the browser' })).toBe('created: from the browser');
    expect(asked).toEqual([expect.arrayContaining(['mcp:read', 'mcp:write'])]);
    expect(person.tabCount()).toBe(2);
    expect((await getAuthProvider(ours)?.session())?.scope).toEqual(expect.arrayContaining(['mcp:read', 'mcp:write']));

    const tab = await person.lastTab();
    await expectReadable(tab.page, 'You’re signed in');
    await expectNothingLeft(tab, redirectUri(), 'code');
  });

  it('F23: who closes the tab midway ends the sign-in at its time limit, and the port is free again', async () => {
    person.behave(async (tab) => {
      await fillInLogin(tab);
      await tab.getByRole('heading', { name: `Allow ${CLIENT_NAME}?` }).waitFor();
      await tab.close();
    });
    const started = performance.now();
    const error = await rejection(client.connect(transport({ signIn: SHORT_SIGN_IN_MS })));
    const took = performance.now() - started;
    expect(error).toMatchObject({ name: 'McpOAuthError', code: 'sign_in_timeout' });
    expect((await person.lastTab()).page.isClosed()).toBe(true);
    expect(took).toBeGreaterThan(SHORT_SIGN_IN_MS - 100);
    expect(took).toBeLessThan(SHORT_SIGN_IN_MS + 2_000);
    expect(await isFree(redirectUri())).toBe(true);
  });

  /** The tab came through the callback, but neither its address, its history nor its text tells what was in it. */
  async function expectNothingLeft(tab: Tab, uri: string, answer: 'code' | 'error') {
    const callbacks = tab.requested.filter((url) => url.startsWith(`${uri}?`));
    expect(callbacks).toHaveLength(1);
    const { searchParams } = new URL(callbacks[0] ?? '');
    const secrets = [searchParams.get('state') ?? '', ...(answer === 'code' ? [searchParams.get('code') ?? ''] : [])];
    expect(searchParams.has(answer)).toBe(true);
    expect(secrets.every((secret) => secret.length > 20)).toBe(true);

    const { page } = tab;
    // What stands behind it is the ticket of this page, and no secret of the sign-in.
    const place = (url: string) => url.replace(/\?[\w-]{22}$/, '');
    expect(place(page.url())).toBe(`${uri}/done`);
    const ours = (await historyOf(page)).filter((url) => url.startsWith(new URL(uri).origin));
    expect(ours.map(place)).toEqual([`${uri}/done`]);
    const left = `${await page.content()} ${await page.evaluate(() => `${document.referrer} ${document.cookie}`)}`;
    for (const secret of secrets) expect(left).not.toContain(secret);
  }
});

/** Whether the port of `redirectUri` can be bound again. */
async function isFree(redirectUri: string): Promise<boolean> {
  const listener = await startLoopbackListener({ port: Number(new URL(redirectUri).port) }).catch(() => undefined);
  await listener?.close();
  return listener !== undefined;
}
