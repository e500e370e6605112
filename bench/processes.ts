import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backends, freshLocation, type StoreName } from './backends.js';
import { control, observe, type ServerAddress } from './server-control.js';
import { median } from './statistics.js';
import type { SharedSession, SharingContender, WindowCommand, WindowReply } from './window-messages.js';
import { startWindows, type Window } from './windows.js';

/** What many processes with one session did. */
export interface SharedBurst {
  readonly processes: number;
  readonly calls: number;
  readonly failed: number;
  readonly refreshes: number;
  /** Browser tabs, in all processes, after the first sign-in. */
  readonly tabs: number;
  readonly familiesRevoked: number;
  /** From the word to all until the last one was done, in ms. */
  readonly ms: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** One call in each process: how long it takes until all have a token that one of them obtained. */
export interface SharedTurns {
  readonly processes: number;
  readonly turns: number;
  /** In all turns; there is one to be done in each. */
  readonly refreshes: number;
  /** Median, in ms, after a revocation. */
  readonly ms: number;
  /** The same with a token that is valid. */
  readonly plainMs: number;
}

/** What processes did that started at once without a session. */
export interface ColdStart {
  readonly processes: number;
  readonly tabs: number;
  readonly registrations: number;
  /** How many connected and made a call. */
  readonly working: number;
  readonly ms: number;
  readonly reasons: Readonly<Record<string, number>>;
}

export type Moment = 'expiry' | 'revocation';

export interface SharedBursts extends Readonly<Record<Moment, SharedBurst>> {
  /** Of ours only. */
  readonly turns?: SharedTurns;
}

/** One contender with one store. */
export interface SharedSessionResult {
  readonly contender: SharingContender;
  readonly store: StoreName | 'json';
  /** By number of processes, the smallest first. */
  readonly bursts: readonly SharedBursts[];
  readonly cold: ColdStart;
}

export interface SharedSessions {
  readonly measured: readonly SharedSessionResult[];
  /** What could not be measured, a sentence each. */
  readonly failures: readonly string[];
}

const CALLS = 100;
const TURNS = 5;
const MOST = 32;
/** Peers get as many: more would only take longer. */
const FEW = 8;
const SHORT_LIFETIME_MS = 1_000;
const USUAL_LIFETIME_MS = 3_600_000;
/** Long enough that every process meets the sign-in of the first. */
const PERSON_MS = 1_000;

export async function measureProcesses(
  server: ServerAddress,
  backends: Backends,
  signal: AbortSignal,
): Promise<SharedSessions> {
  const { directory, env } = backends;
  const windows = await startWindows({ count: MOST, directory, env, signal });
  const measured: SharedSessionResult[] = [];
  const failures: string[] = [];
  const measure = async (
    contender: SharingContender,
    store: SharedSessionResult['store'],
    numbers: readonly number[],
  ): Promise<void> => {
    if (signal.aborted) return;
    const start = performance.now();
    const group = new Group(server, contender, () => sessionOf(backends, store));
    try {
      const bursts: SharedBursts[] = [];
      for (const number of numbers) bursts.push(await group.bursts(windows.all.slice(0, number)));
      measured.push({ contender, store, bursts, cold: await group.coldStart(windows.all.slice(0, FEW)) });
    } catch (error) {
      const failure = `${contender}, ${store}: ${signal.aborted ? signal.reason : error}`;
      console.error(`  ${failure}`);
      failures.push(failure);
      await Promise.allSettled(windows.all.map((window) => window.ask({ type: 'close' })));
    }
    console.error(`  ${contender}, ${store}: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  };
  try {
    for (const store of backends.names) {
      if (store !== 'memory') await measure('oursV1', store, [1, FEW, MOST]);
    }
    await measure('oursV2', 'file', [FEW]);
    await measure('sdkV1Full', 'json', [FEW]);
    await measure('sdkV2', 'json', [FEW]);
    return { measured, failures };
  } finally {
    await windows.close();
  }
}

function sessionOf(backends: Backends, store: SharedSessionResult['store']): SharedSession {
  if (store !== 'json') return freshLocation(backends, store);
  return { kind: 'json', file: join(backends.directory, `${crypto.randomUUID()}.json`) };
}

/** Windows of one contender that share a session. */
class Group {
  readonly #server: ServerAddress;
  readonly #contender: SharingContender;
  readonly #fresh: () => SharedSession;

  constructor(server: ServerAddress, contender: SharingContender, fresh: () => SharedSession) {
    this.#server = server;
    this.#contender = contender;
    this.#fresh = fresh;
  }

  async bursts(windows: readonly Window[]): Promise<SharedBursts> {
    const isOurs = this.#contender.startsWith('ours');
    await this.#start(windows);
    const turns = isOurs ? await this.#turns(windows) : undefined;
    await control(this.#server, { revokeAccessTokens: true });
    const revocation = await this.#burst(windows);
    // Ours has lived through it; the session of a peer may be gone.
    if (!isOurs) await this.#start(windows);
    await this.#expire(windows);
    const expiry = await this.#burst(windows);
    await together(windows, { type: 'close' });
    return { expiry, revocation, ...(turns !== undefined && { turns }) };
  }

  async coldStart(windows: readonly Window[]): Promise<ColdStart> {
    const outcomes: Outcome[] = [];
    const { counts } = await observe(this.#server, async () => {
      outcomes.push(await together(windows, this.#open(PERSON_MS)));
      outcomes.push(await together(windows, { type: 'call', calls: 1 }));
    });
    await together(windows, { type: 'close' });
    const [opened = nothing(), called = nothing()] = outcomes;
    return {
      processes: windows.length,
      tabs: opened.tabs + called.tabs,
      registrations: counts['register'] ?? 0,
      working: windows.length - called.failed,
      ms: opened.ms,
      reasons: opened.reasons,
    };
  }

  /** The first window signs in, the others take what it stored. */
  async #start(windows: readonly Window[]): Promise<void> {
    const open = this.#open(0);
    worked(await together(windows.slice(0, 1), open));
    worked(await together(windows.slice(1), open));
    // The connections for a burst, one window after the other: of 3,200 in one moment a server drops some for seconds.
    for (const window of windows) worked(await together([window], { type: 'call', calls: CALLS }));
  }

  async #turns(windows: readonly Window[]): Promise<SharedTurns> {
    const [plain, revoked]: [number[], number[]] = [[], []];
    const { counts } = await observe(this.#server, async () => {
      for (let turn = 0; turn < TURNS; turn += 1) {
        const before = await together(windows, { type: 'call', calls: 1 });
        await control(this.#server, { revokeAccessTokens: true });
        const after = await together(windows, { type: 'call', calls: 1 });
        worked(before);
        worked(after);
        plain.push(before.ms);
        revoked.push(after.ms);
      }
    });
    return {
      processes: windows.length,
      turns: TURNS,
      refreshes: counts['token:refresh_token'] ?? 0,
      ms: median(revoked),
      plainMs: median(plain),
    };
  }

  async #burst(windows: readonly Window[]): Promise<SharedBurst> {
    let outcome = nothing();
    const { counts, familiesRevoked } = await observe(this.#server, async () => {
      outcome = await together(windows, { type: 'call', calls: CALLS });
    });
    const { failed, tabs, ms, reasons } = outcome;
    return {
      processes: windows.length,
      calls: CALLS * windows.length,
      failed,
      refreshes: counts['token:refresh_token'] ?? 0,
      tabs,
      familiesRevoked,
      ms,
      reasons,
    };
  }

  #open(personDelayMs: number): WindowCommand {
    return { type: 'open', contender: this.#contender, url: this.#server.url, session: this.#fresh(), personDelayMs };
  }

  /** Every window holds a token that the server and the window know to be over. */
  async #expire(windows: readonly Window[]): Promise<void> {
    await control(this.#server, { settings: { accessTokenTtlMs: SHORT_LIFETIME_MS }, revokeAccessTokens: true });
    // One after the other: this is not what is measured, and nobody is to come to harm.
    for (const window of windows) worked(await together([window], { type: 'call', calls: 1 }));
    await sleep(SHORT_LIFETIME_MS + 100);
    await control(this.#server, { settings: { accessTokenTtlMs: USUAL_LIFETIME_MS } });
  }
}

type Outcome = WindowReply & { readonly ms: number };

/** All at once, until the last one is done. */
async function together(windows: readonly Window[], command: WindowCommand): Promise<Outcome> {
  const start = performance.now();
  const replies = await Promise.all(windows.map((window) => window.ask(command)));
  const ms = performance.now() - start;
  const reasons: Record<string, number> = {};
  for (const [reason, count] of replies.flatMap((reply) => Object.entries(reply.reasons))) {
    reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  const sum = (of: (reply: WindowReply) => number) => replies.reduce((total, reply) => total + of(reply), 0);
  return { failed: sum(({ failed }) => failed), tabs: sum(({ tabs }) => tabs), reasons, ms };
}

function nothing(): Outcome {
  return { failed: 0, tabs: 0, reasons: {}, ms: Number.NaN };
}

/** What comes before a measurement has to work, or nothing is measured. */
function worked({ failed, reasons }: Outcome): void {
  if (failed > 0) throw new Error(`the windows did not come to the start: ${Object.keys(reasons).join('; ')}`);
}
