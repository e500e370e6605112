import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundled } from '../support/bundled.js';

/** An example, ready to be started often. */
export interface BuiltExample {
  /** What Node runs. */
  readonly program: string;
  start(args: readonly string[], env: Readonly<Record<string, string>>): RunningExample;
  close(): Promise<void>;
}

/** Builds `examples/<name>/main.ts` with this package by its name; every other package is the installed one. */
export async function buildExample(name: string): Promise<BuiltExample> {
  const { path: program, close } = await bundled(new URL(`../../examples/${name}/main.ts`, import.meta.url));
  return { program, start: (args, env) => start(program, args, env), close };
}

/** A machine without keychain, display and session. */
export interface Machine {
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

export async function newMachine(): Promise<Machine> {
  const home = await mkdtemp(join(tmpdir(), 'example-'));
  return {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, XDG_DATA_HOME: home, APPDATA: home },
    close: () => rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  };
}

/** An example as a process of its own. */
export interface RunningExample {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number | null>;
  close(): Promise<void>;
}

function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): RunningExample {
  const child = spawn(process.execPath, [program, ...args], { env, stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    output,
    ended,
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Waits for what another process does; at most 20 s, which it takes where many start at once. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what} did not come`);
}

/** The URL that the text says to open. */
export const urlIn = (text: string): string | undefined => /open (http\S+)/.exec(text)?.[1];
