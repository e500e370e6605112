import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BridgeCalls, measureBridgeCalls } from './bridge-calls.js';
import { type Bridge, startBridge } from './bridge-host.js';
import { BRIDGES, type BridgeName, prepareBridges } from './bridge-programs.js';
import { type BridgeStarts, measureStarts } from './bridge-starts.js';
import { measureWindows, type SharedBridges } from './bridge-windows.js';
import type { ServerAddress } from './server-control.js';

/** Two programs between a host that speaks stdio only and one protected server. */
export interface BridgeResult {
  /** Of mcp-remote. */
  readonly version: string;
  readonly starts: Readonly<Partial<Record<BridgeName, BridgeStarts>>>;
  readonly calls?: BridgeCalls;
  readonly shared: Readonly<Partial<Record<BridgeName, Partial<SharedBridges>>>>;
  /** What mcp-remote did not come through, and why: the rows without its figure. */
  readonly peerFailures: readonly string[];
}

export interface Bridges {
  readonly server: ServerAddress;
  /** A machine where nothing is stored. */
  newHome(): Promise<string>;
  open(name: BridgeName, home: string, options?: OpenOptions): Promise<Bridge>;
}

export interface OpenOptions {
  /** How long the person takes, in ms; default 0. */
  readonly personDelayMs?: number;
  readonly onSignIn?: () => void;
}

export interface MeasuredBridges {
  readonly measured: BridgeResult;
  /** What could not be measured of ours, or in time, a sentence each. */
  readonly failures: readonly string[];
}

/** A minute on a quiet machine. */
const LIMIT_MS = 180_000;

export async function measureBridges(server: ServerAddress, outer: AbortSignal): Promise<MeasuredBridges> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error('the time for the bridges was over')), LIMIT_MS);
  const signal = AbortSignal.any([outer, limit.signal]);
  const { programs, version, close } = await prepareBridges();
  const directory = await mkdtemp(join(tmpdir(), 'bench-bridges-'));
  let homes = 0;
  const bridges: Bridges = {
    server,
    async newHome() {
      homes += 1;
      const home = join(directory, String(homes));
      await mkdir(home);
      return home;
    },
    open: (name, home, options) => startBridge({ ...options, program: programs[name], url: server.url, home, signal }),
  };
  const peerFailures: string[] = [];
  const failures: string[] = [];
  const attempt: Attempt = async (name, what, work) => {
    try {
      const found = await work();
      // What was ended from here says nothing about the bridge.
      signal.throwIfAborted();
      return found;
    } catch (error) {
      const isPeers = name === 'mcpRemote' && !signal.aborted;
      const text = `${what}: ${signal.aborted ? signal.reason : error}`;
      if (isPeers) peerFailures.push(text);
      else failures.push(`${name}, ${text}`);
      return undefined;
    }
  };
  try {
    // First, which fills the file cache for the starts.
    const calls = await step('calls', () => measureBridgeCalls(bridges, attempt));
    const starts = await step('starts', () => measureStarts(bridges, attempt));
    const shared: Partial<Record<BridgeName, Partial<SharedBridges>>> = {};
    for (const name of BRIDGES) {
      shared[name] = await step(`windows, ${name}`, () => measureWindows(name, bridges, attempt));
    }
    return { measured: { version, starts, ...(calls !== undefined && { calls }), shared, peerFailures }, failures };
  } finally {
    clearTimeout(timer);
    await close();
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }
}

/** `undefined` where the bridge failed, which is noted: the other one is measured all the same. */
export type Attempt = <T>(name: BridgeName, what: string, work: () => Promise<T>) => Promise<T | undefined>;

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    console.error(`  ${name}: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  }
}
