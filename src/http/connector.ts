import { lookup as dnsLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, fetch as undiciFetch } from 'undici';
import type { FetchLike } from '../types.js';

/** An address as a resolver gives it. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Every address of a name. Rejects where there is none. */
export type Resolver = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** A way out whose connections go only to addresses that were judged. */
export interface Connector {
  readonly fetch: FetchLike;
  resolve(hostname: string): Promise<string[]>;
  /** Closes what is idle now and the rest when it is over. */
  close(): Promise<void>;
}

/** What a connector is made of. */
export interface ConnectorOptions {
  /** Which of the addresses may be connected to; throws where none may. */
  admit: (url: URL, addresses: readonly string[]) => readonly string[];
  /** How long connecting may take, in ms. */
  connectTimeoutMs: number;
  /** How names are resolved; default: as everything else on this machine resolves them. */
  resolve?: Resolver;
}

// Long enough for the requests of one sign-in to share a connection. Idle sockets do not keep the process alive.
const KEEP_ALIVE_MS = 4000;

/**
 * A `fetch` on connections of its own. Each name is resolved here, all its addresses are judged, and the connection
 * goes to one that passed: between judging and connecting no name is resolved a second time.
 */
export function createConnector(options: ConnectorOptions): Connector {
  const { admit, connectTimeoutMs, resolve = systemResolver } = options;
  // The lookup does not learn the scheme of the URL, and plain http has a stricter rule: hence one for each.
  const connectors: Readonly<Record<string, ReturnType<typeof buildConnector>>> = {
    'https:': connectorFor('https:'),
    'http:': connectorFor('http:'),
  };

  function connectorFor(protocol: string): ReturnType<typeof buildConnector> {
    return (target, callback) => {
      try {
        const { hostname } = target;
        const host = hostname.replace(/^\[|\]$/g, '');
        const url = new URL(`${protocol}//${isIP(host) === 6 ? `[${host}]` : host}:${target.port || ''}`);
        // Sockets skip the lookup for a literal.
        if (isIP(host) !== 0) admit(url, [host]);
        const lookup = judgedLookup(url);
        buildConnector({ timeout: connectTimeoutMs, lookup } as Parameters<typeof buildConnector>[0])(target, callback);
      } catch (error) {
        callback(error as Error, null);
      }
    };
  }

  function judgedLookup(url: URL): LookupFunction {
    return (hostname, lookupOptions, callback) => {
      const judged = async () => {
        const resolved = await resolve(hostname);
        const admitted = new Set(
          admit(
            url,
            resolved.map(({ address }) => address),
          ),
        );
        return resolved.filter(({ address }) => admitted.has(address));
      };
      judged().then(
        (addresses) => {
          if (lookupOptions.all) return callback(null, [...addresses]);
          const first = addresses[0] as ResolvedAddress;
          callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, ''),
      );
    };
  }

  const agent = new Agent({
    connect: (target, callback) => {
      const connect = connectors[target.protocol];
      if (connect) connect(target, callback);
      else callback(new Error(`No connections for ${target.protocol}`), null);
    },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
  const fetchThrough = (input: string | URL, init?: RequestInit) =>
    undiciFetch(input, { ...(init as Parameters<typeof undiciFetch>[1]), dispatcher: agent });

  return {
    // The same standard, declared twice: by the DOM library and by undici.
    fetch: fetchThrough as unknown as FetchLike,
    resolve: async (hostname) => (await resolve(hostname)).map(({ address }) => address),
    close: () => agent.close(),
  };
}

function systemResolver(hostname: string): Promise<ResolvedAddress[]> {
  return new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}
