import { type ForkOptions, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHROMIUM } from '../test/system/requirements.js';
import { exited, firstMessage } from './children.js';
import { DIST_ENTRY } from './library.js';
import { type Estimate, estimate } from './statistics.js';

/** Where the servers and the person at the browser are. */
export interface SignInWorld {
  /** The MCP endpoint. */
  readonly url: string;
  readonly browserUrl: string;
}

/** One sign-in, from `connect()` to the first tool result; ms. */
interface Run {
  readonly store: 'file' | 'memory';
  readonly total: number;
  /** From `openBrowser` to the arrival of the callback. */
  readonly browser: number;
  /** Waiting for a server outside of that. */
  readonly servers: number;
  /** Everything else, before the browser and after it. */
  readonly before: number;
  readonly after: number;
  readonly ours: number;
  /** Processor time of the client's process in that time, which other processes disturb less. */
  readonly cpu: number;
  /** Until the browser, sent on, asked for its page: in `ours`, although it is the browser's. */
  readonly page: number;
}

/** Estimates of the members of {@link Run}. */
export type SignInShares = Readonly<Record<Exclude<keyof Run, 'store'>, Estimate>>;

type BySdk = Readonly<Record<'v1' | 'v2', SignInShares>>;

export interface SignInTime {
  /** The first sign-in of a process, which loads and compiles what it needs. */
  readonly cold: BySdk;
  /** The ones after it, each without a session: with encrypted files, and with tokens in memory. */
  readonly warm: BySdk;
  readonly inMemory: BySdk;
}

/** Processes of each SDK's client. */
const PROCESSES = 5;
/** The sign-ins of each. */
const STORES: readonly Run['store'][] = ['file', 'memory', 'file', 'memory', 'file'];
/** For a person who presses two buttons, on a machine that does other things. */
const CLIENT_TIME_MS = 60_000;

/** Why a sign-in cannot be measured on this machine, where it cannot. */
export function missingForSignIn(): string | undefined {
  return existsSync(CHROMIUM)
    ? undefined
    : `${CHROMIUM} is not there; install Chromium (Debian: apt-get install chromium) or name the program in the variable CHROMIUM`;
}

/** Signs in through real Chromium at oidc-provider. */
export async function measureSignIn(signal: AbortSignal): Promise<SignInTime> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-sign-in-'));
  const child = fork(fileURLToPath(new URL('./sign-in-world.ts', import.meta.url)), { signal, killSignal: 'SIGKILL' });
  child.on('error', () => {});
  const ended = exited(child);
  try {
    const world = (await firstMessage(child)) as SignInWorld;
    const runs = { v1: [] as Run[][], v2: [] as Run[][] };
    for (let process = 0; process < PROCESSES; process += 1) {
      // In turns: whatever else the machine does meets both alike.
      for (const sdk of ['v1', 'v2'] as const) {
        runs[sdk].push(await runClient(sdk, world, join(directory, `${sdk}-${process}`), signal));
      }
    }
    const bySdk = (choose: (processes: readonly Run[][]) => readonly Run[]) => ({
      v1: shares(choose(runs.v1)),
      v2: shares(choose(runs.v2)),
    });
    return {
      cold: bySdk((processes) => processes.flatMap((all) => all.slice(0, 1))),
      warm: bySdk((processes) => later(processes, 'file')),
      inMemory: bySdk((processes) => later(processes, 'memory')),
    };
  } finally {
    if (child.connected) child.disconnect();
    await ended;
    await rm(directory, { recursive: true, force: true });
  }
}

function later(processes: readonly Run[][], store: Run['store']): Run[] {
  return processes.flatMap((all) => all.slice(1).filter((run) => run.store === store));
}

async function runClient(sdk: 'v1' | 'v2', world: SignInWorld, directory: string, signal: AbortSignal): Promise<Run[]> {
  const options: ForkOptions = {
    signal: AbortSignal.any([signal, AbortSignal.timeout(CLIENT_TIME_MS)]),
    killSignal: 'SIGKILL',
    // Without the loader that this process has.
    execArgv: [],
  };
  const child = fork(fileURLToPath(new URL('./sign-in-client.mjs', import.meta.url)), options);
  child.on('error', () => {});
  child.send({ ...world, sdk, directory, entry: DIST_ENTRY.href, stores: STORES });
  const [runs] = await Promise.all([firstMessage(child), exited(child)]);
  return runs as Run[];
}

function shares(runs: readonly Run[]): SignInShares {
  const of = (member: keyof SignInShares) => estimate(runs.map((run) => run[member]));
  return {
    total: of('total'),
    browser: of('browser'),
    servers: of('servers'),
    before: of('before'),
    after: of('after'),
    ours: of('ours'),
    cpu: of('cpu'),
    page: of('page'),
  };
}
