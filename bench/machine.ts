import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { exited, firstMessage, runPart } from './children.js';
import type { Library } from './library.js';
import type { ServerAddress } from './server-control.js';
import { differences, type Estimate, estimate, interleave, ratios } from './statistics.js';

type AuthProvider = ReturnType<Library['createAuthProvider']>;
type Options = Partial<Parameters<Library['createAuthProvider']>[0]>;

/** Machines at one certified authorization server, and what binding their tokens to a key costs. */
export interface MachineResult {
  /** {@link CALLS} at once, after the token has expired. */
  readonly burst: { readonly tokenRequests: number; readonly failed: number };
  /** Time of a call on loopback with a bound token, relative to one with a Bearer token, at a server that checks neither. */
  readonly ratio: Estimate;
  /** The same at a server that checks both. */
  readonly checkedRatio: Estimate;
  /** A call with a Bearer token against itself. */
  readonly noise: Estimate;
  /** Microseconds of a call on loopback with a Bearer token. */
  readonly bearer: Estimate;
  /** Microseconds that a bound token adds to a call whose fetch is a stub: making the proof. */
  readonly proof: Estimate;
}

/** What the process with the servers tells. */
export interface MachineWorld {
  readonly clientId: string;
  readonly clientSecret: string;
  /** The resources that check: the one that takes Bearer tokens, and the one that wants bound ones. */
  readonly bearerUrl: string;
  readonly boundUrl: string;
  /** So far. */
  readonly tokenRequests: number;
}

export const CALLS = 1_000;
const HOURS_MS = 2 * 3_600_000;
const ON_LOOPBACK = { rounds: 40, turns: 40, calls: 1 };
const WITH_STUB = { rounds: 40, turns: 10, calls: 20 };

/** Starts the servers and measures in another process. */
export async function measureMachine(signal: AbortSignal): Promise<MachineResult> {
  const child = fork(fileURLToPath(new URL('./machine-world.ts', import.meta.url)), { signal, killSignal: 'SIGKILL' });
  child.on('error', () => {});
  const ended = exited(child);
  try {
    return await runPart('machine', (await firstMessage(child)) as ServerAddress, signal);
  } finally {
    if (child.connected) child.disconnect();
    await ended;
  }
}

/** The part that is timed. `url` is the resource that takes every token. */
export async function measureMachineCalls(
  library: Library,
  { url, controlUrl }: ServerAddress,
): Promise<MachineResult> {
  const world = async () => (await (await fetch(controlUrl)).json()) as MachineWorld;
  const { clientId, clientSecret, bearerUrl, boundUrl } = await world();
  const open = (serverUrl: string, options: Options = {}) =>
    library.createAuthProvider({
      serverUrl,
      grant: library.clientCredentials({ clientId, clientSecret }),
      store: new library.MemoryTokenStore(),
      interactive: false,
      ...options,
    });
  const burst = await callAfterExpiry(library, open, bearerUrl, async () => (await world()).tokenRequests);

  const opened: AuthProvider[] = [];
  const calls = (serverUrl: string, options: Options = {}) => {
    const provider = open(serverUrl, options);
    opened.push(provider);
    return calling(provider, serverUrl);
  };
  const believed = await interleave(
    { bearer: calls(url), bound: calls(url, { dpop: true }), again: calls(url) },
    ON_LOOPBACK,
  );
  const checked = await interleave(
    { bearer: calls(bearerUrl), bound: calls(boundUrl, { dpop: true }) },
    { ...ON_LOOPBACK, rounds: 20 },
  );

  // Where nothing else is done, the rest is the proof.
  const stubbed = async (options: Options) => {
    let isReady = false;
    const answer = () => Promise.resolve(new Response('{}'));
    const call = calls(url, { ...options, fetch: (input, init) => (isReady ? answer() : fetch(input, init)) });
    await call();
    isReady = true;
    return call;
  };
  const withStub = await interleave({ bearer: await stubbed({}), bound: await stubbed({ dpop: true }) }, WITH_STUB);
  for (const provider of opened) await provider.close();
  return {
    burst,
    ratio: ratios(believed.bound, believed.bearer),
    checkedRatio: ratios(checked.bound, checked.bearer),
    noise: ratios(believed.again, believed.bearer),
    bearer: estimate(believed.bearer),
    proof: differences(withStub.bound, withStub.bearer),
  };
}

async function callAfterExpiry(
  { systemClock }: Library,
  open: (serverUrl: string, options: Options) => AuthProvider,
  url: string,
  tokenRequests: () => Promise<number>,
): Promise<MachineResult['burst']> {
  let ahead = 0;
  const clock = { ...systemClock, now: () => Date.now() + ahead };
  const provider = open(url, { clock });
  const call = calling(provider, url);
  await call();
  ahead = HOURS_MS;
  const before = await tokenRequests();
  const outcomes = await Promise.allSettled(Array.from({ length: CALLS }, call));
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  const after = await tokenRequests();
  await provider.close();
  return { tokenRequests: after - before, failed };
}

/** A call as a transport makes it; whatever is not a result counts as a failure. */
function calling(provider: AuthProvider, url: string): () => Promise<void> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  };
  return async () => {
    const response = await provider.fetch(url, init);
    await response.text();
    if (!response.ok) throw new Error(`The call was answered with HTTP ${response.status}.`);
  };
}
