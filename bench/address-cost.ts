import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Library } from './library.js';
import { type Estimate, estimate, interleave, ratios } from './statistics.js';

/** What the address rule costs one of the library's own requests on loopback. */
export interface AddressCost {
  /** A request through `createHttp`, with the rule and the bounds, over the same one through a bare undici agent. */
  readonly ratio: Estimate;
  /** The bare agent over itself. */
  readonly noise: Estimate;
  /** Microseconds of a request through the bare agent. */
  readonly plain: Estimate;
  /** Microseconds to judge one URL: by its name, and by a literal. */
  readonly judged: Readonly<Record<'name' | 'literal', Estimate>>;
}

const METADATA = JSON.stringify({ issuer: 'http://127.0.0.1', token_endpoint: 'http://127.0.0.1/token' });
const JUDGED_AT_ONCE = 100;

export async function measureAddressCost(library: Library): Promise<AddressCost> {
  const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end(METADATA));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/oauth-authorization-server`;
  const http = library.createHttp({ anchor: url });
  const agents = [new Agent(), new Agent()] as const;
  const bare = (dispatcher: Agent) => async () =>
    (await undiciFetch(url, { dispatcher, redirect: 'manual', headers: { accept: 'application/json' } })).arrayBuffer();
  const judge = (discovered: string) => async () => {
    for (let i = 0; i < JUDGED_AT_ONCE; i += 1) http.assertDiscoveredUrl(discovered, 'discovery');
  };
  try {
    const rounds = await interleave(
      {
        plain: bare(agents[0]),
        again: bare(agents[1]),
        ours: async () => (await http.request('metadata', url)).arrayBuffer(),
      },
      { rounds: 40, turns: 12, calls: 10 },
    );
    const judged = await interleave(
      { name: judge('https://auth.example.net/token'), literal: judge('https://93.184.215.14/token') },
      { rounds: 40, turns: 6, calls: 10 },
    );
    const each = (values: readonly number[]) => estimate(values.map((value) => value / JUDGED_AT_ONCE));
    return {
      ratio: ratios(rounds.ours, rounds.plain),
      noise: ratios(rounds.again, rounds.plain),
      plain: estimate(rounds.plain),
      judged: { name: each(judged.name), literal: each(judged.literal) },
    };
  } finally {
    await Promise.all([http, ...agents].map((one) => one.close()));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
