import { expect } from 'vitest';
import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  type McpOAuthError,
  MemoryTokenStore,
  type TokenStore,
} from '../../src/index.js';
import { callTool, closers, HOUR, type Person, person, TestClock, until } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import type { Deviation } from './deviation.js';
import { type DeviatingServer, startDeviatingServer } from './server.js';

export { closers, HOUR };

/** A server that deviates, a person, and an application that talks to the server. Nobody has signed in yet. */
export interface Visit {
  readonly server: DeviatingServer;
  readonly provider: AuthProvider;
  readonly who: Person;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  /** Another window of the same application, over the same store; or one with other options, over a store of its own. */
  another(options?: Options): AuthProvider;
  close(): Promise<void>;
}

type Given = Partial<AuthProviderOptions>;
/** Options, or what makes them once the server's addresses are known. */
export type Options = Given | ((server: DeviatingServer) => Given);

export async function visit(deviation: Deviation, options: Options = {}): Promise<Visit> {
  const server = await startDeviatingServer(deviation);
  const who = person();
  const clock = new TestClock();
  const events: AuthEvent[] = [];
  const store = new MemoryTokenStore();
  const providers: AuthProvider[] = [];
  const open = (chosen: Options, kept: TokenStore) => {
    const provider = createAuthProvider({
      serverUrl: server.url,
      clock,
      store: kept,
      openBrowser: who.openBrowser,
      onEvent: (event) => events.push(event),
      ...(typeof chosen === 'function' ? chosen(server) : chosen),
    });
    providers.push(provider);
    return provider;
  };
  return {
    server,
    provider: open(options, asElsewhere(store)),
    who,
    clock,
    events,
    another: (other) => (other === undefined ? open(options, asElsewhere(store)) : open(other, new MemoryTokenStore())),
    async close() {
      for (const provider of providers) await provider.close();
      await who.close();
      await server.close();
    },
  };
}

/** The store as a process of its own sees it: nobody tells it what another one writes. */
function asElsewhere(store: TokenStore): TokenStore {
  return {
    get: (key) => store.get(key),
    set: (...args) => store.set(...args),
    delete: (...args) => store.delete(...args),
    list: (prefix) => store.list(prefix),
    lock: (...args) => store.lock(...args),
  };
}

/** Calls a tool, whatever that needs, and gives the text that it answers. */
export async function call({ server }: Pick<Visit, 'server'>, provider: AuthProvider, text = 'hi'): Promise<string> {
  const response = await provider.fetch(server.url, callTool('echo', { text }));
  const { result } = (await response.json()) as { result?: { content: { text: string }[] } };
  return result?.content[0]?.text ?? `HTTP ${response.status}`;
}

/** Why a tool cannot be called. */
export function callFailure(at: Pick<Visit, 'server'>, provider: AuthProvider): Promise<McpOAuthError> {
  return failure(call(at, provider));
}

/**
 * Why a sign-in fails that ends at a page of the server: nobody comes back, and the time limit runs out.
 */
export async function stuckAtPage({ server, clock, who }: Visit, provider: AuthProvider): Promise<McpOAuthError> {
  const tabs = who.tabs.length;
  const seen = server.received('authorize').length;
  const failed = callFailure({ server }, provider);
  await until(() => who.tabs.length > tabs && server.received('authorize').length > seen, 'the page');
  clock.advance(300_000);
  return failed;
}

/** From the first request to a tool result, a silent refresh after the token's end, and the sign-out. One browser tab. */
export async function expectWholeLife(at: Visit, provider: AuthProvider = at.provider, lifetime = HOUR): Promise<void> {
  const { server, clock, who } = at;
  const tabs = who.tabs.length;
  const refreshes = server.received('token:refresh_token').length;
  expect(await call(at, provider)).toBe('hi');
  clock.advance(lifetime + 60_000);
  expect(await call(at, provider, 'again')).toBe('again');
  expect(server.received('token:refresh_token').length - refreshes).toBe(1);
  expect(who.tabs.length - tabs).toBe(1);
  await expectSignedOut(at, provider);
}

/** Signs out: nothing is left here, and no request goes out any more. */
export async function expectSignedOut(at: Visit, provider: AuthProvider = at.provider) {
  const result = await provider.signOut();
  expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
  expect(await callFailure(at, provider)).toMatchObject({ code: 'signed_out' });
  return result;
}
