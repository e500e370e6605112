import type { Bridge } from './bridge-host.js';
import { BRIDGES, type BridgeName } from './bridge-programs.js';
import { shorten, untilOver } from './bridge-windows.js';
import type { Attempt, Bridges } from './bridges.js';
import { control } from './server-control.js';
import { type Estimate, estimate, median, shuffled } from './statistics.js';

/** What is stored when a bridge is started: nothing, a session, a session whose access token is over. */
export const STARTS = ['signIn', 'valid', 'expired'] as const;
export type StartKind = (typeof STARTS)[number];

/** From the start of the process to the first tool result. */
export interface BridgeStart {
  /** Without the time in which the server had something to answer; ms. */
  readonly own: Estimate;
  readonly server: Estimate;
  /** HTTP requests, without the browser's. */
  readonly requests: number;
  /** Resident memory after the first result, in MiB. */
  readonly memory: Estimate;
}

export type BridgeStarts = Readonly<Record<StartKind, BridgeStart>>;

interface Run {
  readonly own: number;
  readonly server: number;
  readonly requests: number;
  readonly memory: number;
}

const ROUNDS = 5;

/** Both in turns, each with a home of its own: whatever else the machine does meets both alike. */
export async function measureStarts(
  bridges: Bridges,
  attempt: Attempt,
): Promise<Partial<Record<BridgeName, BridgeStarts>>> {
  const runs = new Map<BridgeName, Record<StartKind, Run[]>>(
    BRIDGES.map((name) => [name, { signIn: [], valid: [], expired: [] }]),
  );
  await control(bridges.server, { watch: true });
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const homes = new Map<BridgeName, string>();
      for (const name of shuffled([...runs.keys()])) {
        const home = await bridges.newHome();
        homes.set(name, home);
        const first = await attempt(name, 'starts', async () => ({
          signIn: await timed(bridges, name, home),
          valid: await timed(bridges, name, home, (bridge) => shorten(bridges.server, [bridge])),
        }));
        if (first === undefined) runs.delete(name);
        else for (const kind of ['signIn', 'valid'] as const) runs.get(name)?.[kind].push(first[kind]);
      }
      await untilOver();
      for (const name of shuffled([...runs.keys()])) {
        const run = await attempt(name, 'starts', () => timed(bridges, name, homes.get(name) ?? ''));
        if (run === undefined) runs.delete(name);
        else runs.get(name)?.expired.push(run);
      }
    }
  } finally {
    await control(bridges.server, { watch: false });
  }
  return Object.fromEntries(
    [...runs].map(([name, { signIn, valid, expired }]) => [
      name,
      { signIn: summary(signIn), valid: summary(valid), expired: summary(expired) },
    ]),
  );
}

async function timed(
  { server, open }: Bridges,
  name: BridgeName,
  home: string,
  after: (bridge: Bridge) => Promise<void> = async () => {},
): Promise<Run> {
  await control(server, { reset: true });
  const start = performance.now();
  const bridge = await open(name, home);
  try {
    await bridge.call('echo');
    const total = performance.now() - start;
    const { busyMs, total: requests, counts } = await control(server);
    const memory = await bridge.memory();
    await after(bridge);
    return { own: total - busyMs, server: busyMs, requests: requests - (counts['authorize'] ?? 0), memory };
  } finally {
    await bridge.close();
  }
}

function summary(runs: readonly Run[]): BridgeStart {
  return {
    own: estimate(runs.map(({ own }) => own)),
    server: estimate(runs.map(({ server }) => server)),
    requests: median(runs.map(({ requests }) => requests)),
    memory: estimate(runs.map(({ memory }) => memory)),
  };
}
