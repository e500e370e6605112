import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Debian's programs of a Secret Service without a desktop. */
export const DBUS_DAEMON = '/usr/bin/dbus-daemon';
export const DBUS_SEND = '/usr/bin/dbus-send';
export const GNOME_KEYRING = '/usr/bin/gnome-keyring-daemon';

const START_TIMEOUT_MS = 10_000;
const run = promisify(execFile);

/** A session bus with a Secret Service of its own, as one user's login has it. */
export interface SecretService {
  /** The environment of a program in that session. */
  readonly env: NodeJS.ProcessEnv;
  /** Locks the keyring as a screen lock may. */
  lock(): Promise<void>;
  /** Lets it stand still, as one does whose dialog nobody answers, and go on. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts both. Not `unlocked`: as in a session without a login, where no keyring was ever created. */
export async function startSecretService({ unlocked = true } = {}): Promise<SecretService> {
  const home = await mkdtemp(join(tmpdir(), 'secret-service-'));
  const runtime = join(home, 'run');
  await mkdir(runtime, { mode: 0o700 });
  const own = { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: join(home, 'data'), XDG_RUNTIME_DIR: runtime };
  const bus = spawn(DBUS_DAEMON, ['--session', '--nofork', '--print-address=1'], {
    env: own,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const started: ChildProcess[] = [bus];
  const stop = async () => {
    for (const child of started.reverse()) await end(child);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const [address] = await once(bus.stdout, 'data', { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
    const env = { ...own, DBUS_SESSION_BUS_ADDRESS: String(address).trim() };
    const options = unlocked ? ['--unlock'] : [];
    const keyring = spawn(GNOME_KEYRING, ['--foreground', '--components=secrets', ...options], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    started.push(keyring);
    // The password of the keyring is empty.
    keyring.stdin.end('\n');
    await named(env);
    return {
      env,
      stop,
      pause: () => void keyring.kill('SIGSTOP'),
      resume: () => void keyring.kill('SIGCONT'),
      async lock() {
        const collection = 'array:objpath:/org/freedesktop/secrets/collection/login';
        const method = 'org.freedesktop.Secret.Service.Lock';
        await send(env, 'org.freedesktop.secrets', '/org/freedesktop/secrets', method, collection);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends it, also where it stands still. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Waits for the service's name on the bus; to ask the service itself would make the bus start another one. */
async function named(env: NodeJS.ProcessEnv): Promise<void> {
  const limit = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const name = 'string:org.freedesktop.secrets';
    const answer = await send(env, 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner', name);
    if (answer.includes('true')) return;
    if (Date.now() > limit) throw new Error('the Secret Service did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function send(env: NodeJS.ProcessEnv, to: string, path: string, method: string, argument: string) {
  const args = ['--session', '--print-reply', '--reply-timeout=5000', `--dest=${to}`, path, method, argument];
  return (await run(DBUS_SEND, args, { env })).stdout;
}
