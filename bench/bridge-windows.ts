import { setTimeout as sleep } from 'node:timers/promises';
import type { Bridge } from './bridge-host.js';
import type { BridgeName } from './bridge-programs.js';
import type { Attempt, Bridges } from './bridges.js';
import type { ColdStart, SharedBurst } from './processes.js';
import { control, observe, type ServerAddress } from './server-control.js';

/** What the bridges of a host's windows did, which share what is stored. */
export interface SharedBridges {
  /** Started at once, with an access token that is over; a call each. */
  readonly start: SharedBurst;
  /** {@link CALLS} calls each, when the token of all has run out. */
  readonly expiry: SharedBurst;
  /** A call each, when the server has revoked it early. */
  readonly revocation: SharedBurst;
  /** The same with {@link CALLS} calls each. */
  readonly revocationBurst: SharedBurst;
  /** Started at once without a session. */
  readonly cold: ColdStart;
}

export const WINDOWS = 4;
export const CALLS = 25;
/** Access tokens of it are over when they come, for a client that keeps a margin. */
const SHORT_LIFETIME_MS = 1_000;
const USUAL_LIFETIME_MS = 3_600_000;
/** Nobody is faster; and mcp-remote listens only after it has shown the URL, where it signs in again. */
const PERSON_MS = 1_000;
/** Of what follows, the names of files are never the same. */
const REASON_LENGTH = 90;

export async function measureWindows(
  name: BridgeName,
  bridges: Bridges,
  attempt: Attempt,
): Promise<Partial<SharedBridges>> {
  const windows: Windows = {
    ...bridges,
    open: (home, onSignIn) => bridges.open(name, home, { personDelayMs: PERSON_MS, onSignIn }),
  };
  const moments: { readonly [Kind in keyof SharedBridges]: () => Promise<SharedBridges[Kind]> } = {
    cold: () => coldStart(windows),
    start: () => startExpired(windows),
    expiry: () => burst(windows, CALLS, expire),
    revocation: () => burst(windows, 1, revoke),
    revocationBurst: () => burst(windows, CALLS, revoke),
  };
  const measured: Partial<Record<keyof SharedBridges, SharedBurst | ColdStart>> = {};
  for (const [kind, work] of Object.entries(moments)) {
    const found = await attempt<SharedBurst | ColdStart>(name, `windows, ${kind}`, work);
    if (found !== undefined) measured[kind as keyof SharedBridges] = found;
  }
  return measured as Partial<SharedBridges>;
}

/** Of one kind, with a person in front of them. */
interface Windows extends Pick<Bridges, 'server' | 'newHome'> {
  open(home: string, onSignIn: () => void): Promise<Bridge>;
}

/** The next answer of the server brings a token that is soon over, in place of the one that there is. */
export async function shorten(server: ServerAddress, bridges: readonly Bridge[]): Promise<void> {
  await control(server, { settings: { accessTokenTtlMs: SHORT_LIFETIME_MS }, revokeAccessTokens: true });
  try {
    // One after the other: this is not what is measured, and nobody is to come to harm.
    for (const bridge of bridges) await bridge.call('echo');
  } finally {
    await control(server, { settings: { accessTokenTtlMs: USUAL_LIFETIME_MS } });
  }
}

export function untilOver(): Promise<void> {
  return sleep(SHORT_LIFETIME_MS + 100);
}

async function expire(bridges: readonly Bridge[], server: ServerAddress): Promise<void> {
  await shorten(server, bridges);
  await untilOver();
}

async function revoke(_: readonly Bridge[], server: ServerAddress): Promise<void> {
  await control(server, { revokeAccessTokens: true });
}

async function coldStart({ server, open, newHome }: Windows): Promise<ColdStart> {
  const home = await newHome();
  let tabs = 0;
  let outcome: Outcome = NOTHING;
  const { counts } = await observe(server, async () => {
    outcome = await startAtOnce(home, () =>
      open(home, () => {
        tabs += 1;
      }),
    );
  });
  const { failed, ms, reasons } = outcome;
  return { processes: WINDOWS, tabs, registrations: counts['register'] ?? 0, working: WINDOWS - failed, ms, reasons };
}

async function startExpired({ server, open, newHome }: Windows): Promise<SharedBurst> {
  const home = await newHome();
  const first = await open(home, () => undefined);
  try {
    await shorten(server, [first]);
  } finally {
    await first.close();
  }
  await untilOver();
  return counted(server, 1, (onSignIn) => startAtOnce(home, () => open(home, onSignIn)));
}

async function burst(
  { server, open, newHome }: Windows,
  calls: number,
  prepare: (bridges: readonly Bridge[], server: ServerAddress) => Promise<void>,
): Promise<SharedBurst> {
  const home = await newHome();
  const bridges: Bridge[] = [];
  let onSignIn = (): void => undefined;
  const add = async () => {
    bridges.push(await open(home, () => onSignIn()));
  };
  try {
    // The first signs in, the others take what it stored.
    await add();
    await allOf(Array.from({ length: WINDOWS - 1 }, add));
    for (const bridge of bridges) await Promise.all(Array.from({ length: CALLS }, () => bridge.call('echo')));
    await prepare(bridges, server);
    return await counted(server, calls, (count) => {
      onSignIn = count;
      return atOnce(
        home,
        bridges.flatMap((bridge) => Array.from({ length: calls }, () => () => bridge.call('echo'))),
      );
    });
  } finally {
    await Promise.all(bridges.map((bridge) => bridge.close()));
  }
}

/** Waits for all, so that nobody is left behind, and rejects where one did. */
async function allOf(works: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works)) if (outcome.status === 'rejected') throw outcome.reason;
}

async function counted(
  server: ServerAddress,
  calls: number,
  work: (onSignIn: () => void) => Promise<Outcome>,
): Promise<SharedBurst> {
  let tabs = 0;
  let outcome: Outcome = NOTHING;
  const { counts, familiesRevoked } = await observe(server, async () => {
    outcome = await work(() => {
      tabs += 1;
    });
  });
  const { failed, ms, reasons } = outcome;
  const refreshes = counts['token:refresh_token'] ?? 0;
  return { processes: WINDOWS, calls: WINDOWS * calls, failed, refreshes, tabs, familiesRevoked, ms, reasons };
}

interface Outcome {
  readonly failed: number;
  readonly ms: number;
  readonly reasons: Readonly<Record<string, number>>;
}

const NOTHING: Outcome = { failed: 0, ms: Number.NaN, reasons: {} };

/** Starts all bridges at once and makes a call through each. */
async function startAtOnce(home: string, open: () => Promise<Bridge>): Promise<Outcome> {
  const bridges: Bridge[] = [];
  const start = async () => {
    const bridge = await open();
    bridges.push(bridge);
    await bridge.call('echo');
  };
  const outcome = await atOnce(
    home,
    Array.from({ length: WINDOWS }, () => start),
  );
  await Promise.all(bridges.map((bridge) => bridge.close()));
  return outcome;
}

async function atOnce(home: string, works: readonly (() => Promise<void>)[]): Promise<Outcome> {
  const start = performance.now();
  const outcomes = await Promise.allSettled(works.map((work) => work()));
  const ms = performance.now() - start;
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  const reasons: Record<string, number> = {};
  for (const { reason } of refused) {
    const text = String(reason).replaceAll(home, '~').slice(0, REASON_LENGTH);
    reasons[text] = (reasons[text] ?? 0) + 1;
  }
  return { failed: refused.length, ms, reasons };
}
