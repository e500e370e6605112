import type { Bridge } from './bridge-host.js';
import { BRIDGES, type BridgeName } from './bridge-programs.js';
import type { Attempt, Bridges } from './bridges.js';
import { type Connection, connectV1, TransportV1 } from './hosts.js';
import { loadLibrary } from './library.js';
import { obtainToken } from './loopback-ratio.js';
import { type Estimate, estimate, interleave, ratios } from './statistics.js';

/** Time of a `tools/call` through a bridge, relative to a direct connection with a static header. */
export interface BridgeCalls {
  readonly ratio: Readonly<Partial<Record<BridgeName, Estimate>>>;
  /** The direct connection against itself. */
  readonly noise: Estimate;
  /** Microseconds of a call over it. */
  readonly plain: Estimate;
}

const TIMES = { rounds: 30, turns: 10, calls: 1 };

export async function measureBridgeCalls(bridges: Bridges, attempt: Attempt): Promise<BridgeCalls | undefined> {
  const { url } = bridges.server;
  const requestInit = { headers: { authorization: `Bearer ${await obtainToken(await loadLibrary(), url)}` } };
  const opened: Connection[] = [];
  const direct = async () => {
    const connection = await connectV1(new TransportV1(new URL(url), { requestInit }));
    opened.push(connection);
    return () => connection.call('echo');
  };
  try {
    const arms = { plain: await direct(), again: await direct() };
    const through = new Map<BridgeName, Bridge>();
    for (const name of BRIDGES) {
      const bridge = await attempt(name, 'calls', async () => bridges.open(name, await bridges.newHome()));
      if (bridge === undefined) continue;
      opened.push(bridge);
      through.set(name, bridge);
    }
    const failed = new Set<BridgeName>();
    const arm = (name: BridgeName) => async () => {
      const bridge = failed.has(name) ? undefined : through.get(name);
      if (bridge === undefined) return;
      const answered = await attempt(name, 'calls', async () => {
        await bridge.call('echo');
        return true;
      });
      // Once: what is left of it would be timed at nothing.
      if (answered === undefined) failed.add(name);
    };
    const rounds = await interleave({ ...arms, ours: arm('ours'), mcpRemote: arm('mcpRemote') }, TIMES);
    const measured = [...through.keys()].filter((name) => !failed.has(name));
    return {
      ratio: Object.fromEntries(measured.map((name) => [name, ratios(rounds[name], rounds.plain)])),
      noise: ratios(rounds.again, rounds.plain),
      plain: estimate(rounds.plain),
    };
  } finally {
    for (const connection of opened) await connection.close();
  }
}
