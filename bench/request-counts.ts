import { setTimeout as sleep } from 'node:timers/promises';
import { CONTENDERS, type ContenderName, type Installation, type InstallOptions, install } from './contenders.js';
import { type Connection, connectV1, connectV2, TransportV1, TransportV2 } from './hosts.js';
import type { Library } from './library.js';
import { obtainToken } from './loopback-ratio.js';
import { control, observe, type ServerAddress } from './server-control.js';

/** HTTP requests of the client until the first tool result; the browser's are not the client's. */
export interface RequestCounts {
  /** Everything. */
  readonly total: number;
  /** Those that the same client with a static header does not send. */
  readonly authorization: number;
  readonly byKind: Readonly<Record<string, number>>;
}

export interface FirstResult {
  readonly cold: RequestCounts;
  /** Cold, with a Client ID Metadata Document. */
  readonly coldCimd: RequestCounts;
  readonly storedValid: RequestCounts;
  readonly storedExpired: RequestCounts;
}

const SHORT_LIFETIME_MS = 1_500;
const USUAL_LIFETIME_MS = 3_600_000;

export async function countRequests(
  library: Library,
  server: ServerAddress,
): Promise<Record<ContenderName, FirstResult>> {
  const { url } = server;
  const token = await obtainToken(library, url);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const plain = {
    v1: await requestsOf(server, () => connectV1(new TransportV1(new URL(url), { requestInit }))),
    v2: await requestsOf(server, () => connectV2(new TransportV2(new URL(url), { requestInit }))),
  };
  const counted = async (name: ContenderName, installation: Installation): Promise<RequestCounts> => {
    const byKind = await requestsOf(server, () => installation.start());
    const base = name.endsWith('V2') ? plain.v2 : plain.v1;
    return { total: sum(byKind), authorization: sum(byKind) - sum(base), byKind };
  };

  const results = new Map<ContenderName, Omit<FirstResult, 'storedExpired'>>();
  const expiring = new Map<ContenderName, Installation>();
  for (const name of CONTENDERS) {
    const fresh = (options?: InstallOptions) => install(name, library, url, options);
    const installation = fresh();
    const cold = await counted(name, installation);
    const storedValid = await counted(name, installation);
    results.set(name, { cold, storedValid, coldCimd: await counted(name, fresh({ cimd: true })) });
  }

  await control(server, { settings: { accessTokenTtlMs: SHORT_LIFETIME_MS } });
  for (const name of CONTENDERS) {
    const installation = install(name, library, url);
    await (await installation.start()).close();
    expiring.set(name, installation);
  }
  await sleep(SHORT_LIFETIME_MS + 100);
  await control(server, { settings: { accessTokenTtlMs: USUAL_LIFETIME_MS } });

  const complete = async (name: ContenderName): Promise<FirstResult> => {
    const installation = expiring.get(name);
    const result = results.get(name);
    if (installation === undefined || result === undefined) throw new Error(`${name} was not measured.`);
    return { ...result, storedExpired: await counted(name, installation) };
  };
  return {
    oursV1: await complete('oursV1'),
    oursV2: await complete('oursV2'),
    sdkV1: await complete('sdkV1'),
    sdkV2: await complete('sdkV2'),
    sdkV1Full: await complete('sdkV1Full'),
  };
}

/** By kind, as the server saw them. */
async function requestsOf(server: ServerAddress, start: () => Promise<Connection>): Promise<Record<string, number>> {
  let connection: Connection | undefined;
  const { counts } = await observe(server, async () => {
    connection = await start();
    await connection.call('echo');
  });
  await connection?.close();
  const kinds = ['mcp', 'resource-metadata', 'server-metadata', 'register', 'token', 'revoke', 'other'];
  return Object.fromEntries(
    kinds.filter((kind) => counts[kind] !== undefined).map((kind) => [kind, counts[kind] ?? 0]),
  );
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
