#!/usr/bin/env node
import { createRequire } from 'node:module';
import { systemClock } from '../clock.js';
import { hostSystem } from '../stores/default-store.js';
import { EXIT } from './exit-code.js';
import { run } from './run.js';

/** How long the command may take to end after it was interrupted, in ms. */
const GRACE_MS = 2_000;

const interruption = new AbortController();
const interrupt = () => {
  // Whoever presses Ctrl-C again does not want to wait for what hangs.
  if (interruption.signal.aborted) process.exit(EXIT.interrupted);
  interruption.abort();
  setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref();
};
process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') {
      // Whoever read the pipe has gone (`2>&1 | head`): a wait of which nobody sees anything any more ends.
      if (stream === process.stderr && !interruption.signal.aborted) interrupt();
      return;
    }
    if (stream === process.stdout) process.stderr.write(`error: the output could not be written (${code}).\n`);
    process.exit(EXIT.failure);
  });
}

const { version } = createRequire(import.meta.url)('mcp-oauth-client/package.json') as { version: string };
process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  platform: process.platform,
  signal: interruption.signal,
  interrupt,
  clock: systemClock,
  system: hostSystem,
  version,
  importModule: (specifier) => import(specifier),
});
