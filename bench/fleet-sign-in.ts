import { startAuthorizationServer } from '../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../examples/servers/mcp-server-v1.js';
import { playPerson } from '../examples/servers/person.js';
import { startRotatingServer } from '../examples/servers/rotating-server.js';
import type { Library } from './library.js';

/** What one sign-in leaves in a store for its session. */
export interface StoredSession {
  readonly key: string;
  readonly value: string;
}

/** In the keys; other sessions put their own in its place. */
export const ACCOUNT = 'user-0000000';

/** Sessions of two real sign-ins: with a signed JWT as access token (oidc-provider), and with short opaque tokens. */
export async function signInForReal(library: Library): Promise<{ jwt: StoredSession; opaque: StoredSession }> {
  const authorizationServer = await startAuthorizationServer({ issueRefreshToken: 'always' });
  const mcpServer = await startMcpServerV1({ authorizationServer, scopesSupported: ['mcp:read', 'mcp:write'] });
  const rotatingServer = await startRotatingServer({ scopesSupported: ['mcp:read', 'mcp:write'] });
  try {
    return {
      jwt: await signIn(library, mcpServer.url, playPerson),
      opaque: await signIn(library, rotatingServer.url, async (url) => (await fetch(url)).text()),
    };
  } finally {
    await Promise.all([mcpServer.close(), authorizationServer.close(), rotatingServer.close()]);
  }
}

async function signIn(
  library: Library,
  serverUrl: string,
  person: (url: string) => Promise<unknown>,
): Promise<StoredSession> {
  const store = new library.MemoryTokenStore();
  const provider = library.createAuthProvider({
    serverUrl,
    store,
    account: ACCOUNT,
    clientMetadata: { client_name: 'Fleet' },
    openBrowser: (url) => void person(url),
  });
  try {
    await provider.authorize();
    const [key = ''] = await store.list('session/');
    return { key, value: (await store.get(key)) ?? '' };
  } finally {
    await provider.close();
  }
}
