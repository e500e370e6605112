/**
 * Measures this library beside the SDKs' own auth, in one run and against one server, and prints a table.
 * Ends by itself within two minutes; exits 0 whatever the numbers are, and 1 where something could not be measured.
 *
 * Usage: run.ts [--markdown] [--json FILE]
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { runPart, startServer } from './children.js';
import { measureImportTime } from './import-time.js';
import { countPackages } from './packages.js';
import { renderMarkdown, renderTable } from './render.js';
import type { Results } from './results.js';
import type { ServerAddress } from './server-control.js';

const DEADLINE_MS = 110_000;

const { values } = parseArgs({
  options: { markdown: { type: 'boolean', default: false }, json: { type: 'string' } },
});

const deadline = new AbortController();
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
    try {
      Object.assign(results, await step(name, () => work(server.address)));
    } catch (error) {
      results.failures.push(`${name}: ${(signal.aborted ? signal.reason : error) as Error}`);
    }
  };
  try {
    await measure('added time', async (address) => ({ addedTime: await runPart('added-time', address, signal) }));
    await measure('loopback', async (address) => ({ loopbackRatio: await runPart('loopback-ratio', address, signal) }));
    await measure('import time', async () => ({ importTime: await measureImportTime(signal) }));
    await measure('requests', async (address) => ({ requests: await runPart('requests', address, signal) }));
    await measure('concurrency', async (address) => ({ concurrency: await runPart('concurrency', address, signal) }));
    await measure('packages', async () => ({ packages: await countPackages() }));
  } finally {
    await server.close();
  }
  machine.load.push(load());
  return results;
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
