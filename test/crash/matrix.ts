import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuthProvider, isMcpOAuthError } from '../../src/index.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { atPlace, jobAt, killAt, type Place, providerAt } from './place.js';
import { endOf, type KillPoint } from './points.js';
import type { Ended, Program } from './processes.js';
import type { Job, Step } from './protocol.js';
import type { Outcome, Scenario } from './scenarios.js';

/** How many processes run at a time. */
const LANES = 5;
/** How long a start after a kill may take on a busy machine, in ms. */
const NEXT_START_MS = 8_000;
/** The same where the killed process had a lock but had not yet written into its file who has it: that is judged by its age. */
const NAMELESS_LOCK_MS = 16_000;
/** How many files one kill may leave for a later start to clear away. */
const LEFT_BEHIND = 2;

/** What came of one kill. `outcome` says what was wrong where it is none of those that are allowed. */
export interface Row {
  readonly killed: string;
  readonly outcome: string;
}

/** Runs the scenario without a kill, to learn its steps. */
export function learn(scenario: Scenario, program: Program): Promise<readonly Step[]> {
  return atPlace(async (place) => {
    await scenario.prepare(place, program);
    const { steps, outcome, errors } = await program.start(jobOf(scenario, place), scenario.person).ended;
    const wanted = { echo: 'status 200', create_issue: 'status 200', 'sign-in': 'signed in', 'sign-out': 'revoked' };
    if (outcome !== wanted[scenario.action]) throw new Error(`${outcome} ${errors}`);
    return steps;
  });
}

/** How a start went. */
export type Start = Pick<Ended, 'outcome' | 'tabs' | 'errors' | 'ms'>;

/** What starts after a kill: a process, or a provider in this one. */
export type StartNext = (place: Place, job: Job) => Promise<Start>;

/** Kills a process at each of the points, each time from the beginning, and tells how the next start went. */
export async function killAtEach(
  scenario: Scenario,
  program: Program,
  points: readonly KillPoint[],
  startNext: StartNext,
): Promise<Row[]> {
  const rows: Row[] = [];
  const queue = [...points.entries()];
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, { name }] = next;
      rows[index] = { killed: name, outcome: await killAndStart(scenario, program, name, startNext).catch(String) };
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return rows;
}

/** A new provider over the same directory, in this process: it starts in a fraction of the time. */
export async function startHere(place: Place, { action, clockOffsetMs }: Job): Promise<Start> {
  const began = performance.now();
  const tabs: string[] = [];
  const provider = providerAt(place, clockOffsetMs, tabs);
  try {
    const outcome = await callTool(provider, place, action).catch((error: unknown) =>
      isMcpOAuthError(error) ? error.code : String(error),
    );
    return { outcome, tabs: tabs.length, errors: '', ms: performance.now() - began };
  } finally {
    await provider.close();
  }
}

async function callTool(provider: AuthProvider, { server }: Place, name: string): Promise<string> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });
  return `status ${(await provider.fetch(server.url, { method: 'POST', body })).status}`;
}

/** What the rows have to be. */
export function expectedRows(scenario: Scenario, steps: readonly Step[], points: readonly KillPoint[]): Row[] {
  const turns = scenario.turns.map(({ after, outcome }) => ({ at: endOf(steps, after), outcome }));
  return points.map(({ name, at }) => ({
    killed: name,
    outcome: turns.findLast((turn) => turn.at <= at)?.outcome ?? scenario.first,
  }));
}

/** How often each outcome is among the rows, in words. */
export function summary(steps: readonly Step[], rows: readonly Row[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of rows) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const parts = [...counts].map(([outcome, count]) => `${count} × ${outcome}`);
  return `${rows.length} kills in ${steps.length} steps: ${parts.join('; ')}`;
}

const jobOf = ({ action, offsetMs, person }: Scenario, place: Place) =>
  jobAt(place, { action, clockOffsetMs: offsetMs, looksAbout: person !== undefined });

