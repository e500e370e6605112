import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { playPerson } from '../../examples/servers/person.js';
import { bundled } from '../support/bundled.js';
import type { Job, Report, Step } from './protocol.js';

/** No process may take longer, in ms. */
const BOUND_MS = 25_000;

/** The child program as JavaScript, so that each process starts at once. */
export interface Program {
  start(job: Job, person?: Person): RunningProcess;
  remove(): Promise<void>;
}

/** Who sits at the browser: someone who signs in at once (default) or after a while (ms), or nobody. */
export type Person = number | 'nobody';

export interface RunningProcess {
  /** Resolves when a step with such a name has begun. */
  reached(step: RegExp): Promise<void>;
  kill(): void;
  /** What became of it, once it and the person at its browser are done. */
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly signal: NodeJS.Signals | null;
  /** How it went; `undefined` where it was killed before that. */
  readonly outcome: string | undefined;
  readonly tabs: number;
  readonly steps: readonly Step[];
  readonly ms: number;
  /** What it wrote to its error output; empty where all is well. */
  readonly errors: string;
}

/** Bundles the program. Built once for a test file. */
export async function buildProgram(): Promise<Program> {
  const { path, close } = await bundled(new URL('./child.ts', import.meta.url), 'inside');
  return { start: (job, person = 0) => start(path, job, person), remove: close };
}

function start(program: string, job: Job, person: Person): RunningProcess {
  const began = performance.now();
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, CRASH_JOB: JSON.stringify(job), NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: BOUND_MS,
    // Not the signal of the test's own kills.
    killSignal: 'SIGTERM',
  });
  const steps: Step[] = [];
  const visits: Promise<unknown>[] = [];
  const visit = async (url: string) => {
    if (person !== 'nobody') await playPerson(url, { delayMs: person });
  };
  const waiting = new Set<() => void>();
  let outcome: string | undefined;
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const report = JSON.parse(line) as Report;
    if (report.type === 'outcome') outcome = report.outcome;
    // The person's browser is no part of the process: it goes on when that is killed.
    else if (report.type === 'tab') visits.push(visit(report.url).catch(() => undefined));
    else steps.push(report.step);
    for (const look of waiting) look();
  });
  const exited = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    // Once everything that it wrote is read.
    child.once('close', (_, signal) => resolve(signal));
  });
  return {
    kill: () => void child.kill('SIGKILL'),
    reached: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!steps.some(({ name }) => wanted.test(name))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        const tooEarly = () => reject(new Error(`It ended before ${wanted}: ${outcome} ${errors}`));
        void exited.then(tooEarly, reject);
      }),
    ended: exited.then(async (signal) => {
      const ms = performance.now() - began;
      await Promise.all(visits);
      return { signal, outcome, tabs: visits.length, steps, ms, errors };
    }),
  };
}
