import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Backends } from './backends.js';
import type { ServerAddress } from './server-control.js';

export interface ServerProcess {
  readonly address: ServerAddress;
  close(): Promise<void>;
}

/** Starts the server of all measurements in a process of its own. */
export async function startServer(signal: AbortSignal): Promise<ServerProcess> {
  const child = start(new URL('./server.ts', import.meta.url), [], signal);
  const ended = exited(child);
  const address = (await firstMessage(child)) as ServerAddress;
  return {
    address,
    async close() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Runs one measurement of `part.ts` and gives its numbers when the process has ended by itself. */
export async function runPart<Result>(
  name: string,
  server: ServerAddress,
  signal: AbortSignal,
  backends?: Backends,
): Promise<Result> {
  const args = [name, server.url, server.controlUrl, ...(backends === undefined ? [] : [JSON.stringify(backends)])];
  const child = start(new URL('./part.ts', import.meta.url), args, signal, backends?.env);
  const [result] = await Promise.all([firstMessage(child), exited(child)]);
  return result as Result;
}

function start(
  file: URL,
  args: readonly string[],
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const options: ForkOptions = { signal, killSignal: 'SIGKILL', env: { ...process.env, ...env } };
  const child = fork(fileURLToPath(file), args, options);
  // Where the signal ends it; what waits for it learns from its exit.
  child.on('error', () => {});
  return child;
}

export function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

export function firstMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: NodeJS.Signals | null) => {
      child.off('message', onMessage);
      reject(new Error(`ended with ${signal ?? code} before it gave a result`));
    };
    const onMessage = (message: unknown) => {
      child.off('exit', onExit);
      resolve(message);
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}
