import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { systemCode } from '../http/index.js';
import { parseObject } from '../http/json.js';

/** Where only the process id can be looked at, a holder that was silent for so long is another process with the same id. In ms. */
const REUSED_AFTER_MS = 10 * 60_000;
/** States of a thread that has ended: it waits for its parent to notice, or not even that. */
const ENDED = new Set(['Z', 'X', 'x']);

/** Who holds a lock, as its file says. */
export interface Holder {
  /** Where the process id means something: a machine since its start and, on Linux, a namespace of process ids. */
  readonly machine: string;
  readonly pid: number;
  /** Linux only: the thread, and its start in ticks since the machine's, which tells it from a later one with the same ids. */
  readonly thread?: number;
  readonly started?: string;
}

/** The thread that calls. Where the machine has no name that other processes would find too, it gets one that nobody shares. */
export function thisHolder(platform: NodeJS.Platform = process.platform): Holder {
  const { pid } = process;
  try {
    if (platform !== 'linux') return { machine: placeOf(tmpdir()), pid };
    const machine = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
    const [process, , thread] = readlinkSync('/proc/thread-self').split('/').map(Number);
    const status = parseStatus(readFileSync('/proc/thread-self/stat', 'utf8'));
    // Another number means that /proc is that of another namespace.
    if (process === pid && thread !== undefined && status !== undefined) {
      return { machine, pid, thread, started: status.started };
    }
  } catch {
    // Then its locks are judged by their age, like those of other machines.
  }
  return { machine: randomUUID(), pid };
}

/** The text of a lock file. */
export function formatHolder(holder: Holder): string {
  return `${JSON.stringify(holder)}\n`;
}

/** Reads what {@link formatHolder} wrote; `undefined` where the text is not, or not yet, complete. */
export function parseHolder(text: string): Holder | undefined {
  const { machine, pid, thread, started } = parseObject(text) ?? {};
  if (typeof machine !== 'string' || !isId(pid)) return undefined;
  return { machine, pid, ...(isId(thread) && typeof started === 'string' && { thread, started }) };
}

/**
 * How long the holder must have been silent to count as dead, in ms: 0 where it is known to be dead, `Infinity` where it is
 * known to live, `staleMs` where nothing but its silence tells.
 */
export async function patienceWith(holder: Holder | undefined, self: Holder, staleMs: number): Promise<number> {
  if (holder?.machine !== self.machine) return staleMs;
  const status = await statusOf(holder);
  if (status !== undefined) return status.started === holder.started && !ENDED.has(status.state) ? Infinity : 0;
  return isRunning(holder.pid) ? REUSED_AFTER_MS : 0;
}

/** A directory that is local to the machine, by its number and its birth, which no two machines share. Names of machines change. */
function placeOf(directory: string): string {
  const { ino, birthtimeNs } = statSync(directory, { bigint: true });
  return `${ino} ${birthtimeNs}`;
}

interface Status {
  readonly state: string;
  readonly started: string;
}

async function statusOf({ pid, thread }: Holder): Promise<Status | undefined> {
  if (thread === undefined) return undefined;
  try {
    return parseStatus(await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @see {@link https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html | proc_pid_stat(5)}: the fields 3 and 22 */
function parseStatus(text: string): Status | undefined {
  // The name before them is in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields[0], fields[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}
