/** Keeps everything for a time and no longer. All times in seconds. */
export interface ExpiringStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, seconds: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Sets `key`; `false` where it was there already. One of two who come at once gets `true`. */
  claim(key: string, seconds: number): Promise<boolean>;
  /** Adds to the set at `key`, which then lives for `seconds` from now. */
  add(key: string, member: string, seconds: number): Promise<void>;
  members(key: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const SWEEP_EVERY_MS = 60_000;

/** In this process; `now` is in ms. */
export function createMemoryStore(now: () => number = () => Date.now()): ExpiringStore {
  const entries = new Map<string, { readonly value: string | Set<string>; readonly expiresAt: number }>();
  let sweepAt = now() + SWEEP_EVERY_MS;
  const find = (key: string) => {
    const entry = entries.get(key);
    return entry === undefined || entry.expiresAt <= now() ? undefined : entry.value;
  };
  const put = (key: string, value: string | Set<string>, seconds: number) => {
    if (now() >= sweepAt) {
      for (const [old, { expiresAt }] of entries) if (expiresAt <= now()) entries.delete(old);
      sweepAt = now() + SWEEP_EVERY_MS;
    }
    entries.set(key, { value, expiresAt: now() + seconds * 1_000 });
  };
  const setAt = (key: string) => {
    const value = find(key);
    return value instanceof Set ? value : new Set<string>();
  };
  return {
    async get(key) {
      const value = find(key);
      return typeof value === 'string' ? value : undefined;
    },
    set: async (key, value, seconds) => put(key, value, seconds),
    delete: async (key) => void entries.delete(key),
    async claim(key, seconds) {
      const free = find(key) === undefined;
      if (free) put(key, '1', seconds);
      return free;
    },
    add: async (key, member, seconds) => put(key, setAt(key).add(member), seconds),
    members: async (key) => [...setAt(key)],
    close: async () => entries.clear(),
  };
}

/** The part of a client of the `redis` package that is used here. */
export interface RedisClient {
  get(key: string): Promise<unknown>;
  set(
    key: string,
    value: string,
    options: { expiration: { type: 'EX'; value: number }; condition?: 'NX' },
  ): Promise<unknown>;
  del(key: string): Promise<unknown>;
  sAdd(key: string, member: string): Promise<unknown>;
  sMembers(key: string): Promise<string[]>;
  expire(key: string, seconds: number): Promise<unknown>;
  close(): Promise<unknown>;
}

/** In Redis, which several processes can share and which outlives them. It sees tokens in the clear. */
export function createRedisStore(client: RedisClient, prefix = 'protected-server:'): ExpiringStore {
  const expiration = (seconds: number) => ({ type: 'EX' as const, value: Math.max(1, Math.ceil(seconds)) });
  return {
    async get(key) {
      const value = await client.get(prefix + key);
      return typeof value === 'string' ? value : undefined;
    },
    set: async (key, value, seconds) =>
      void (await client.set(prefix + key, value, { expiration: expiration(seconds) })),
    delete: async (key) => void (await client.del(prefix + key)),
    claim: async (key, seconds) =>
      (await client.set(prefix + key, '1', { expiration: expiration(seconds), condition: 'NX' })) !== null,
    async add(key, member, seconds) {
      await client.sAdd(prefix + key, member);
      await client.expire(prefix + key, expiration(seconds).value);
    },
    members: (key) => client.sMembers(prefix + key),
    close: async () => void (await client.close()),
  };
}

/** Redis where there is a URL, else memory. */
export async function openStore(redisUrl: string | undefined): Promise<ExpiringStore> {
  if (redisUrl === undefined) return createMemoryStore();
  const { createClient } = await import('redis');
  const client = createClient({ url: redisUrl });
  client.on('error', (error: Error) => console.error('redis:', error.message));
  await client.connect();
  return createRedisStore(client);
}
