import { setTimeout as sleep } from 'node:timers/promises';
import { CONTENDERS, type ContenderName, type Installation, install } from './contenders.js';
import type { Connection } from './hosts.js';
import type { Library } from './library.js';
import { control, observe, type ServerAddress } from './server-control.js';

/** What many calls at once did. */
export interface Burst {
  readonly calls: number;
  readonly failed: number;
  readonly refreshes: number;
  /** Browser tabs opened. */
  readonly tabs: number;
  /** Families of tokens that the server ended since a refresh token was used twice. */
  readonly familiesRevoked: number;
  /** Why calls failed, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
}

export interface Concurrency {
  readonly expiry: Burst;
  readonly revocation: Burst;
  readonly stepUp: Burst;
}

interface Running {
  readonly installation: Installation;
  readonly connection: Connection;
}

const SHORT_LIFETIME_MS = 3_000;
const USUAL_LIFETIME_MS = 3_600_000;

export async function measureConcurrency(
  library: Library,
  server: ServerAddress,
): Promise<Record<ContenderName, Concurrency>> {
  const start = async (name: ContenderName): Promise<Running> => {
    const installation = install(name, library, server.url);
    const connection = await installation.start();
    await connection.call('echo');
    return { installation, connection };
  };

  await control(server, { settings: { accessTokenTtlMs: SHORT_LIFETIME_MS } });
  const expiring = new Map<ContenderName, Running>();
  for (const name of CONTENDERS) expiring.set(name, await start(name));
  await sleep(SHORT_LIFETIME_MS + 100);
  await control(server, { settings: { accessTokenTtlMs: USUAL_LIFETIME_MS } });

  const measure = async (name: ContenderName): Promise<Concurrency> => {
    const expired = expiring.get(name);
    if (expired === undefined) throw new Error(`${name} was not started.`);
    const expiry = await burst(server, expired, 100, 'echo');
    const revoked = await start(name);
    await control(server, { revokeAccessTokens: true });
    const revocation = await burst(server, revoked, 100, 'echo');
    return { expiry, revocation, stepUp: await burst(server, await start(name), 20, 'create_issue') };
  };
  return {
    oursV1: await measure('oursV1'),
    oursV2: await measure('oursV2'),
    sdkV1: await measure('sdkV1'),
    sdkV2: await measure('sdkV2'),
    sdkV1Full: await measure('sdkV1Full'),
  };
}

async function burst(server: ServerAddress, running: Running, calls: number, tool: string): Promise<Burst> {
  const { installation, connection } = running;
  const tabs = installation.tabs;
  let outcomes: PromiseSettledResult<void>[] = [];
  const { counts, familiesRevoked } = await observe(server, async () => {
    outcomes = await Promise.allSettled(Array.from({ length: calls }, () => connection.call(tool)));
  });
  await connection.close();
  const reasons: Record<string, number> = {};
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    const reason = String(outcome.reason).slice(0, 100);
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return {
    calls,
    failed: outcomes.filter(({ status }) => status === 'rejected').length,
    refreshes: counts['token:refresh_token'] ?? 0,
    tabs: installation.tabs - tabs,
    familiesRevoked,
    reasons,
  };
}
