import { type AuthProvider, createAuthProvider, providerInternals } from './auth-provider.js';
import { isMcpOAuthError, McpOAuthError } from './errors.js';
import { excerpt } from './http/index.js';
import { assertOptionNames, setNames } from './option-names.js';
import { type AuthProviderOptions, OPTION_NAMES } from './options.js';
import type { FetchLike } from './types.js';

/** The members of the SDKs' client transports that this library touches. */
interface ClientTransport {
  start(): Promise<void>;
  close(): Promise<void>;
  onerror?: ((error: Error) => void) | undefined;
}

/** The options of a transport, as far as this library reads them; everything else is passed on untouched. */
interface TransportOptions {
  readonly fetch?: FetchLike;
  readonly requestInit?: RequestInit;
  readonly eventSourceInit?: { readonly fetch?: FetchLike };
}

/** A transport class of an MCP SDK: `StreamableHTTPClientTransport` or `SSEClientTransport` of v1 or v2. */
export type TransportClass = new (url: URL, options?: never) => object;

/** The transport's own options. `authProvider` is ours to give. */
export type TransportOptionsOf<T extends TransportClass> = Omit<
  T extends new (url: URL, options?: infer O) => object ? NonNullable<O> : never,
  'authProvider'
>;

/** Options of {@link withOAuth}: those of {@link createAuthProvider} without `serverUrl`, or a provider that exists already. */
export type WithOAuthOptions<T extends TransportClass> = (
  | (Omit<AuthProviderOptions, 'serverUrl'> & {
      /** Absent: a provider is made of the other options, and is closed with the transport. */
      readonly authProvider?: never;
    })
  | {
      /** One that {@link createAuthProvider} made, which several transports to its origin may share. It stays open. */
      readonly authProvider: AuthProvider;
    }
) & {
  /** The transport's own options. Its `fetch` and `eventSourceInit.fetch` carry the MCP traffic underneath ours. */
  readonly transport?: TransportOptionsOf<T>;
};

const provider = Symbol('mcp-oauth-client provider');

/**
 * Creates a transport that signs in, refreshes and steps up by itself; `client.connect(transport)` resolves when the user has signed in.
 * A provider that is made here is closed with the transport, a given one never.
 *
 * @param Transport - The transport class of either SDK.
 * @param serverUrl - The MCP endpoint.
 * @param options - Those of the provider, or a provider that exists; and those of the transport.
 * @returns An instance of `Transport`. Its `start()`, which `client.connect()` calls, throws what {@link AuthProvider.authorize}
 * throws.
 * @throws {@link McpOAuthError} `invalid_options`, also for an option that does not exist or would not be used, and where the given
 * provider is for another origin; `address_refused` where `network.publicOnly` forbids the URL
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization | MCP authorization}
 */
export function withOAuth<T extends TransportClass>(
  Transport: T,
  serverUrl: string | URL,
  options: WithOAuthOptions<T> = {},
): InstanceType<T> {
  assertUsed(Transport, options);
  const {
    transport: given,
    authProvider: existing,
    ...rest
  } = options as WithOAuthOptions<T> & Omit<AuthProviderOptions, 'serverUrl'>;
  const authProvider = existing ?? createAuthProvider({ ...rest, serverUrl });
  const inner = providerInternals(authProvider);
  if (inner === undefined) {
    throw invalid('authProvider must come from createAuthProvider() of this package.');
  }
  if (!URL.canParse(serverUrl) || inner.server.origin !== new URL(serverUrl).origin) {
    throw invalid(
      `The given authProvider is for ${inner.server.origin}; its token goes to no other origin. Give it a URL of that server, or create one for this.`,
    );
  }
  const own = (given ?? {}) as TransportOptions;
  const ended = new AbortController();
  const holder = ended.signal;
  const fetch = inner.authorizedFetch({ underlying: own.fetch, holder });
  const events = eventStream(inner.authorizedFetch({ underlying: own.eventSourceInit?.fetch ?? own.fetch, holder }));
  const transportOptions = { ...own, fetch, eventSourceInit: { ...own.eventSourceInit, fetch: events.fetch } };
  const transport = new Transport(new URL(serverUrl), transportOptions as never) as InstanceType<T> & ClientTransport;

  const start = transport.start.bind(transport);
  const close = transport.close.bind(transport);
  const begin = async () => {
    await inner.prepare({ underlying: own.fetch, headers: own.requestInit?.headers, signal: holder });
    await start();
  };
  let starting: Promise<void> | undefined;
  let started = false;
  transport.start = async () => {
    // The SDKs refuse a second start; the first goes on.
    if (starting !== undefined) return start();
    // A closed EventSource settles nothing, so close() ends the wait itself.
    starting = Promise.race([begin(), rejectedBy(holder)]);
    try {
      await starting;
      started = true;
    } catch (error) {
      const cause = holder.aborted ? error : (events.error ?? error);
      // EventSource would go on reconnecting behind a start() that failed.
      await transport.close();
      throw cause;
    }
  };
  let closing: Promise<void> | undefined;
  transport.close = () => {
    ended.abort(new McpOAuthError('closed', 'The transport was closed.', { stage: 'resource' }));
    closing ??= close().finally(() => (existing === undefined ? authProvider.close() : undefined));
    return closing;
  };
  reportCause(transport, events, () => started && events.terminal);
  Object.defineProperty(transport, provider, { value: authProvider });
  return transport;
}

