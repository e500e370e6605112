import { install } from './contenders.js';
import { type Connection, connectV1, connectV2, TransportV1, TransportV2 } from './hosts.js';
import type { Library } from './library.js';
import type { ServerAddress } from './server-control.js';
import { type Estimate, estimate, interleave, ratios } from './statistics.js';

/** Time of a `tools/call` over loopback, relative to the same transport with a static header. */
export interface LoopbackRatio {
  readonly ratio: Readonly<Record<'oursV1' | 'oursV2' | 'sdkV1' | 'sdkV2', Estimate>>;
  /** The static header against itself. */
  readonly noise: Readonly<Record<'v1' | 'v2', Estimate>>;
  /** Microseconds of a call with the static header. */
  readonly plain: Readonly<Record<'v1' | 'v2', Estimate>>;
}

export async function measureLoopbackRatio(library: Library, { url }: ServerAddress): Promise<LoopbackRatio> {
  const token = await obtainToken(library, url);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const plainV1 = () => connectV1(new TransportV1(new URL(url), { requestInit }));
  const plainV2 = () => connectV2(new TransportV2(new URL(url), { requestInit }));
  const v1 = await compare({
    plain: await plainV1(),
    ours: await install('oursV1', library, url).start(),
    sdk: await install('sdkV1', library, url).start(),
    again: await plainV1(),
  });
  const v2 = await compare({
    plain: await plainV2(),
    ours: await install('oursV2', library, url).start(),
    sdk: await install('sdkV2', library, url).start(),
    again: await plainV2(),
  });
  return {
    ratio: { oursV1: v1.ours, oursV2: v2.ours, sdkV1: v1.sdk, sdkV2: v2.sdk },
    noise: { v1: v1.noise, v2: v2.noise },
    plain: { v1: v1.plain, v2: v2.plain },
  };
}

async function compare(connections: Readonly<Record<'plain' | 'ours' | 'sdk' | 'again', Connection>>) {
  const { plain, ours, sdk, again } = connections;
  const call = (connection: Connection) => () => connection.call('echo');
  const rounds = await interleave(
    { plain: call(plain), ours: call(ours), sdk: call(sdk), again: call(again) },
    { rounds: 60, turns: 40, calls: 1 },
  );
  for (const connection of [plain, ours, sdk, again]) await connection.close();
  return {
    plain: estimate(rounds.plain),
    ours: ratios(rounds.ours, rounds.plain),
    sdk: ratios(rounds.sdk, rounds.plain),
    noise: ratios(rounds.again, rounds.plain),
  };
}

/** For the static header: what a user would paste. */
export async function obtainToken(library: Library, url: string): Promise<string> {
  await using provider = library.createAuthProvider({
    serverUrl: url,
    store: new library.MemoryTokenStore(),
    openBrowser: (authorizationUrl) => void fetch(authorizationUrl).then((page) => page.text()),
  });
  await provider.authorize();
  const token = await provider.tokens.getAccessToken();
  if (token === undefined) throw new Error('The sign-in gave no token.');
  return token;
}
