import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { freePort } from '../support/ports.js';
import { REDIS_SERVER } from './redis-program.js';

const START_TIMEOUT_MS = 10_000;

/** A client as the tests use it: an application's, with the listener that node-redis wants. */
export type TestClient = ReturnType<typeof newClient>;

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** A connected client; it is closed when the server stops. */
  client(): Promise<TestClient>;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port and in the same directory. */
  start(): Promise<void>;
  /** Ends it for good and removes what it stored. */
  stop(): Promise<void>;
}

/** Starts a Redis of its own on a free loopback port. `persistent`: every write is on the disk before it is answered. */
export async function startRedis({ persistent = false, args = [] as readonly string[] } = {}): Promise<RedisServer> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  const url = `redis://127.0.0.1:${port}`;
  const clients: TestClient[] = [];
  let child: ChildProcess | undefined;

  const client = async () => {
    const created = newClient(url);
    clients.push(created);
    await created.connect();
    return created;
  };
  const start = async () => {
    const durability = persistent ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...durability, ...args];
    const started = spawn(REDIS_SERVER, own, { stdio: 'ignore' });
    child = started;
    await Promise.race([answering(url), once(started, 'exit').then(() => Promise.reject(new Error('redis ended')))]);
  };
  const kill = async () => {
    const ended = child;
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return;
    ended.kill('SIGKILL');
    await once(ended, 'exit');
  };
  await start();
  return {
    port,
    url,
    client,
    kill,
    start,
    async stop() {
      for (const open of clients) if (open.isOpen) open.destroy();
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function newClient(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: () => 50, connectTimeout: 2_000 } });
  client.on('error', () => {});
  return client;
}

/** Resolves when Redis answers and has read what it stored. */
async function answering(url: string): Promise<void> {
  const end = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const probe = createClient({ url, socket: { reconnectStrategy: false } });
    probe.on('error', () => {});
    try {
      await probe.connect();
      await probe.ping();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      if (probe.isOpen) probe.destroy();
    }
  }
}