/**
 * The provider that serves `transport`; `undefined` where {@link withOAuth} did not make it.
 *
 * @param transport - Any transport.
 * @returns The provider, given or made. It never throws.
 */
export function getAuthProvider(transport: object): AuthProvider | undefined {
  return (transport as { [provider]?: AuthProvider })[provider];
}

/** Throws `invalid_options` for what would be dropped without a word; no type has checked plain JavaScript. */
function assertUsed(Transport: unknown, options: object): void {
  if (typeof Transport !== 'function') throw invalid('Give withOAuth the class, not an instance.');
  if (typeof options !== 'object' || options === null) throw invalid('The options of withOAuth() must be an object.');
  const { authProvider, transport } = options as { readonly authProvider?: unknown; readonly transport?: object };
  const beside = setNames(options).find((name) => name !== 'authProvider' && name !== 'transport');
  if (authProvider !== undefined && beside !== undefined) {
    throw invalid(
      `\`${excerpt(beside, 60)}\` is not used beside authProvider, which has its options from createAuthProvider(): give it there, or what is the transport's as { transport }.`,
    );
  }
  assertOptionNames(options, ['transport', 'authProvider', ...OPTION_NAMES]);
  if (transport !== undefined && setNames(transport ?? {}).includes('authProvider')) {
    throw invalid('transport.authProvider is not used: give the provider as { authProvider }.');
  }
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'configuration' });
}

/** What the fetch of an event stream knows of its last attempt. */
interface EventStream {
  readonly fetch: FetchLike;
  /** Why the last attempt failed, where it failed by an error of this library. */
  readonly error: McpOAuthError | undefined;
  /** Whether that error will not go away by itself. */
  readonly terminal: boolean;
}

/**
 * EventSource reconnects for ever when its fetch rejects, and stops at an HTTP status.
 * So an error that will not go away by itself becomes a status, and is kept to be reported.
 */
function eventStream(authorized: FetchLike): EventStream {
  let failure: McpOAuthError | undefined;
  const isTerminal = (error: McpOAuthError) => !error.retryable && error.code !== 'aborted';
  return {
    async fetch(input, init) {
      failure = undefined;
      try {
        return await authorized(input, init);
      } catch (error) {
        if (!isMcpOAuthError(error)) throw error;
        failure = error;
        if (!isTerminal(error)) throw error;
        return new Response(null, { status: 403, statusText: error.code });
      }
    },
    get error() {
      return failure;
    },
    get terminal() {
      return failure !== undefined && isTerminal(failure);
    },
  };
}

/** The error that a transport reports for an event stream says only that it failed; ours says why, and is its cause. */
function reportCause(transport: ClientTransport, events: EventStream, isOver: () => boolean): void {
  let onerror = transport.onerror;
  Object.defineProperty(transport, 'onerror', {
    configurable: true,
    enumerable: true,
    get: () => onerror,
    set(handler: typeof onerror) {
      onerror =
        handler &&
        ((error) => {
          const cause = events.error;
          if (cause !== undefined && !isMcpOAuthError(error) && error.cause === undefined) error.cause = cause;
          handler(error);
          // The stream is gone for good, so nothing that waits for an answer on it would ever end.
          if (isOver()) void transport.close();
        });
    },
  });
}

/** How long the reason of a transport that closes itself takes through its promises, in turns of the microtask queue. */
const TURNS_OF_A_REASON = 10;

/** Rejects with the signal's reason, but after what has failed already: a transport that closes itself has said why. */
async function rejectedBy(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (let turn = 0; turn < TURNS_OF_A_REASON; turn += 1) await undefined;
  throw signal.reason;
}
