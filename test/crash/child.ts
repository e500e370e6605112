// The program that is killed: one provider over a directory, one thing done with it, reported as lines of JSON.
import fs from 'node:fs';
import { type Clock, systemClock } from '../../src/clock.js';
import { createAuthProvider, isMcpOAuthError } from '../../src/index.js';
import type { Job, Report } from './protocol.js';
import { Steps, WatchedStore, watchCallbacks, watchedFetch, watchFiles } from './steps.js';

const job = JSON.parse(process.env['CRASH_JOB'] ?? '{}') as Job;
// At once: what was reported has arrived when the process is killed.
const report = (line: Report) => void fs.writeSync(1, `${JSON.stringify(line)}\n`);
const isLook = (ms: number) => ms > 100 && ms <= 1_000;
const clock: Clock = {
  now: () => Date.now() + (job.clockOffsetMs ?? 0),
  schedule: (ms, fn, options) => systemClock.schedule(isLook(ms) && job.looksAbout !== true ? 60_000 : ms, fn, options),
};

const steps = new Steps(job.directory, job.killAt, (step) => report({ type: 'step', step }));
watchFiles(steps);
watchCallbacks(steps);

const provider = createAuthProvider({
  serverUrl: job.serverUrl,
  clientMetadata: { client_name: 'Crash' },
  store: new WatchedStore({ directory: job.directory, keyStorage: 'file', clock }, steps),
  fetch: watchedFetch(steps),
  clock,
  timeouts: { signIn: 20_000 },
  openBrowser: (url) => steps.run('open the browser', true, async () => report({ type: 'tab', url })),
});

async function call(tool: string): Promise<string> {
  const response = await provider.fetch(job.serverUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } }),
  });
  await response.text();
  return `status ${response.status}`;
}

async function act(): Promise<string> {
  switch (job.action) {
    case 'sign-in':
      return (await provider.authorize()).signedIn ? 'signed in' : 'not signed in';
    case 'sign-out':
      return (await provider.signOut()).revoked ? 'revoked' : 'not revoked';
    default:
      return call(job.action);
  }
}

const outcome = await act().catch((error: unknown) => (isMcpOAuthError(error) ? error.code : String(error)));
await provider.close();
report({ type: 'outcome', outcome });
