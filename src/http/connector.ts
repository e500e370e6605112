import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher, Pool, ProxyAgent, fetch as undiciFetch } from 'undici';
import type { FetchLike } from '../types.js';
import { type Environment, type ProxyServer, proxySelector } from './proxy-environment.js';
import { proxyRefused, proxyUnreachable } from './proxy-failure.js';

/** A way out whose connections go only to addresses that were judged, or to the proxy that the environment names. */
export interface Connector {
  readonly fetch: FetchLike;
  resolve(hostname: string): Promise<string[]>;
  /** Whether no proxy stands between, so that what a name resolves to here is where its requests go. */
  isDirect(url: URL): boolean;
  /** Closes what is idle now and the rest when it is over. */
  close(): Promise<void>;
}

/** What a connector is made of. */
export interface ConnectorOptions {
  /** Which of the addresses may be connected to; throws where none may. */
  admit: (url: URL, addresses: readonly string[]) => readonly string[];
  /** How long connecting may take, in ms. */
  connectTimeoutMs: number;
  /** Where the proxies are read from, once. Default: the variables of this process. */
  environment?: Environment | undefined;
}

// Long enough for the requests of one sign-in to share a connection. Idle sockets do not keep the process alive.
const KEEP_ALIVE_MS = 4000;

/**
 * A `fetch` on connections of its own. Each name is resolved here, all its addresses are judged, and the connection
 * goes to one that passed: between judging and connecting no name is resolved a second time.
 */
export function createConnector(options: ConnectorOptions): Connector {
  const { admit, connectTimeoutMs } = options;
  const proxyFor = proxySelector(options.environment ?? process.env);
  const tunnels = new Map<string, ProxyAgent>();

  function judgedLookup(url: URL): LookupFunction {
    return (hostname, { all }, callback) => {
      judgedAddresses(url, hostname).then(
        (addresses) => {
          const [first] = addresses;
          if (all || !first) callback(null, addresses);
          else callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, []),
      );
    };
  }

  async function judgedAddresses(url: URL, hostname: string): Promise<LookupAddress[]> {
    const resolved = await resolve(hostname);
    const admitted = new Set(admit(url, addressesOf(resolved)));
    return resolved.filter(({ address }) => admitted.has(address));
  }

  const agent = new Agent({
    connect(target, callback) {
      try {
        const host = target.hostname.replace(/^\[|\]$/g, '');
        const url = new URL(`${target.protocol}//${isIP(host) === 6 ? `[${host}]` : host}:${target.port}`);
        // A literal is not looked up. It was judged with the URL, and is once more in case a redirect was followed on the way here.
        if (isIP(host) !== 0) admit(url, [host]);
        // The declared options are those of a whole socket; a connector completes them.
        const partial = { timeout: connectTimeoutMs, lookup: judgedLookup(url) };
        buildConnector(partial as buildConnector.BuildOptions)(target, callback);
      } catch (error) {
        callback(error as Error, null);
      }
    },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });

  function dispatcherFor(url: URL): Dispatcher {
    const proxy = proxyFor(url);
    if (proxy === undefined) return agent;
    const tunnel = tunnels.get(proxy.variable) ?? tunnelThrough(proxy, connectTimeoutMs);
    tunnels.set(proxy.variable, tunnel);
    return tunnel;
  }

  const fetchThrough = async (input: string | URL, init?: RequestInit) => {
    const dispatcher = dispatcherFor(new URL(input));
    return undiciFetch(input, { ...(init as Parameters<typeof undiciFetch>[1]), dispatcher });
  };

  return {
    // The same standard, declared twice: by the DOM library and by undici.
    fetch: fetchThrough as unknown as FetchLike,
    resolve: async (hostname) => addressesOf(await resolve(hostname)),
    isDirect: (url) => proxyFor(url) === undefined,
    close: async () => {
      await Promise.all([agent, ...tunnels.values()].map((dispatcher) => dispatcher.close()));
    },
  };
}

/** Connections through a proxy, which the user named and which may lie anywhere; TLS is spoken with the server behind it. */
function tunnelThrough(proxy: ProxyServer, timeoutMs: number): ProxyAgent {
  return new ProxyAgent({
    uri: proxy.url.href,
    ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    // The declared options are those of a whole socket.
    requestTls: { timeout: timeoutMs } as buildConnector.BuildOptions,
    proxyTls: { timeout: timeoutMs } as buildConnector.BuildOptions,
    clientFactory: (origin, options) => proxyClient(new Pool(origin, { ...options, headersTimeout: timeoutMs }), proxy),
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
}

/** Connections to the proxy itself: what fails there says that it was the proxy. */
function proxyClient(pool: Pool, proxy: ProxyServer): Dispatcher {
  // Without a callback it promises.
  type Connect = (options: Dispatcher.ConnectOptions) => Promise<Dispatcher.ConnectData>;
  const ask = pool.connect.bind(pool) as Connect;
  const connect: Connect = async (options) => {
    const data = await ask(options).catch((error: unknown) => {
      throw proxyUnreachable(proxy, error);
    });
    if (data.statusCode === 200) return data;
    data.socket.on('error', () => {}).destroy();
    throw proxyRefused(proxy, options.path, data.statusCode);
  };
  return Object.assign(pool, { connect });
}

function addressesOf(resolved: readonly LookupAddress[]): string[] {
  return resolved.map(({ address }) => address);
}

/** Every address of a name, as everything else on this machine resolves it. */
function resolve(hostname: string): Promise<LookupAddress[]> {
  return new Promise((done, fail) => {
    lookup(hostname, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses)));
  });
}
