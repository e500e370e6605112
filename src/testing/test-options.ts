import { type AuthProviderOptions, MemoryTokenStore } from '../index.js';
import type { TestServer } from './server.js';
import { type ScriptedUser, scriptedUser } from './user.js';

/**
 * The options with which a provider lives in the test: the server's `fetch` and clock, the user's browser, and a new store in memory.
 * Spread them into the options of `createAuthProvider` or `withOAuth`, before those that the test is about.
 *
 * @param user who signs in; default one who agrees to everything
 * @param server - Where they sign in.
 * @returns Four options, to be spread.
 */
export function testOptions(
  server: TestServer,
  user: ScriptedUser = scriptedUser(server),
): Required<Pick<AuthProviderOptions, 'fetch' | 'clock' | 'store' | 'openBrowser'>> {
  const { fetch, clock } = server;
  return { fetch, clock, store: new MemoryTokenStore({ clock }), openBrowser: user.openBrowser };
}
