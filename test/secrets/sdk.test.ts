import { afterEach, describe, expect, it } from 'vitest';
import { createAuthProvider, getAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { host } from '../adapters/support.js';
import { closers } from '../auth-provider/support.js';
import { FOUR, isSse, open } from '../with-oauth/support.js';
import { FAULTS } from './faults.js';
import { everythingOf, type Leak, Marks } from './marks.js';
import { CALLBACK, MCP, type Sabotage, startServers } from './servers.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** What a provider is made of, with the servers in this process. */
function parts(sabotage?: Sabotage) {
  const marks = new Marks();
  const servers = startServers(marks, () => Date.now());
  servers.sabotage = sabotage;
  const clientInformation = { client_id: 'app', client_secret: marks.make('client secret') };
  const options = {
    store: new MemoryTokenStore(),
    fetch: servers.fetch,
    redirectUrl: CALLBACK,
    clientInformation,
    openBrowser(url: string) {
      void provider()
        ?.finishAuthorization(servers.callbackOf(url))
        .catch(() => undefined);
    },
  };
  let provider: () => ReturnType<typeof getAuthProvider> = () => undefined;
  return {
    marks,
    servers,
    options,
    use: (given: typeof provider) => {
      provider = given;
    },
  };
}

const WAYS = ['token endpoint', 'MCP'] as const;

/** Fails with an echo of the request, at the token endpoint or after the sign-in. */
const failingAt =
  (way: (typeof WAYS)[number], fault: string): Sabotage =>
  (sent) => {
    const isMeant = way === 'MCP' ? sent.url === MCP && sent.headers.has('authorization') : sent.url.endsWith('/token');
    return isMeant ? FAULTS[fault]?.(sent, undefined as never) : undefined;
  };

const ECHOES = Object.keys(FAULTS).filter((name) => name.includes('repeats') || name.includes('carries'));
/** What an SDK says of an answer of the MCP server itself it takes from that answer. */
const MCP_ECHOES = ['an exception that carries the request as its members'];

function leaksOf(marks: Marks, shown: readonly unknown[]): Leak[] {
  expect(marks.size).toBeGreaterThan(0);
  return shown.flatMap((value) => marks.in('what was shown', everythingOf(value)));
}

describe('a transport by withOAuth', () => {
  it.each(FOUR.filter((kind) => !isSse(kind)))('$name: shows no secret when it is logged', async (kind) => {
    const { marks, options, use } = parts();
    const opened = closing(open(kind, MCP, { ...options, transport: { fetch: options.fetch as typeof fetch } }));
    use(() => getAuthProvider(opened.transport));
    await opened.connect();
    const provider = getAuthProvider(opened.transport);
    expect(leaksOf(marks, [opened.transport, provider, provider?.tokens, provider?.requestInit])).toEqual([]);
    expect(() => structuredClone(provider)).toThrow();
  });

  it.each(WAYS)('an error of connect() shows no secret, wherever %s fails', async (way) => {
    for (const kind of FOUR.filter((one) => !isSse(one))) {
      for (const fault of way === 'MCP' ? MCP_ECHOES : ECHOES) {
        const { marks, options, use } = parts(failingAt(way, fault));
        const opened = open(kind, MCP, { ...options, transport: { fetch: options.fetch as typeof fetch } });
        use(() => getAuthProvider(opened.transport));
        const error = await opened.connect().then(
          () => undefined,
          (caught: unknown) => caught,
        );
        expect(error).toBeDefined();
        expect(leaksOf(marks, [error, ...opened.errors])).toEqual([]);
        await opened.close();
      }
    }
  });
});

describe("an SDK's own transport", () => {
  const HOSTS = [
    ['v1', 'toOAuthClientProvider'],
    ['v2', 'toOAuthClientProvider'],
    ['v2', 'AuthProvider'],
    ['v1', 'requestInit'],
  ] as const;

  it.each(HOSTS)('of %s over %s shows no secret when what it was given is logged', async (sdk, way) => {
    const { marks, options, use } = parts();
    const provider = closing(createAuthProvider({ serverUrl: MCP, ...options }));
    use(() => provider);
    await provider.authorize();
    const given = {
      toOAuthClientProvider: { authProvider: provider.toOAuthClientProvider() },
      AuthProvider: { authProvider: provider },
      requestInit: { requestInit: provider.requestInit },
    }[way];
    const one = closing(host(sdk, MCP, { ...given, fetch: options.fetch }));
    await one.connect();
    expect(leaksOf(marks, [given, one, provider])).toEqual([]);
  });

  // The SDK posts the token request of an OAuthClientProvider itself: its errors are its own.
  it.each([
    ['v2', 'AuthProvider'],
    ['v1', 'requestInit'],
  ] as const)('of %s over %s: an error of connect() shows no secret', async (sdk, way) => {
    for (const fault of ECHOES) {
      const { marks, options, use } = parts(failingAt('token endpoint', fault));
      const provider = createAuthProvider({ serverUrl: MCP, ...options });
      use(() => provider);
      const given = way === 'AuthProvider' ? { authProvider: provider } : { requestInit: provider.requestInit };
      const one = host(sdk, MCP, { ...given, fetch: options.fetch });
      const errors: unknown[] = [];
      await provider.authorize().catch((error: unknown) => errors.push(error));
      await one.connect().catch((error: unknown) => errors.push(error));
      expect(errors.length).toBeGreaterThan(0);
      expect(leaksOf(marks, errors)).toEqual([]);
      await one.close();
      await provider.close();
    }
  });
});
