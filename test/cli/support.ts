import { PassThrough, Writable } from 'node:stream';
import type { World } from '../../src/cli/io.js';
import { run } from '../../src/cli/run.js';
import type { Clock } from '../../src/clock.js';
import type { StoreSystem } from '../../src/stores/default-store.js';
import type { FetchLike } from '../../src/types.js';
import { TestClock, until } from '../auth-provider/support.js';

/** A stream that keeps what was written to it. */
export class Sink extends Writable {
  text = '';
  readonly isTTY: boolean;
  columns = 100;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  hasColors(): boolean {
    return this.isTTY;
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** What is typed or piped into a command. */
export class Keyboard extends PassThrough {
  readonly isTTY: boolean;
  /** Whether single keys are read, as readline does on a terminal. */
  raw = false;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(raw: boolean): this {
    this.raw = raw;
    return this;
  }
}

export interface CommandOptions {
  readonly system: StoreSystem;
  /** Which streams are terminals. */
  readonly tty?: readonly ('stdin' | 'stdout' | 'stderr')[];
  readonly env?: NodeJS.ProcessEnv;
  readonly openBrowser?: (url: string) => unknown;
  /** What stdin holds; without it nothing ever comes. */
  readonly input?: string;
  readonly clock?: Clock;
  /** Carries every request; default: the real one. */
  readonly fetch?: FetchLike;
  readonly importModule?: (specifier: string) => Promise<unknown>;
}

/** A command under way. */
export interface Running {
  readonly stdin: Keyboard;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly clock: Clock;
  /** Ctrl-C. */
  interrupt(): void;
  readonly exitCode: Promise<number>;
}

/** What a command did. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const ON_A_TERMINAL = ['stdin', 'stdout', 'stderr'] as const;

/** Starts a command in this process. */
export function start(argv: readonly string[], options: CommandOptions): Running {
  const { tty = [], system, openBrowser, input, clock = new TestClock() } = options;
  const interruption = new AbortController();
  const stdin = new Keyboard(tty.includes('stdin'));
  const stdout = new Sink(tty.includes('stdout'));
  const stderr = new Sink(tty.includes('stderr'));
  if (input !== undefined) stdin.end(input);
  const interrupt = () => interruption.abort();
  const world: World = {
    stdin,
    stdout,
    stderr,
    env: options.env ?? {},
    platform: 'linux',
    signal: interruption.signal,
    interrupt,
    clock,
    system,
    version: '1.2.3',
    importModule: options.importModule ?? ((specifier) => import(specifier)),
    ...(openBrowser === undefined ? {} : { openBrowser }),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  };
  return { stdin, stdout, stderr, clock, interrupt, exitCode: run(argv, world) };
}

/** Runs a command to its end. */
export async function command(argv: readonly string[], options: CommandOptions): Promise<Outcome> {
  const running = start(argv, options);
  const exitCode = await running.exitCode;
  return { exitCode, stdout: running.stdout.text, stderr: running.stderr.text };
}

/** Lets the time pass in which more of a paste could come, again and again until `condition` holds. */
export async function paused({ clock }: Running, condition: () => boolean, what: string): Promise<void> {
  await until(() => {
    (clock as TestClock).advance(100);
    return condition();
  }, what);
}

/** The same until the command has ended; its exit code. */
export async function pausedToTheEnd(running: Running): Promise<number> {
  let over = false;
  const ended = running.exitCode.finally(() => {
    over = true;
  });
  await paused(running, () => over, 'the end');
  return ended;
}
