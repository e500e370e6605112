import {
  type RotatingServer,
  type RotatingServerOptions,
  startRotatingServer,
} from '../../examples/servers/rotating-server.js';
import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  MemoryTokenStore,
} from '../../src/index.js';
import { TestClock } from '../../src/testing/index.js';
import { type Person, person } from '../with-oauth/support.js';

export { TestClock } from '../../src/testing/index.js';
export { closers, type Person, person } from '../with-oauth/support.js';

export const HOUR = 3_600_000;

/** A JSON-RPC POST as a transport sends it. */
export function rpc(method: string, params: Record<string, unknown> = {}, id: string | number = 1): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
  };
}

export const callTool = (name: string, args: Record<string, unknown> = {}) =>
  rpc('tools/call', { name, arguments: args });

/** A person, a store and what was made for them at one MCP endpoint. */
export interface Windows {
  readonly provider: AuthProvider;
  readonly who: Person;
  readonly store: MemoryTokenStore;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  /** Another provider over the same store, as another window would have it. */
  another(options?: Partial<AuthProviderOptions>): AuthProvider;
  /** Closes the providers and the person's browser. */
  close(): Promise<void>;
}

/** The first provider at `serverUrl`, and the way to others over the same store. */
export function windowsAt(
  serverUrl: string,
  options: Partial<AuthProviderOptions> = {},
  who: Person = person(),
): Windows {
  const store = new MemoryTokenStore();
  const clock = new TestClock();
  const events: AuthEvent[] = [];
  const providers: AuthProvider[] = [];
  const another = (more: Partial<AuthProviderOptions> = {}) => {
    const provider = createAuthProvider({
      serverUrl,
      store,
      clock,
      openBrowser: who.openBrowser,
      onEvent: (event) => events.push(event),
      ...options,
      ...more,
    });
    providers.push(provider);
    return provider;
  };
  return {
    provider: another(),
    who,
    store,
    clock,
    events,
    another,
    async close() {
      for (const provider of providers) await provider.close();
      await who.close();
    },
  };
}

export interface Scene extends Windows {
  readonly server: RotatingServer;
}

/** A server, a person and a provider. Nobody has signed in yet. */
export async function scene(
  options: Partial<AuthProviderOptions> = {},
  serverOptions: RotatingServerOptions = {},
  who?: Person,
): Promise<Scene> {
  const server = await startRotatingServer(serverOptions);
  const windows = windowsAt(server.url, options, who);
  return {
    ...windows,
    server,
    async close() {
      await windows.close();
      await server.close();
    },
  };
}

/** The same, signed in. */
export async function signedInScene(...given: Parameters<typeof scene>): Promise<Scene> {
  const world = await scene(...given);
  await world.provider.authorize();
  return world;
}

/** Resolves when `condition` holds; the events that tests wait for come from sockets. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
    if (turn > 200) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`${what} did not come`);
}

/** Whether nobody listens on a loopback port any more. */
export async function isPortFree(url: string): Promise<boolean> {
  return fetch(url).then(
    () => false,
    () => true,
  );
}

/** The redirect URI of an authorization URL. */
export const redirectUriOf = (authorizationUrl: string): string =>
  new URL(authorizationUrl).searchParams.get('redirect_uri') ?? '';

/** Where the authorization server sends the browser: what a hosted page would be called with. */
export async function callbackOf(authorizationUrl: string): Promise<string> {
  const response = await fetch(authorizationUrl, { redirect: 'manual' });
  return response.headers.get('location') ?? '';
}
