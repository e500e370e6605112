/**
 * What a sign-in meets outside of the client: oidc-provider, an MCP server and a person at Chromium, in a process of their own, so that
 * they share no event loop with what is timed and, as far as the system can tell, no processor: they yield to it.
 */
import { constants, setPriority } from 'node:os';
import { startAuthorizationServer } from '../examples/servers/authorization-server.js';
import { listenOnLoopback, pathOf, readBody } from '../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../examples/servers/mcp-server-v1.js';
import { atBrowser, type BrowserPerson, type Conduct, startBrowser } from '../test/system/browser.js';
import type { SignInWorld } from './sign-in.js';

const signIn: Conduct = async (tab) => {
  await tab.getByLabel('Name').fill('alice');
  await tab.getByRole('button', { name: 'Sign in', exact: true }).click();
  await tab.getByRole('button', { name: 'Allow', exact: true }).click();
  await tab.waitForURL((url) => url.pathname === '/callback/done');
};

setPriority(constants.priority.PRIORITY_LOW);
const as = await startAuthorizationServer();
const server = await startMcpServerV1({ authorizationServer: as, scopesSupported: ['mcp:read'] });
const browser = await startBrowser();
// A new person each time, who was signed in nowhere; the window is there before it is needed, as a person's is.
let person: BrowserPerson = await atBrowser(browser, signIn);

const control = await listenOnLoopback(async (request, response) => {
  if (pathOf(request) === '/open') {
    const url = await readBody(request);
    person.openBrowser(url).catch(() => undefined);
  } else {
    await person.lastTab();
    await person.close();
    person = await atBrowser(browser, signIn);
  }
  response.writeHead(204).end();
});

process.once('disconnect', () => {
  void Promise.allSettled([browser.close(), server.close(), as.close(), control.close()]);
});
process.send?.({ url: server.url, browserUrl: control.origin } satisfies SignInWorld);