function killAndStart(scenario: Scenario, program: Program, point: string, startNext: StartNext): Promise<string> {
  return atPlace(async (place) => {
    const { server, directory } = place;
    await scenario.prepare(place, program);
    await killAt(program, { ...jobOf(scenario, place), killAt: point }, scenario.person);
    if (server.familiesRevoked > 0) return 'the killed process presented a rotated token';
    server.counts.reset();

    const action = scenario.action === 'create_issue' ? scenario.action : 'echo';
    const job = jobAt(place, { action, clockOffsetMs: scenario.nextOffsetMs, looksAbout: true });
    const boundMs = (await hasNamelessLock(directory)) ? NAMELESS_LOCK_MS : NEXT_START_MS;
    const next = await startNext(place, job);
    if (next.ms > boundMs) return `the next start took ${Math.round(next.ms)} ms`;
    const outcome = outcomeOf(next, place);
    const complaint = (await storeComplaint(directory)) ?? (await lastingComplaint(scenario, place, outcome));
    return complaint === undefined ? outcome : `${outcome}, but ${complaint}`;
  });
}

/** Whether the killed process had created a lock file and not yet written into it. */
async function hasNamelessLock(directory: string): Promise<boolean> {
  const files = await readdir(directory).catch(() => []);
  const locks = files.filter((file) => /\.lock(\.takeover)?$/.test(file));
  const texts = await Promise.all(locks.map((file) => readFile(join(directory, file), 'utf8')));
  return texts.some((text) => !text.endsWith('}\n'));
}

type Facts = Readonly<Record<string, string | number | undefined>>;

const NOTHING: Facts = {
  outcome: 'status 200',
  tabs: 0,
  codes: 0,
  refreshed: 0,
  refused: 0,
  familiesRevoked: 0,
  errors: '',
};
const TAB: Facts = { ...NOTHING, tabs: 1, codes: 1 };

const OUTCOMES: readonly (readonly [Outcome, Facts])[] = [
  ['it works at once', NOTHING],
  ['one refresh', { ...NOTHING, refreshed: 1 }],
  ['one sign-in', TAB],
  ['one sign-in, since the rotated token was lost', { ...TAB, refused: 1, familiesRevoked: 1 }],
  ['one sign-in, since the client was forgotten', { ...TAB, refused: 1 }],
  ['signed out', { ...NOTHING, outcome: 'signed_out' }],
];

/** Which of the ways it went; every fact counts. */
function outcomeOf({ outcome, tabs, errors }: Start, { server }: Place): string {
  const { counts, familiesRevoked } = server;
  const refreshed = counts.count('token:refresh_token', 200);
  const refused = counts.count('token:refresh_token') - refreshed;
  const codes = counts.count('token:authorization_code');
  const facts: Facts = { outcome, tabs, codes, refreshed, refused, familiesRevoked, errors };
  const found = OUTCOMES.find(([, allowed]) => Object.entries(allowed).every(([name, value]) => facts[name] === value));
  return found?.[0] ?? `something else: ${JSON.stringify(facts)}`;
}

/** What is wrong with the directory after a start that came to its end. */
async function storeComplaint(directory: string): Promise<string | undefined> {
  const files = await readdir(directory);
  if (files.some((file) => file.includes('.corrupt-'))) return `a file was corrupted: ${files}`;
  try {
    await new FileTokenStore({ directory, keyStorage: 'file' }).list('');
  } catch (error) {
    return `the store cannot be read: ${error}`;
  }
  const left = files.filter((file) => file !== 'key' && !/^[0-9a-f]{64}\.json$/.test(file));
  return left.length > LEFT_BEHIND ? `files pile up: ${left}` : undefined;
}

/** Whether the start after the next one is quiet: what is stored works, and an account that signed out comes back when it asks to. */
async function lastingComplaint(scenario: Scenario, place: Place, outcome: string): Promise<string | undefined> {
  const { server } = place;
  const isOut = outcome === 'signed out';
  server.counts.reset();
  const tabs: string[] = [];
  const provider = providerAt(place, scenario.nextOffsetMs, tabs);
  try {
    if (isOut) await provider.authorize();
    const status = await callTool(provider, place, 'echo');
    const refreshes = server.counts.count('token:refresh_token');
    if (status === 'status 200' && refreshes === 0 && tabs.length <= (isOut ? 1 : 0)) return undefined;
    return `the start after it had ${status}, ${tabs.length} tabs and ${refreshes} refreshes`;
  } finally {
    await provider.close();
  }
}
