import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, fetch as undiciFetch } from 'undici';
import type { FetchLike } from '../types.js';

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
}

// Long enough for the requests of one sign-in to share a connection. Idle sockets do not keep the process alive.
const KEEP_ALIVE_MS = 4000;

/**
 * A `fetch` on connections of its own. Each name is resolved here, all its addresses are judged, and the connection
 * goes to one that passed: between judging and connecting no name is resolved a second time.
 */
export function createConnector(options: ConnectorOptions): Connector {
  const { admit, connectTimeoutMs } = options;

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
        // A literal is not looked up: it was judged with the URL. The declared options are those of a whole socket; a connector completes them.
        const partial = { timeout: connectTimeoutMs, lookup: judgedLookup(url) };
        buildConnector(partial as buildConnector.BuildOptions)(target, callback);
      } catch (error) {
        callback(error as Error, null);
      }
    },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
  const fetchThrough = (input: string | URL, init?: RequestInit) =>
    undiciFetch(input, { ...(init as Parameters<typeof undiciFetch>[1]), dispatcher: agent });

  return {
    // The same standard, declared twice: by the DOM library and by undici.
    fetch: fetchThrough as unknown as FetchLike,
    resolve: async (hostname) => addressesOf(await resolve(hostname)),
    close: () => agent.close(),
  };
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
