import { join } from 'node:path';
import type { TokenStore } from '../src/index.js';
import { type Backends, freshLocation, type StoreName } from './backends.js';
import { realisticTokens } from './hot-path.js';
import type { Library } from './library.js';
import { SharedFileProvider } from './shared-file-provider.js';
import { type Estimate, median, quantile, ratios } from './statistics.js';
import { openStore } from './store-locations.js';

/** Milliseconds of one operation, one after the other. */
export interface Latency {
  readonly median: number;
  readonly p95: number;
  readonly operations: number;
}

export interface StoreLatency {
  readonly get: Latency;
  readonly set: Latency;
  /** A lock that nobody else wants, taken and released. */
  readonly lock: Latency;
}

/** How an operation's time grows with the number of sessions: with many over with few. */
export interface StoreGrowth {
  readonly few: number;
  readonly many: number;
  readonly get: Estimate;
  readonly set: Estimate;
  /** A write with a lifetime, as a sign-in makes some. */
  readonly setTtl: Estimate;
  /** Milliseconds with many. */
  readonly withMany: Readonly<Record<Operation, number>>;
  /** Reading and writing one item without a store around it, where the keychain's own part is to be told apart. */
  readonly bare?: Readonly<Record<'get' | 'set', Estimate>>;
}

export interface StoreTimes {
  readonly latency: Readonly<Partial<Record<StoreName, StoreLatency>>>;
  readonly growth: Readonly<Partial<Record<StoreName, StoreGrowth>>>;
  /** The SDKs' provider over a JSON file: `tokens()` and `saveTokens()`, one session. */
  readonly json: Pick<StoreLatency, 'get' | 'set'>;
}

type Operation = 'get' | 'set' | 'setTtl';

const FEW = 10;
const MANY = 10_000;
/** The Secret Service writes its whole file at each change, so that filling it takes the square of the number. */
const MANY_IN_KEYCHAIN = 200;
const ROUNDS = 20;
const OPERATIONS_A_ROUND: Readonly<Record<Operation, number>> = { get: 10, set: 5, setTtl: 2 };
const TTL_MS = 600_000;
const FILL_AT_ONCE = 16;
const VALUE = JSON.stringify({ v: 1, tokens: realisticTokens() });

export async function measureStores(library: Library, backends: Backends): Promise<StoreTimes> {
  const latency: Partial<Record<StoreName, StoreLatency>> = {};
  for (const name of backends.names) latency[name] = await measureLatency(library, backends, name);
  const growth: Partial<Record<StoreName, StoreGrowth>> = {};
  for (const name of backends.names) {
    // One library of the keychain tells what the keychain does.
    if (name !== 'keytar') growth[name] = await measureGrowth(library, backends, name);
  }
  return { latency, growth, json: measureJson(backends) };
}

async function measureLatency(library: Library, backends: Backends, name: StoreName): Promise<StoreLatency> {
  const { store, close } = await openStore(library, freshLocation(backends, name));
  const operations = name === 'memory' ? 2_000 : name === 'redis' ? 1_000 : 300;
  const key = (index: number) => `tokens/https://mcp.example.com/mcp/${index % FEW}`;
  const time = async (operation: (index: number) => Promise<unknown>) => {
    for (let index = 0; index < FEW; index += 1) await operation(index);
    return summary(await timeEach(operations, operation));
  };
  const set = await time((index) => store.set(key(index), VALUE));
  const get = await time((index) => store.get(key(index)));
  const lock = await time((index) => store.lock(key(index), async () => {}));
  await close();
  return { get, set, lock };
}

function measureJson({ directory }: Backends): StoreTimes['json'] {
  const provider = new SharedFileProvider(join(directory, `${crypto.randomUUID()}.json`), '', { redirect_uris: [] });
  const { accessToken, refreshToken } = realisticTokens();
  const tokens = { access_token: accessToken, token_type: 'Bearer', refresh_token: refreshToken };
  const time = (operation: () => void) => {
    const times: number[] = [];
    for (let index = 0; index < 300; index += 1) {
      const start = performance.now();
      operation();
      times.push(performance.now() - start);
    }
    return summary(times);
  };
  return { set: time(() => provider.saveTokens(tokens)), get: time(() => void provider.tokens()) };
}

