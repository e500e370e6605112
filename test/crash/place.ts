import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type RotatingServer,
  type RotatingServerOptions,
  startRotatingServer,
} from '../../examples/servers/rotating-server.js';
import { systemClock } from '../../src/clock.js';
import { type AuthProvider, createAuthProvider } from '../../src/index.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import type { Ended, Person, Program } from './processes.js';
import type { Job } from './protocol.js';

/** A server and a directory of one's own. */
export interface Place {
  readonly server: RotatingServer;
  readonly directory: string;
}

/** Works at a place that is gone afterwards. */
export async function atPlace<T>(work: (place: Place) => Promise<T>, options: RotatingServerOptions = {}): Promise<T> {
  const parent = await mkdtemp(join(tmpdir(), 'crash-'));
  const server = await startRotatingServer(options);
  try {
    return await work({ server, directory: join(parent, 'sessions') });
  } finally {
    await server.close();
    await rm(parent, { recursive: true, force: true });
  }
}

/** What a process is told, at this place. */
export const jobAt = ({ server, directory }: Place, more: Partial<Job> = {}): Job => ({
  serverUrl: server.url,
  directory,
  action: 'echo',
  ...more,
});

/** Runs a process that has to die at `killAt`. */
export async function killAt(program: Program, job: Job, person?: Person): Promise<Ended> {
  const ended = await program.start(job, person).ended;
  if (ended.signal === 'SIGKILL') return ended;
  throw new Error(`It was not killed at ${job.killAt}: ${ended.signal} ${ended.outcome} ${ended.errors}`);
}

/** A provider in this process, with a person who signs in at once. */
export function providerAt({ server, directory }: Place, offsetMs = 0, tabs: string[] = []): AuthProvider {
  const clock = { ...systemClock, now: () => Date.now() + offsetMs };
  return createAuthProvider({
    serverUrl: server.url,
    clientMetadata: { client_name: 'Crash' },
    store: new FileTokenStore({ directory, keyStorage: 'file', clock }),
    fetch: (input, init) => fetch(input, init),
    clock,
    timeouts: { signIn: 10_000 },
    async openBrowser(url) {
      tabs.push(url);
      await (await fetch(url)).text();
    },
  });
}

/** Somebody has signed in. */
export async function signedIn(place: Place): Promise<void> {
  const provider = providerAt(place);
  await provider.authorize();
  await provider.close();
}

/** Further than the access token of {@link expired} lives, in ms. */
export const EXPIRED_MS = 5_000;

/** Somebody has signed in, and by a clock that is {@link EXPIRED_MS} ahead the access token is over. The next ones live long. */
export async function expired(place: Place): Promise<void> {
  const { settings } = place.server;
  const { accessTokenTtlMs } = settings;
  settings.accessTokenTtlMs = 1;
  await signedIn(place);
  settings.accessTokenTtlMs = accessTokenTtlMs;
}
