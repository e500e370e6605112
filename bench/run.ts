/**
 * Measures this library beside the SDKs' own auth and mcp-remote, in one run and against one server, and prints a table.
 * Ends by itself within twelve minutes, usually ten; exits 0 whatever the numbers are, and 1 where something could not be measured.
 *
 * Usage: run.ts [--markdown] [--json FILE] [--only NAME,NAME] [--sessions N]
 * `--only` leaves the other measurements out; `--sessions` is the size of the simulated fleet, which takes minutes with 100,000.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type Backends, startBackends } from './backends.js';
import { missingForBridges } from './bridge-programs.js';
import { measureBridges } from './bridges.js';
import { runPart, startServer } from './children.js';
import { measureFleet } from './fleet.js';
import { measureImportTime } from './import-time.js';
import { loadLibrary } from './library.js';
import { measureMachine } from './machine.js';
import { countPackages } from './packages.js';
import { measureProcesses } from './processes.js';
import { renderMarkdown, renderTable } from './render.js';
import type { Results } from './results.js';
import type { ServerAddress } from './server-control.js';
import { measureSignIn, missingForSignIn } from './sign-in.js';

const DEADLINE_MS = 720_000;

const { values } = parseArgs({
  options: {
    markdown: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string' },
    sessions: { type: 'string', default: '4000' },
  },
});

const only = values.only?.split(',');
const deadline = new AbortController();
// Ended from outside, it still ends what it started.
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => deadline.abort(new Error(`it was ended by ${name}`)));
}
const timer = setTimeout(() => deadline.abort(new Error('the time was over')), DEADLINE_MS);
try {
  const results = await measureAll(deadline.signal);
  console.log(values.markdown ? renderMarkdown(results) : renderTable(results));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (results.failures.length > 0) process.exitCode = 1;
} finally {
  clearTimeout(timer);
}

async function measureAll(signal: AbortSignal): Promise<Results> {
  const load = () => loadavg()[0] ?? Number.NaN;
  const { length: cores, 0: cpu } = cpus();
  const machine = { node: process.versions.node, cpu: cpu?.model.trim() ?? 'unknown', cores, load: [load()] };
  const results: Results = { machine, failures: [] };

  await step('build', () => build(signal));
  const server = await startServer(signal);
  // One after the other: whatever is timed has the machine to itself, as far as it is ours to say.
  const measure = async (name: string, work: (address: ServerAddress) => Promise<Partial<Results>>) => {
    if (only !== undefined && !only.includes(name)) return;
    try {
      Object.assign(results, await step(name, () => work(server.address)));
    } catch (error) {
      results.failures.push(`${name}: ${(signal.aborted ? signal.reason : error) as Error}`);
    }
  };
  try {
    await measure('added time', async (address) => ({ addedTime: await runPart('added-time', address, signal) }));
    await measure('loopback', async (address) => ({ loopbackRatio: await runPart('loopback-ratio', address, signal) }));
    await measure('address rule', async (address) => ({ addressCost: await runPart('address-cost', address, signal) }));
    await measure('import time', async () => ({ importTime: await measureImportTime(signal) }));
    await measure('requests', async (address) => ({ requests: await runPart('requests', address, signal) }));
    await measure('concurrency', async (address) => ({ concurrency: await runPart('concurrency', address, signal) }));
    await measure('cancel', async (address) => ({ cancel: await runPart('cancel', address, signal) }));
    await measure('machines', async () => ({ machines: await measureMachine(signal) }));
    await measure('sign-in', async () => {
      const missing = missingForSignIn();
      return { signIn: missing === undefined ? await measureSignIn(signal) : { missing } };
    });
    await measure('bridges', async (address) => {
      const missing = missingForBridges();
      if (missing !== undefined) return { bridges: { missing } };
      const { measured, failures } = await measureBridges(address, signal);
      results.failures.push(...failures.map((failure) => `bridges: ${failure}`));
      return { bridges: measured };
    });
    await measure('packages', async () => ({ packages: await countPackages() }));
    await measure('fleet', async () => {
      const sessions = Number(values.sessions);
      return { fleet: await measureFleet(await loadLibrary(), signal, { sessions }) };
    });
    await withBackends(results, async (backends) => {
      await measure('hot path', async (address) => ({ hotPath: await runPart('hot-path', address, signal, backends) }));
      await measure('stores', async (address) => ({ stores: await runPart('stores', address, signal, backends) }));
      await measure('processes', async (address) => {
        const { measured, failures } = await measureProcesses(address, backends, signal);
        results.failures.push(...failures.map((failure) => `processes: ${failure}`));
        return { processes: measured };
      });
    });
  } finally {
    await server.close();
  }
  machine.load.push(load());
  return results;
}

async function withBackends(results: Results, work: (backends: Backends) => Promise<void>): Promise<void> {
  const running = await startBackends().catch((error: unknown) => {
    results.failures.push(`stores: what they need did not start: ${error}`);
  });
  if (running === undefined) return;
  results.missing = running.backends.missing;
  try {
    await work(running.backends);
  } finally {
    await running.close();
  }
}

async function build(signal: AbortSignal): Promise<void> {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd, signal, shell: process.platform === 'win32' });
}

/** Says on stderr what is going on; stdout is for the table. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    console.error(`${name}: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  }
}
