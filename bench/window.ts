/**
 * One window of a program that others share a session with. It does what its parent says, and ends when the parent lets go.
 * It is bundled into one file, so that dozens of them start in seconds. Usage: window.mjs LIBRARY_URL
 */
import { type Installation, install } from './contenders.js';
import type { Connection } from './hosts.js';
import type { Library } from './library.js';
import { type OpenStore, openStore } from './store-locations.js';
import type { WindowCommand, WindowReply } from './window-messages.js';

interface OpenWindow {
  readonly installation: Installation;
  readonly opened?: OpenStore;
  connection?: Connection;
}

const library = (await import(process.argv[2] ?? '')) as Library;
// The SDKs warn for each failed refresh; what failed is counted.
console.warn = () => {};

let current: OpenWindow | undefined;

process.on('message', (command: WindowCommand) => {
  void run(command).then((reply) => process.send?.(reply));
});
process.once('disconnect', () => void close());
process.send?.('ready');

async function run(command: WindowCommand): Promise<WindowReply> {
  switch (command.type) {
    case 'open':
      await close();
      return attempt(1, async () => {
        current ??= await prepare(command);
        current.connection = await current.installation.start();
      });
    case 'call':
      return attempt(command.calls, async () => {
        if (current?.connection === undefined) throw new Error('the window is not connected');
        await current.connection.call('echo');
      });
    case 'close':
      return attempt(1, close);
  }
}

async function prepare({ contender, url, session, personDelayMs }: WindowCommand & { type: 'open' }) {
  if (session.kind === 'json') {
    return { installation: install(contender, library, url, { sharedFile: session.file, personDelayMs }) };
  }
  const opened = await openStore(library, session);
  return { installation: install(contender, library, url, { store: opened.store, personDelayMs }), opened };
}

/** Does it `times` times at once. */
async function attempt(times: number, work: () => Promise<void>): Promise<WindowReply> {
  const tabsBefore = current?.installation.tabs ?? 0;
  const outcomes = await Promise.allSettled(Array.from({ length: times }, work));
  const reasons: Record<string, number> = {};
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    const reason = explain(outcome.reason);
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  return { failed, tabs: Math.max(0, (current?.installation.tabs ?? 0) - tabsBefore), reasons };
}

/** An error with what it came of. */
function explain(error: unknown): string {
  const { cause, code } = (error ?? {}) as { cause?: unknown; code?: unknown };
  const own = `${String(error).slice(0, 160)}${typeof code === 'string' ? ` (${code})` : ''}`;
  return cause === undefined ? own : `${own} < ${explain(cause)}`;
}

async function close(): Promise<void> {
  const { connection, opened } = current ?? {};
  current = undefined;
  await connection?.close().catch(() => {});
  await opened?.close();
}
