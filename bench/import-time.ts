import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DIST_ENTRY } from './library.js';
import { type Estimate, estimate, ratios, shuffled } from './statistics.js';

/** Import time of an SDK's client with ours, relative to the client alone. */
export interface ImportTime {
  readonly ratio: Readonly<Record<'v1' | 'v2', Estimate>>;
  /** The SDK's client against itself. */
  readonly noise: Readonly<Record<'v1' | 'v2', Estimate>>;
  /** The same by CPU time, which other processes disturb less. */
  readonly cpuRatio: Readonly<Record<'v1' | 'v2', Estimate>>;
  /** Milliseconds. */
  readonly alone: Readonly<Record<'v1' | 'v2', Estimate>>;
  readonly together: Readonly<Record<'v1' | 'v2', Estimate>>;
}

const ROUNDS = 21;
const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const CLIENTS = {
  v1: ['@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/client/streamableHttp.js'],
  v2: ['@modelcontextprotocol/client'],
};

/** Each import in a fresh process without a loader; the time from the first import to the last, without the start of Node. */
export async function measureImportTime(signal: AbortSignal): Promise<ImportTime> {
  const arms = {
    aloneV1: CLIENTS.v1,
    togetherV1: [...CLIENTS.v1, DIST_ENTRY.href],
    againV1: CLIENTS.v1,
    aloneV2: CLIENTS.v2,
    togetherV2: [...CLIENTS.v2, DIST_ENTRY.href],
    againV2: CLIENTS.v2,
  };
  type Name = keyof typeof arms;
  const names = Object.keys(arms) as Name[];
  const empty = () => Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const wall = empty();
  const cpu = empty();
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const name of shuffled(names)) {
      const times = await importOnce(arms[name], signal);
      // The first round fills the file cache.
      if (round < 0) continue;
      wall[name].push(times.wall);
      cpu[name].push(times.cpu);
    }
  }
  return {
    ratio: { v1: ratios(wall.togetherV1, wall.aloneV1), v2: ratios(wall.togetherV2, wall.aloneV2) },
    noise: { v1: ratios(wall.againV1, wall.aloneV1), v2: ratios(wall.againV2, wall.aloneV2) },
    cpuRatio: { v1: ratios(cpu.togetherV1, cpu.aloneV1), v2: ratios(cpu.togetherV2, cpu.aloneV2) },
    alone: { v1: estimate(wall.aloneV1), v2: estimate(wall.aloneV2) },
    together: { v1: estimate(wall.togetherV1), v2: estimate(wall.togetherV2) },
  };
}

async function importOnce(modules: readonly string[], signal: AbortSignal): Promise<{ wall: number; cpu: number }> {
  const program = [
    'const start = performance.now(), cpuStart = process.cpuUsage();',
    ...modules.map((module) => `await import(${JSON.stringify(module)});`),
    'const wall = performance.now() - start, { user, system } = process.cpuUsage(cpuStart);',
    'process.stdout.write(JSON.stringify({ wall, cpu: (user + system) / 1_000 }));',
  ].join('\n');
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: ROOT,
    // The loader that runs this file must not be inherited.
    env: { ...process.env, NODE_OPTIONS: '' },
    signal,
  });
  return JSON.parse(stdout) as { wall: number; cpu: number };
}
