import { existsSync } from 'node:fs';
import type { RedisTokenStore, TokenManager, TokenStore } from '../src/index.js';
import { REDIS_SERVER } from '../test/system/redis-program.js';
import { type RedisServer, startRedis, type TestClient } from '../test/system/redis-server.js';
import { ACCOUNT, type StoredSession } from './fleet-sign-in.js';
import type { Library } from './library.js';

/** What sessions take in Redis, in bytes. */
export interface RedisFigures {
  readonly sessions: number;
  /** Length of the key and of the stored text, as the session was before and as it lies there. */
  readonly record: number;
  readonly stored: number;
  /** Growth of `used_memory` for one session. */
  readonly perSession: number;
  /** `MEMORY USAGE` of its one key. */
  readonly ofKey: number;
  /** Growth of `used_memory` for the fence that a lock leaves behind for five minutes. */
  readonly perFence: number;
}

export interface RedisResult {
  readonly version: string;
  readonly plain: RedisFigures;
  readonly encrypted: RedisFigures;
  /** How many commands a provider sends; `adoption`: it finds another instance's new tokens. */
  readonly commands: {
    /** The first call of a provider. */
    readonly firstRead: number;
    /** Each further one, while the token is fresh. */
    readonly freshToken: number;
    readonly refresh: number;
    readonly adoption: number;
  };
}

const SESSIONS = 10_000;
const LIFETIME_MS = 2 * 3_600_000;
const AT_ONCE = 200;
const SAMPLES = 200;

/** In a real Redis, through `RedisTokenStore`; `undefined` where there is no Redis to start. */
export async function measureRedis(library: Library, session: StoredSession): Promise<RedisResult | undefined> {
  if (!existsSync(REDIS_SERVER)) return undefined;
  const server = await startRedis();
  try {
    const client = await server.client();
    const encryptionKey = crypto.getRandomValues(new Uint8Array(32));
    const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown';
    const plain = await fill(client, new library.RedisTokenStore({ client }), session);
    const encrypted = await fill(client, new library.RedisTokenStore({ client, encryptionKey }), session);
    return { version, plain, encrypted, commands: await countCommands(library, server, session) };
  } finally {
    await server.stop();
  }
}

async function fill(client: TestClient, store: RedisTokenStore, session: StoredSession): Promise<RedisFigures> {
  await client.flushAll();
  const keys = Array.from({ length: SESSIONS }, (_, user) =>
    session.key.replace(ACCOUNT, `user-${String(user).padStart(7, '0')}`),
  );
  // What the client and the scripts take is there before the first measurement.
  await store.lock('warm-up', async (lease) => store.set('warm-up', 'x', { lease }));
  await client.flushAll();

  const empty = await usedMemory(client);
  await each(keys, (key) => store.set(key, withOtherTokens(session.value)));
  const filled = await usedMemory(client);
  let [ofKey, stored] = [0, 0];
  for await (const names of client.scanIterator({ COUNT: SAMPLES })) {
    const sample = names.slice(0, SAMPLES);
    for (const name of sample) {
      ofKey += ((await client.memoryUsage(name)) ?? 0) / sample.length;
      stored += (name.length + (await client.strLen(name))) / sample.length;
    }
    break;
  }
  await each(keys, (key) => store.lock(key, async () => {}));
  const fenced = await usedMemory(client);
  return {
    sessions: SESSIONS,
    record: session.key.length + session.value.length,
    stored,
    perSession: (filled - empty) / SESSIONS,
    ofKey,
    perFence: (fenced - filled) / SESSIONS,
  };
}

async function each(keys: readonly string[], work: (key: string) => Promise<void>): Promise<void> {
  for (let first = 0; first < keys.length; first += AT_ONCE) {
    await Promise.all(keys.slice(first, first + AT_ONCE).map(work));
  }
}

async function usedMemory(client: TestClient): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
}

/** The same session of another user: tokens of the same length, other characters. */
function withOtherTokens(value: string): string {
  const record = JSON.parse(value) as { tokens: { accessToken: string; refreshToken?: string } };
  const { tokens } = record;
  tokens.accessToken = otherText(tokens.accessToken);
  if (tokens.refreshToken !== undefined) tokens.refreshToken = otherText(tokens.refreshToken);
  return JSON.stringify(record);
}

function otherText({ length }: string): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(length)))
    .toString('base64url')
    .slice(0, length);
}

/** Two instances with a connection each hold the session when its token runs out: the first refreshes, the other finds the new token. */
async function countCommands(library: Library, server: RedisServer, { key, value }: StoredSession) {
  const client = await server.client();
  const time = { ahead: 0 };
  const clock = { ...library.systemClock, now: () => Date.now() + time.ahead };
  const refresh = async () => ({
    accessToken: 'new',
    tokenType: 'bearer',
    issuedAt: clock.now(),
    expiresAt: clock.now() + LIFETIME_MS,
    refreshToken: 'new',
  });
  const instance = async () => {
    const store = onItsOwnMachine(new library.RedisTokenStore({ client: await server.client() }));
    return new library.TokenManager({ store, key, refresh, clock });
  };
  const count = async (manager: TokenManager) => {
    const before = await evals(client);
    await manager.getAccessToken();
    return (await evals(client)) - before;
  };
  await client.flushAll();
  await new library.RedisTokenStore({ client }).set(key, value);
  const [one, other] = [await instance(), await instance()];
  try {
    const firstRead = await count(one);
    await other.getAccessToken();
    const freshToken = await count(one);
    time.ahead = LIFETIME_MS;
    return { firstRead, freshToken, refresh: await count(one), adoption: await count(other) };
  } finally {
    one.close();
    other.close();
  }
}

/** The stores of one process hear of each other's writes; those of other machines do not. */
function onItsOwnMachine(store: RedisTokenStore): TokenStore {
  return {
    get: (key) => store.get(key),
    set: (...given) => store.set(...given),
    delete: (...given) => store.delete(...given),
    list: (prefix) => store.list(prefix),
    lock: (...given) => store.lock(...given),
  };
}

async function evals(client: TestClient): Promise<number> {
  return Number(/cmdstat_eval:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
}
