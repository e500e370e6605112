import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
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
  readonly onOutput?: (output: string, demo: { interrupt(): void }) => void;
}

/** Runs the demo as a process of its own, without a terminal and without a place for a browser. */
export async function runDemo(args: readonly string[], { env, onOutput }: DemoRunOptions = {}): Promise<DemoRun> {
  const temporary = await mkdtemp(join(tmpdir(), 'demo-test-'));
  const { DISPLAY, WAYLAND_DISPLAY, BROWSER, NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/main.ts', ...args], {
    cwd: ROOT,
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
    // The loader of the TypeScript keeps a cache of its own there.
    const leftBehind = (await readdir(temporary)).filter((name) => !name.startsWith('tsx-'));
    return { code, stdout, stderr, leftBehind };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
