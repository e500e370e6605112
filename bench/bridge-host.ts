import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { playPerson } from '../examples/servers/person.js';
import { bridgeEnvironment } from './bridge-programs.js';
import { type Connection, connectV1 } from './hosts.js';

/** A bridge that a host has started. */
export interface Bridge extends Connection {
  /** Resident memory of its process, in MiB. */
  memory(): Promise<number>;
}

export interface BridgeOptions {
  readonly program: string;
  readonly url: string;
  /** Where it keeps what it stores. */
  readonly home: string;
  /** How long the person takes until the page is opened, in ms; default 0. */
  readonly personDelayMs?: number;
  /** It has asked the person for a sign-in. */
  readonly onSignIn?: () => void;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

/** A bridge that has not answered by then has failed; ms. */
const START = { timeout: 20_000 };
const CALL = { timeout: 10_000 };
const SIGN_IN_URL = /https?:\/\/\S+\/authorize\?\S+/g;

/** Starts a bridge as a host does, and connects through it; the person does what its stderr says. */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const { program, url, home, personDelayMs = 0, onSignIn, signal } = options;
  signal.throwIfAborted();
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program, url],
    env: bridgeEnvironment(home),
    stderr: 'pipe',
  });
  const person = new AbortController();
  // One for each tab, and there are bridges that open dozens.
  setMaxListeners(0, person.signal);
  const opened = new Set<string>();
  let notices = '';
  transport.stderr?.on('data', (chunk) => {
    notices += String(chunk);
    // What is not followed by anything yet may go on.
    for (const [found] of notices.slice(0, notices.lastIndexOf('\n') + 1).matchAll(SIGN_IN_URL)) {
      if (opened.has(found)) continue;
      opened.add(found);
      onSignIn?.();
      playPerson(found, { delayMs: personDelayMs, signal: person.signal }).catch(() => undefined);
    }
  });
  const kill = () => {
    try {
      if (transport.pid !== null) process.kill(transport.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  signal.addEventListener('abort', kill, { once: true });
  const close = async () => {
    signal.removeEventListener('abort', kill);
    person.abort();
    await transport.close();
  };
  try {
    const connection = await connectV1(transport, START, CALL);
    return {
      call: (tool) => connection.call(tool),
      memory: () => residentMemory(transport.pid),
      close,
    };
  } catch (error) {
    await close();
    const lines = notices.trim().split('\n');
    const last = (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1))?.slice(0, 160);
    throw new Error(`${String(error).slice(0, 160)}; it said: ${last}`, { cause: error });
  }
}

async function residentMemory(pid: number | null): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error('The system does not say how much memory a process has.');
  return Number(kib) / 1_024;
}
