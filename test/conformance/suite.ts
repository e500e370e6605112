import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Check, Observation } from './expectations.js';

/** Which of the two MCP SDKs the client under test uses. */
export type Sdk = 'v2' | 'v1';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const RUNNER = fileURLToPath(new URL('./runner/', import.meta.url));
const CLIENT = fileURLToPath(new URL('./client.ts', import.meta.url));
/** Without the project's `paths`: the client gets the built package, as a user does, and not its source. */
const CLIENT_ENVIRONMENT = { TSX_TSCONFIG_PATH: join(RUNNER, 'tsconfig.json') };
const CLIENT_TIMEOUT_MS = 20_000;
/** The suite ends a shell and not the client in it, and then waits: it needs a bound of its own. */
const SCENARIO_TIMEOUT_MS = 30_000;

/** v1 cannot speak the stateless wire of 2026-07-28, which is the default of the newer scenarios. */
const SUITE_ARGUMENTS: Readonly<Record<Sdk, readonly string[]>> = {
  v2: [],
  v1: ['--spec-version', '2025-11-25', '--force'],
};

/** The installed suite, ready to be run. */
export interface Suite {
  readonly version: string;
  /** The names of all `auth/*` client scenarios, in the suite's order. */
  readonly scenarios: readonly string[];
  run(scenario: string, sdk: Sdk): Promise<Observation>;
}

/** Installs the suite where it is missing or stale, and finds a Node that can run it. */
export async function openSuite(): Promise<Suite> {
  if (!existsSync(join(PROJECT, 'dist', 'index.js'))) throw new Error('dist/ is missing: run `npm run build` first.');
  const ownNodeWillDo = Number.parseInt(process.versions.node, 10) >= 22;
  await installRunner(ownNodeWillDo);

  const node = ownNodeWillDo ? process.execPath : nestedNode();
  const root = join(RUNNER, 'node_modules', 'conformance');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const program = [join(root, 'dist', 'index.js')];
  const list = await execute(node, [...program, 'list', '--client']);
  const scenarios = [...list.stdout.matchAll(/^\s*- (auth\/\S+)/gm)].map((match) => match[1] ?? '');
  if (list.code !== 0 || scenarios.length === 0) throw new Error(`The suite lists no auth scenarios.\n${list.stderr}`);
  return { version, scenarios, run: (scenario, sdk) => runScenario(node, program, scenario, sdk) };
}

/** `npm ci` in the runner's folder, unless what is installed there comes from the same lockfile. */
export async function installRunner(ownNodeWillDo: boolean): Promise<void> {
  const lock = await readFile(join(RUNNER, 'package-lock.json'));
  const wanted = `${createHash('sha256').update(lock).digest('hex')} ${ownNodeWillDo ? 'without' : 'with'} node`;
  const stamp = join(RUNNER, 'node_modules', '.installed');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return;

  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  // The optional packages are builds of Node.
  if (ownNodeWillDo) options.push('--omit=optional');
  const npm = await execute('npm', ['ci', ...options], { cwd: RUNNER, timeoutMs: 300_000 });
  if (npm.code !== 0) throw new Error(`npm ci failed in test/conformance/runner.\n${npm.stderr}${npm.stdout}`);
  await writeFile(stamp, wanted);
}

/** The suite needs Node 22; older ones bring a newer binary along, which is called by its path and by nothing else. */
function nestedNode(): string {
  const windows = process.platform === 'win32';
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`;
  const path = join(RUNNER, 'node_modules', name, 'bin', windows ? 'node.exe' : 'node');
  if (existsSync(path)) return path;
  throw new Error(
    `The conformance suite needs Node 22 or later, and the runner has no ${name}: start it with Node >= 22.`,
  );
}

async function runScenario(node: string, program: string[], scenario: string, sdk: Sdk): Promise<Observation> {
  const output = await mkdtemp(join(tmpdir(), 'conformance-'));
  // The client runs on the project's Node, whichever runs the suite. The suite hands the command to a shell.
  const command = `"${process.execPath}" --import tsx "${CLIENT}" ${sdk}`;
  const options = ['--scenario', scenario, '--command', command, '--timeout', `${CLIENT_TIMEOUT_MS}`, '-o', output];
  try {
    const run = await execute(node, [...program, 'client', ...options, ...SUITE_ARGUMENTS[sdk]], {
      env: CLIENT_ENVIRONMENT,
    });
    const exit = /^Client exited with code (-?\d+)$/m.exec(run.stderr)?.[1];
    return {
      checks: JSON.parse((await resultFile(output, 'checks.json')) || '[]') as Check[],
      suiteExitCode: run.code,
      clientExitCode: exit === undefined ? 0 : Number(exit),
      timedOut: run.timedOut || /^Client timed out after/m.test(run.stderr),
      clientStderr: await resultFile(output, 'stderr.txt'),
      suiteStderr: run.stderr,
    };
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

/** The suite writes its results into a folder named after the scenario and the time. */
async function resultFile(directory: string, name: string): Promise<string> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const file = files.find((entry) => entry.isFile() && entry.name === name);
  return file === undefined ? '' : readFile(join(file.parentPath, name), 'utf8');
}

interface Execution {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs a program to its end, bounded in time. It leads a process group, so that what it started ends with it. */
function execute(
  program: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number; env?: Readonly<Record<string, string>> } = {},
): Promise<Execution> {
  const { cwd = PROJECT, timeoutMs = SCENARIO_TIMEOUT_MS } = options;
  const env = { ...process.env, ...options.env };
  const windows = process.platform === 'win32';
  return new Promise((resolve, reject) => {
    // On Windows npm is a script, which only a shell starts.
    const shell = windows && program === 'npm';
    const child = spawn(program, args, { cwd, env, shell, detached: !windows, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const kill = (): void => {
      if (windows || child.pid === undefined) child.kill();
      else process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      process.removeListener('exit', kill);
    };
    process.on('exit', kill);
    child.on('error', (error) => {
      settle();
      reject(error);
    });
    child.on('close', (code) => {
      settle();
      resolve({ code: code ?? 1, stdout, stderr, timedOut });
    });
  });
}