async function measureGrowth(library: Library, backends: Backends, name: StoreName): Promise<StoreGrowth> {
  if (name === 'keyring') return measureKeychainGrowth(library, backends);
  const few = await openStore(library, freshLocation(backends, name));
  const many = await openStore(library, freshLocation(backends, name, 1));
  await fill(few.store, FEW);
  await fill(many.store, MANY);
  const [samplesOfFew, samplesOfMany] = [emptySamples(), emptySamples()];
  // In turns: whatever else the machine does meets both alike.
  for (let round = 0; round < ROUNDS; round += 1) {
    await sample(few.store, () => anyOf(FEW), samplesOfFew);
    await sample(many.store, () => anyOf(MANY), samplesOfMany);
  }
  await few.close();
  await many.close();
  return compare(samplesOfFew, samplesOfMany, MANY);
}

/** There is one keyring for all, so few come first and many then. A desktop program uses few of its sessions: it is as many in both cases. */
async function measureKeychainGrowth(library: Library, backends: Backends): Promise<StoreGrowth> {
  const { store, close } = await openStore(library, freshLocation(backends, 'keyring'));
  const { AsyncEntry } = await import('@napi-rs/keyring');
  const bare = new AsyncEntry('bench-bare', 'one', { linux: { store: 'secret-service' } });
  await bare.setPassword(VALUE);
  const measure = async () => {
    const samples = emptySamples();
    const [bareGet, bareSet]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      await sample(store, () => anyOf(FEW), samples);
      bareGet.push(median(await timeEach(OPERATIONS_A_ROUND.get, () => bare.getPassword())));
      bareSet.push(median(await timeEach(OPERATIONS_A_ROUND.setTtl, () => bare.setPassword(VALUE))));
    }
    return { samples, bareGet, bareSet };
  };
  await fill(store, FEW);
  const few = await measure();
  await fill(store, MANY_IN_KEYCHAIN);
  const many = await measure();
  await close();
  return {
    ...compare(few.samples, many.samples, MANY_IN_KEYCHAIN),
    bare: { get: ratios(many.bareGet, few.bareGet), set: ratios(many.bareSet, few.bareSet) },
  };
}

function compare(few: Samples, many: Samples, manySessions: number): StoreGrowth {
  const ratio = (operation: Operation) => ratios(many[operation], few[operation]);
  return {
    few: FEW,
    many: manySessions,
    get: ratio('get'),
    set: ratio('set'),
    setTtl: ratio('setTtl'),
    withMany: { get: median(many.get), set: median(many.set), setTtl: median(many.setTtl) },
  };
}

type Samples = Record<Operation, number[]>;

function emptySamples(): Samples {
  return { get: [], set: [], setTtl: [] };
}

/** One round: the median of each operation. */
async function sample(store: TokenStore, anyKey: () => string, into: Samples): Promise<void> {
  const operations: Record<Operation, () => Promise<unknown>> = {
    get: () => store.get(anyKey()),
    set: () => store.set(anyKey(), VALUE),
    setTtl: () => store.set('sign-in/one', VALUE, { ttlMs: TTL_MS }),
  };
  for (const operation of ['get', 'set', 'setTtl'] as const) {
    into[operation].push(median(await timeEach(OPERATIONS_A_ROUND[operation], operations[operation])));
  }
}

async function fill(store: TokenStore, sessions: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < sessions) {
      const index = next;
      next += 1;
      await store.set(sessionKey(index), VALUE);
    }
  };
  await Promise.all(Array.from({ length: FILL_AT_ONCE }, worker));
}

function anyOf(sessions: number): string {
  return sessionKey(Math.floor(Math.random() * sessions));
}

function sessionKey(index: number): string {
  return `tokens/https://mcp.example.com/mcp/user-${index}`;
}

async function timeEach(count: number, operation: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await operation(index);
    times.push(performance.now() - start);
  }
  return times;
}

function summary(times: readonly number[]): Latency {
  return { median: median(times), p95: quantile(times, 0.95), operations: times.length };
}
