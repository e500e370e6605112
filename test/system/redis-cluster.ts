import { createCluster } from 'redis';
import { freePort } from '../support/ports.js';
import { type RedisServer, startRedis } from './redis-server.js';

const SLOTS = 16_384;
const NODES = 3;
const READY_TIMEOUT_MS = 20_000;

export interface RedisCluster {
  readonly client: ReturnType<typeof newCluster>;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts three masters that share the slots, and a client of the cluster. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const busPorts: number[] = [];
  const servers: RedisServer[] = [];
  for (let node = 0; node < NODES; node += 1) {
    const busPort = await freePort();
    busPorts.push(busPort);
    servers.push(await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`] }));
  }
  const admins = await Promise.all(servers.map((server) => server.client()));
  const share = Math.ceil(SLOTS / NODES);
  for (const [node, admin] of admins.entries()) {
    const [first, last] = [node * share, Math.min((node + 1) * share, SLOTS) - 1];
    await admin.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', `${first}`, `${last}`]);
    await admins[0]!.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', `${servers[node]!.port}`, `${busPorts[node]}`]);
  }
  const end = Date.now() + READY_TIMEOUT_MS;
  for (const admin of admins) {
    while (!/cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(await admin.sendCommand(['CLUSTER', 'INFO']))) {
      if (Date.now() > end) throw new Error('the cluster did not come up');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const client = newCluster(servers);
  await client.connect();
  return {
    client,
    flush: async () => void (await Promise.all(admins.map((admin) => admin.flushAll()))),
    async stop() {
      client.destroy();
      for (const server of servers) await server.stop();
    },
  };
}

function newCluster(servers: readonly RedisServer[]) {
  const client = createCluster({ rootNodes: servers.map(({ url }) => ({ url })) });
  client.on('error', () => {});
  return client;
}
