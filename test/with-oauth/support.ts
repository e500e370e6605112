import {
  Client as ClientV2,
  SSEClientTransport as SseV2,
  StreamableHTTPClientTransport as StreamableV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as StreamableV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { vi } from 'vitest';
import { type PersonOptions, type PersonResult, playPerson } from '../../examples/servers/person.js';
import {
  type AuthProvider,
  type AuthProviderOptions,
  isMcpOAuthError,
  type McpOAuthError,
  MemoryTokenStore,
  type TransportClass,
  type WithOAuthOptions,
  withOAuth,
} from '../../src/index.js';

/** One of the four transports (and the two wires of v2), with a client that speaks it. */
export interface Kind {
  readonly name: string;
  readonly sdk: 'v1' | 'v2';
  readonly Transport: TransportClass;
  /** Speaks the 2026-07-28 wire where the server does. */
  readonly modern?: boolean;
}

export const STREAMABLE: readonly Kind[] = [
  { name: 'v1 Streamable HTTP', sdk: 'v1', Transport: StreamableV1 },
  { name: 'v2 Streamable HTTP', sdk: 'v2', Transport: StreamableV2 },
];
export const SSE: readonly Kind[] = [
  { name: 'v1 SSE', sdk: 'v1', Transport: SseV1 },
  { name: 'v2 SSE', sdk: 'v2', Transport: SseV2 },
];
export const FOUR: readonly Kind[] = [...STREAMABLE, ...SSE];
export const MODERN: Kind = {
  name: 'v2 Streamable HTTP, modern wire',
  sdk: 'v2',
  Transport: StreamableV2,
  modern: true,
};

export const isSse = (kind: Kind): boolean => SSE.includes(kind);

/** Where this transport finds a server that has both endpoints. */
export const urlFor = (kind: Kind, server: { url: string; sseUrl: string }): string =>
  isSse(kind) ? server.sseUrl : server.url;

interface RequestOptions {
  readonly timeout?: number;
}

/** What the tests need of a transport, whichever class it is. */
export interface AnyTransport {
  start(): Promise<void>;
  close(): Promise<void>;
  terminateSession(): Promise<void>;
  onerror?: ((error: Error) => void) | undefined;
}

export interface Opened {
  readonly transport: AnyTransport;
  /** What the client reported by `onerror`. */
  readonly errors: Error[];
  connect(options?: RequestOptions): Promise<void>;
  /** Calls a tool and gives the text that it answers. */
  call(tool: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<string>;
  close(): Promise<void>;
}

/** The options of any of the four: `transport` is not narrowed by a class here. */
export type Options = Omit<AuthProviderOptions, 'serverUrl'> & {
  readonly authProvider?: AuthProvider;
  readonly transport?: {
    readonly fetch?: typeof fetch;
    readonly requestInit?: RequestInit;
    readonly eventSourceInit?: { readonly fetch: typeof fetch };
  };
};

/** A client with a transport by `withOAuth`, not yet connected. */
export function open(kind: Kind, url: string, options: Options): Opened {
  const transport = withOAuth(kind.Transport, url, options as WithOAuthOptions<TransportClass>) as AnyTransport;
  const info = { name: 'test', version: '1.0.0' };
  const errors: Error[] = [];
  const onerror = (error: Error) => void errors.push(error);
  if (kind.sdk === 'v1') {
    const client = Object.assign(new ClientV1(info), { onerror });
    return {
      transport,
      errors,
      connect: (request) => client.connect(transport as unknown as Parameters<typeof client.connect>[0], request),
      call: async (name, args = {}, request) =>
        text(await client.callTool({ name, arguments: args }, undefined, request)),
      close: () => client.close(),
    };
  }
  const negotiation = kind.modern ? { versionNegotiation: { mode: 'auto' } as const } : {};
  const client = Object.assign(new ClientV2(info, negotiation), { onerror });
  return {
    transport,
    errors,
    connect: (request) => client.connect(transport as unknown as Parameters<typeof client.connect>[0], request),
    call: async (name, args = {}, request) => text(await client.callTool({ name, arguments: args }, request)),
    close: () => client.close(),
  };
}

function text(result: unknown): string {
  return String((result as { content: { text?: string }[] }).content[0]?.text);
}

export interface Person {
  /** The authorization URLs that a browser was opened with. */
  readonly tabs: readonly string[];
  readonly openBrowser: (url: string) => void;
  /** Ends the visits that are still under way. */
  close(): Promise<void>;
}

/** A person at the browser, played by plain HTTP. */
export function person(options: PersonOptions = {}): Person {
  const tabs: string[] = [];
  const leaving = new AbortController();
  const visits: Promise<PersonResult | undefined>[] = [];
  return {
    tabs,
    openBrowser(url) {
      tabs.push(url);
      visits.push(playPerson(url, { signal: leaving.signal, ...options }).catch(() => undefined));
    },
    async close() {
      leaving.abort();
      await Promise.all(visits);
    },
  };
}

/** A person who, once `wait()` was called, does nothing until `goOn()`. */
export function hesitantPerson(): Person & { wait(): void; goOn(): void } {
  const who = person();
  const tabs: string[] = [];
  let waiting = false;
  return {
    tabs,
    openBrowser(url) {
      tabs.push(url);
      if (!waiting) who.openBrowser(url);
    },
    wait() {
      waiting = true;
    },
    goOn() {
      waiting = false;
      for (const url of tabs.filter((tab) => !who.tabs.includes(tab))) who.openBrowser(url);
    },
    close: who.close,
  };
}

/** A person who looks at the page and does nothing. */
export const absentPerson = (): Person => person({ delayMs: 600_000 });

/** Options of a session that a person can sign in to at once. */
export const signingIn = (who: Person = person(), store = new MemoryTokenStore()) => ({
  store,
  openBrowser: who.openBrowser,
  clientMetadata: { client_name: 'Test' },
});

/** The error of this library in `error`: itself, or what an SDK wrapped. */
export function oauthErrorIn(error: unknown): McpOAuthError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (isMcpOAuthError(at)) return at;
  return undefined;
}

/** Collects what a test opens; everything is closed in the opposite order. */
export function closers() {
  const open: { close(): Promise<void> }[] = [];
  return {
    closing<T extends { close(): Promise<void> }>(resource: T): T {
      open.unshift(resource);
      return resource;
    },
    async closeAll() {
      for (const resource of open.splice(0)) await resource.close();
    },
  };
}

const EVENT_SOURCE_PAUSE_MS = 3_000;

/** From here to the end of the test an EventSource connects again at once, where it does, and not after three seconds. */
export function hastyReconnects(): void {
  const schedule = globalThis.setTimeout;
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fn: () => void, ms?: number, ...args: []) =>
    schedule(fn, ms === EVENT_SOURCE_PAUSE_MS ? 0 : ms, ...args)) as typeof setTimeout);
}

/** A time limit for calls that runs out when the test says so. */
export function callTimer(): { readonly timeout: number; runOut(): void } {
  const timeout = 98_765;
  const schedule = globalThis.setTimeout;
  let runOut: () => void = () => {
    throw new Error('no call set the timer');
  };
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fn: () => void, ms?: number, ...args: []) => {
    if (ms !== timeout) return schedule(fn, ms, ...args);
    runOut = fn;
    return schedule(() => undefined, 0);
  }) as typeof setTimeout);
  return { timeout, runOut: () => runOut() };
}

/** How many requests {@link roundTrips} sends. */
export const ROUND_TRIPS = 5;

/** Resolves when everything that was scheduled at once before has had the time to reach the server. */
export async function roundTrips({ origin }: { readonly origin: string }): Promise<void> {
  // Node runs the timers that were set before, and are shorter, first.
  await new Promise((resolve) => setTimeout(resolve, 2));
  for (let trip = 0; trip < ROUND_TRIPS; trip += 1) await (await fetch(`${origin}/round-trip`)).text();
}
