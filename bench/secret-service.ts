import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export const DBUS_RUN_SESSION = '/usr/bin/dbus-run-session';
export const GNOME_KEYRING = '/usr/bin/gnome-keyring-daemon';

const START_TIMEOUT_MS = 10_000;

/** Unlocks a keyring with an empty password, says where the bus is, and ends all of it with its standard input. */
const SCRIPT = `
printf '\\n' | "$1" --foreground --unlock --components=secrets >/dev/null 2>&1 &
daemon=$!
printf '%s\\n' "$DBUS_SESSION_BUS_ADDRESS"
cat >/dev/null
kill "$daemon"
wait "$daemon"
`;

export interface SecretService {
  /** For `DBUS_SESSION_BUS_ADDRESS`. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts a bus and a Secret Service of its own, which keeps everything below `directory`. */
export async function startSecretService(directory: string): Promise<SecretService> {
  const home = join(directory, 'secret-service');
  await mkdir(home, { mode: 0o700 });
  const child = spawn(DBUS_RUN_SESSION, ['--', 'sh', '-c', SCRIPT, 'sh', GNOME_KEYRING], {
    env: { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: home, XDG_RUNTIME_DIR: home },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  const close = async () => {
    child.stdin.end();
    await ended;
  };
  try {
    return { address: await firstLine(child), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function firstLine(child: ChildProcessByStdio<Writable, Readable, null>): Promise<string> {
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  let text = '';
  for (;;) {
    const [chunk] = await Promise.race([
      once(child.stdout, 'data', { signal }),
      once(child, 'exit', { signal }).then(() => Promise.reject(new Error('the session bus ended'))),
    ]);
    text += String(chunk);
    const line = text.split('\n')[0];
    if (text.includes('\n') && line !== undefined) return line;
  }
}
