import { connect } from 'node:net';
import { answerWithin } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';

/** How long the bus may take to say its first word, in ms. */
const KNOCK_MS = 1_000;
/** What a client begins with. Whatever a bus thinks of it, it answers. */
const KNOCK = '\0AUTH\r\n';
const ABSENT = 'There is no D-Bus session to reach a Secret Service by: start one, or give another `store`.';
const SILENT = `The D-Bus session does not answer: nothing came within ${KNOCK_MS} ms. Restart it, or give another \`store\`.`;

/**
 * Sees to it that a D-Bus session bus answers, by which the Secret Service is reached. Native libraries connect while everything else in
 * the process stands still, and to a bus that never answers without a bound: such a one is not to be shown to them.
 *
 * @throws {McpOAuthError} `store_failed` where there is none, or it does not answer within 1 s
 * @see {@link https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol | D-Bus Specification, Authentication Protocol}
 */
export async function assertBus(env: NodeJS.ProcessEnv, clock: Clock): Promise<void> {
  const { DBUS_SESSION_BUS_ADDRESS: named = '', XDG_RUNTIME_DIR: runtime = '' } = env;
  if (named === '' && runtime === '') throw failure(ABSENT);
  const path = named === '' ? `${runtime}/bus` : socketPath(named);
  // Addresses of other kinds are rare, and the library's own matter.
  if (path !== undefined) await knock(path, clock);
}

async function knock(path: string, clock: Clock): Promise<void> {
  const socket = connect(path);
  try {
    const answer = new Promise<void>((resolve, reject) => {
      const onEnd = () => reject(failure(ABSENT));
      socket.once('data', () => resolve());
      socket.on('error', onEnd);
      socket.once('close', onEnd);
    });
    socket.write(KNOCK);
    const late = () => failure(SILENT);
    await answerWithin(answer, { clock, timeoutMs: KNOCK_MS, late });
  } finally {
    socket.destroy();
  }
}

/** The socket of an address such as `unix:path=/run/user/1000/bus,guid=…`. */
function socketPath(address: string): string | undefined {
  const [, kind, value] = /^unix:(path|abstract)=([^,;]+)(?:,[^;]*)?$/.exec(address) ?? [];
  if (value === undefined) return undefined;
  const path = value.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return kind === 'abstract' ? `\0${path}` : path;
}

function failure(message: string): McpOAuthError {
  return new McpOAuthError('store_failed', message, { stage: 'store' });
}
