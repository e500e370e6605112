/**
 * A fleet of instances that share sessions: how evenly it refreshes, what it asks of the store, and what a session takes.
 * Alone after `npm run build`, for a table and, with --json, everything: tsx bench/fleet.ts [--sessions N] [--json FILE] [--entry FILE]
 */
import { type ForkOptions, fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { exited, firstMessage } from './children.js';
import { refreshesAtFixedMoment } from './fleet-fixed.js';
import { type FleetName, FULL_FLEET, fleets, OUTAGE } from './fleet-list.js';
import { measureRedis, type RedisResult } from './fleet-redis.js';
import { fleetSections } from './fleet-rows.js';
import type { FleetCounts } from './fleet-session.js';
import { ACCOUNT, type StoredSession, signInForReal } from './fleet-sign-in.js';
import {
  addedUp,
  type FleetDay,
  type OutageFigures,
  outageFigures,
  type Spread,
  spreadOf,
  summarize,
} from './fleet-summary.js';
import { MINUTE_MS } from './fleet-traffic.js';
import { DIST_ENTRY, type Library } from './library.js';

const MOST_PROCESSES = 4;

/** Everything that was measured of a fleet; plain JSON. */
export interface FleetResult {
  /** The simulated days, with the real `TokenManager`. */
  readonly days: Readonly<Record<FleetName, FleetDay>>;
  /** The authorization server answers 503 for an hour. */
  readonly outage: {
    /** A provider stays with its session. */
    readonly sticky: OutageFigures;
    /** A provider for each request. */
    readonly request: OutageFigures;
  };
  /** Computed for the sessions of `allDay`: the first call after a fixed moment refreshes. */
  readonly fixedMoment: {
    /** Five minutes before expiry: as we would without jitter. */
    readonly withoutJitter: Spread;
    /** At expiry, when a 401 asks for it: as the SDKs do. */
    readonly afterRefusal: Spread;
  };
  /** Characters of a stored session, key and value, after a real sign-in. */
  readonly record: { readonly jwt: number; readonly opaque: number };
  readonly heap: HeapResult;
  /** Missing where there is no Redis to start. */
  readonly redis?: RedisResult;
  readonly seconds: number;
}

/** What an instance holds in memory for one session, in bytes of heap. */
export interface HeapResult {
  /** A provider of `createAuthProvider` that has its token. */
  readonly perProvider: number;
  /** A `TokenManager` on its own that has its token. */
  readonly perManager: number;
  /** What a provider leaves behind when it was closed and let go. */
  readonly afterClose: number;
}

type FleetCountsByName = Readonly<Record<FleetName, FleetCounts>>;

export interface FleetOptions {
  /** Of the main fleet; the others follow it. Default 100,000. */
  readonly sessions?: number;
  /** The module that the processes load; default the built package. */
  readonly entry?: string;
}

/** Measures the fleet, in as many processes as there are cores (at most four). The signal ends them. */
export async function measureFleet(
  library: Library,
  signal: AbortSignal,
  { sessions = FULL_FLEET, entry = DIST_ENTRY.href }: FleetOptions = {},
): Promise<FleetResult> {
  const start = performance.now();
  const shares = Math.min(availableParallelism(), MOST_PROCESSES);
  const parts = await Promise.all(
    Array.from({ length: shares }, (_, share) => simulateShare([entry, share, shares, sessions], signal)),
  );
  const names = Object.keys(fleets(sessions)) as FleetName[];
  const of = (name: FleetName) => parts.map((part) => part[name]);
  const day = (name: FleetName) => summarize(of(name));
  const outage = (name: FleetName) => outageFigures(addedUp(of(name)), day(name).sessions, OUTAGE);
  const { jwt, opaque } = await signInForReal(library);
  const heap = await measureHeap(entry, jwt, signal);
  const redis = await measureRedis(library, jwt);
  signal.throwIfAborted();
  return {
    days: Object.fromEntries(names.map((name) => [name, day(name)])) as Record<FleetName, FleetDay>,
    outage: { sticky: outage('outage'), request: outage('outageRequest') },
    fixedMoment: {
      withoutJitter: spreadOf(refreshesAtFixedMoment(sessions, 5 * MINUTE_MS)),
      afterRefusal: spreadOf(refreshesAtFixedMoment(sessions, 0)),
    },
    record: { jwt: jwt.key.length + jwt.value.length, opaque: opaque.key.length + opaque.value.length },
    heap,
    ...(redis === undefined ? {} : { redis }),
    seconds: (performance.now() - start) / 1_000,
  };
}

function simulateShare(args: readonly (string | number)[], signal: AbortSignal): Promise<FleetCountsByName> {
  // Most of what a refresh allocates is over with it: more of it dies before it is moved.
  const execArgv = [...process.execArgv, '--max-semi-space-size=64'];
  return runChild(new URL('./fleet-part.ts', import.meta.url), args.map(String), { signal, execArgv });
}

function measureHeap(entry: string, session: StoredSession, signal: AbortSignal): Promise<HeapResult> {
  return runChild(
    new URL('./fleet-heap.mjs', import.meta.url),
    [],
    { signal, execArgv: [] },
    { entry, account: ACCOUNT, ...session },
  );
}

async function runChild<Result>(
  file: URL,
  args: readonly string[],
  options: ForkOptions,
  task?: Readonly<Record<string, string>>,
): Promise<Result> {
  const child = fork(fileURLToPath(file), args, { killSignal: 'SIGKILL', ...options });
  // Where the signal ends it; what waits for it learns from its exit.
  child.on('error', () => {});
  if (task !== undefined) child.send(task);
  const [result] = await Promise.all([firstMessage(child), exited(child)]);
  return result as Result;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { sessions: { type: 'string' }, json: { type: 'string' }, entry: { type: 'string' } },
  });
  const entry = values.entry === undefined ? DIST_ENTRY.href : pathToFileURL(values.entry).href;
  const library = (await import(entry)) as Library;
  const fleet = await measureFleet(library, new AbortController().signal, {
    entry,
    ...(values.sessions === undefined ? {} : { sessions: Number(values.sessions) }),
  });
  for (const { title, rows, notes } of fleetSections({ fleet })) {
    console.log(`\n${title}`);
    for (const { feature, ours, v1, v2, bound, verdict } of rows) {
      console.log(`  ${feature}: ${ours}  (v1 ${v1}, v2 ${v2}, bound ${bound})  ${verdict ?? ''}`);
    }
    for (const note of notes) console.log(`    ${note}`);
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(fleet, undefined, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
