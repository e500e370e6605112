import { type ChildProcess, fork } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { exited, firstMessage } from './children.js';
import { DIST_ENTRY } from './library.js';
import type { WindowCommand, WindowReply } from './window-messages.js';

/** A process that runs `window.ts`. */
export interface Window {
  ask(command: WindowCommand): Promise<WindowReply>;
}

export interface Windows {
  readonly all: readonly Window[];
  /** Resolves when every process has ended by itself. */
  close(): Promise<void>;
}

export interface WindowOptions {
  readonly count: number;
  /** Where the bundle is put. */
  readonly directory: string;
  /** Added to the environment of the processes. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Starts the processes and waits until all have loaded everything. */
export async function startWindows({ count, directory, env, signal }: WindowOptions): Promise<Windows> {
  const program = await bundle(directory);
  setMaxListeners(count + 10, signal);
  const children: { readonly child: ChildProcess; readonly ended: Promise<void> }[] = [];
  for (let index = 0; index < count; index += 1) {
    const child = fork(program, [DIST_ENTRY.href], {
      // The loader that runs this file must not be inherited.
      execArgv: [],
      env: { ...process.env, ...env, NODE_OPTIONS: '' },
      signal,
      killSignal: 'SIGKILL',
    });
    // Where the signal ends it; what waits for it learns from its exit.
    child.on('error', () => {});
    children.push({ child, ended: exited(child) });
  }
  const close = async () => {
    for (const { child } of children) if (child.connected) child.disconnect();
    await Promise.all(children.map(({ ended }) => ended));
  };
  try {
    await Promise.all(children.map(({ child }) => firstMessage(child)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    all: children.map(({ child }) => ({
      ask(command) {
        if (!child.connected) return Promise.reject(new Error('a window has ended'));
        const reply = firstMessage(child) as Promise<WindowReply>;
        child.send(command);
        return reply;
      },
    })),
    close,
  };
}

async function bundle(directory: string): Promise<string> {
  const outfile = join(directory, 'window.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./window.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // CommonJS packages in an ES module ask for it.
    banner: { js: "import { createRequire as of } from 'node:module'; const require = of(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}
