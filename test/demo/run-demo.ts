import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundled } from '../support/bundled.js';

const LONGEST_RUN_MS = 50_000;

export interface DemoRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What it left in its directory for temporary files. */
  readonly leftBehind: readonly string[];
}

export interface DemoRunOptions {
  readonly env?: Record<string, string>;
  /** Called with all of the output so far whenever there is more of it. */
  readonly onOutput?: (output: string, running: { interrupt(): void }) => void;
}

/** The demo, ready to be run. */
export interface Demo {
  /** Runs it as a process of its own, without a terminal and without a place for a browser. */
  run(args: readonly string[], options?: DemoRunOptions): Promise<DemoRun>;
  close(): Promise<void>;
}

export async function buildDemo(): Promise<Demo> {
  const { path, close } = await bundled(new URL('../../examples/demo/main.ts', import.meta.url));
  return { run: (args, options) => run(path, args, options), close };
}

async function run(program: string, args: readonly string[], { env, onOutput }: DemoRunOptions = {}): Promise<DemoRun> {
  const temporary = await mkdtemp(join(tmpdir(), 'demo-test-'));
  const { DISPLAY, WAYLAND_DISPLAY, BROWSER, NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...inherited, ...env, TMPDIR: temporary, TEMP: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_RUN_MS,
    killSignal: 'SIGKILL',
  });
  try {
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      onOutput?.(stdout, { interrupt: () => void child.kill('SIGINT') });
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    return { code, stdout, stderr, leftBehind: await readdir(temporary) };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
