import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CostCase, TIME_LIMIT_MS } from './bounds-cases.js';
import { rawServer } from './raw-server.js';

/** What meeting a hostile server cost a process. */
export interface Cost {
  readonly name: string;
  readonly outcome: string;
  readonly ms: number;
  /** Of the process's time on the processors. */
  readonly cpuMs: number;
  /** By how much the peak of the process's memory rose, in MiB. */
  readonly peakMiB: number;
}

/** Meets the servers of the cases one after the other, in one process that does nothing else. */
export async function costsOf(cases: readonly CostCase[]): Promise<readonly Cost[]> {
  const servers = await Promise.all(cases.map(({ answer }) => rawServer((socket) => answer(socket))));
  try {
    const targets = cases.map(({ way }, index) => ({ way, url: servers[index]?.url }));
    const child = fileURLToPath(new URL('./bounds-child.ts', import.meta.url));
    const parameters = ['--import', 'tsx', child, JSON.stringify(targets), String(TIME_LIMIT_MS)];
    const { stdout } = await promisify(execFile)(process.execPath, parameters);
    return stdout
      .trim()
      .split('\n')
      .map((line, index) => ({
        name: cases[index]?.name ?? '',
        ...(JSON.parse(line) as Omit<Cost, 'name'>),
      }));
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}
