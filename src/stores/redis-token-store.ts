import { type Clock, systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { KeyedMutex } from './keyed-mutex.js';
import { ProcessNotices } from './process-notices.js';
import { type EncryptionKey, RedisCipher } from './redis-cipher.js';
import { type RedisClient, RedisConnection } from './redis-client.js';
import { isOverByHeader, openEnvelope, sealEnvelope } from './redis-envelope.js';
import { redisSilence } from './redis-error.js';
import { DEFAULT_PREFIX, keyOfName, type RedisNames, redisNames, valuePattern } from './redis-key.js';
import { RedisLock } from './redis-lock.js';
import { READ, READ_HEADER } from './redis-scripts.js';
import type { Lease, LockOptions, TokenStore } from './token-store.js';

const DEFAULT_LOCK_TTL_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 5_000;
/** How many keys Redis looks at in one step of `list`. */
const SCAN_COUNT = 1_000;

/** Options of {@link RedisTokenStore}. */
export interface RedisTokenStoreOptions {
  /**
   * A client of the package `redis` (5 or 6) that the application made, connected, and closes; it may carry other traffic too. A pool
   * and a cluster will do. Let it have an `error` listener: without one, node-redis ends the process when the connection is lost.
   */
  readonly client: RedisClient;
  /** What the Redis keys begin with. Default `mcp-oauth:`. */
  readonly prefix?: string;
  /** Encrypts the values: 32 random bytes, or the same in base64. Default: they are stored as they are. */
  readonly encryptionKey?: EncryptionKey;
  /** Keys that values may still be encrypted with. What is written anew is encrypted with `encryptionKey`. */
  readonly formerEncryptionKeys?: readonly EncryptionKey[];
  /** Forgets what has not been written for so long, in ms, whether it was read or not: choose more than a refresh token lives. Default: never. */
  readonly idleTtlMs?: number;
  /** How long a lock outlives a holder that died or cannot reach Redis, in ms. Default 15,000. */
  readonly lockTtlMs?: number;
  /** How long Redis may take for one command, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** Time, replaceable for tests. */
  readonly clock?: Clock;
}

/**
 * Keeps everything in Redis, for hosted clients whose instances share sessions: a sign-in that one began can be finished by another.
 * A value lies at `<prefix>{<key>}` and ends with its lifetime.
 *
 * The lock holds among all that use the prefix. It is kept while its holder lives and reaches Redis; a holder that died is taken over
 * after `lockTtlMs`. A holder that stood still for longer, or that lost the lock because Redis did, can write no more: each write with
 * a lease is refused where the lock is no longer its own. Where the lease is of another key's lock, that is asked just before the
 * write, and the write is refused where a later holder has written.
 *
 * Nobody can keep a lock that Redis forgets: where a failover or a restart may lose the last writes (asynchronous replication,
 * `appendfsync everysec`), two holders may for a moment believe in one lock. Only the later one can write.
 */
export class RedisTokenStore implements TokenStore {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #cipher: RedisCipher | undefined;
  readonly #idleTtlMs: number | undefined;
  readonly #clock: Clock;
  readonly #locks: RedisLock;
  /** Keeps the writes of one key in the order of the calls: encrypting takes turns. */
  readonly #order: KeyedMutex;
  readonly #notices: ProcessNotices;

  /**
   * A store over a client, which stays the application's to close.
   *
   * @param options - At least `client`.
   * @throws {McpOAuthError} `invalid_options` where an option is missing or malformed; nothing is sent yet
   */
  constructor(options: RedisTokenStoreOptions) {
    const { client, prefix = DEFAULT_PREFIX, encryptionKey, formerEncryptionKeys = [], idleTtlMs } = options ?? {};
    const { lockTtlMs = DEFAULT_LOCK_TTL_MS, timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock } = options ?? {};
    assertClient(client);
    if (typeof prefix !== 'string' || !/^[^{}\p{Cs}]*$/u.test(prefix)) {
      throw invalid('`prefix` must be text without braces: those mark the part that decides on the place in a cluster');
    }
    assertDuration('idleTtlMs', idleTtlMs);
    assertDuration('lockTtlMs', lockTtlMs);
    assertDuration('timeoutMs', timeoutMs);
    if (encryptionKey === undefined && formerEncryptionKeys.length > 0) {
      throw invalid('`formerEncryptionKeys` need an `encryptionKey`');
    }
    this.#cipher = encryptionKey === undefined ? undefined : new RedisCipher(encryptionKey, formerEncryptionKeys);
    this.#connection = new RedisConnection({ client, clock, timeoutMs });
    this.#prefix = prefix;
    this.#idleTtlMs = idleTtlMs;
    this.#clock = clock;
    this.#locks = new RedisLock({ connection: this.#connection, prefix, clock, ttlMs: lockTtlMs });
    this.#order = new KeyedMutex(clock);
    // Two servers with one prefix are rare, and a hint too many costs no more than a read.
    this.#notices = new ProcessNotices('redis');
  }

  /**
   * The value, or `undefined` where there is none.
   *
   * @param key - The key, any well-formed text.
   * @returns The value.
   * @throws {McpOAuthError} `store_unreadable` where it is damaged, of another version, or encrypted with a key that the store was not
   * given (nothing is touched); `store_failed` where Redis refuses, is gone or does not answer within `timeoutMs`
   */
  async get(key: string): Promise<string | undefined> {
    const name = this.#names(key).value;
    const stored = await this.#connection.eval('read the token store', READ, [name], []);
    if (stored === null || stored === undefined) return undefined;
    return openEnvelope(String(stored), { name, now: this.#clock.now(), cipher: this.#cipher });
  }

  /**
   * Writes the whole value or none of it.
   *
   * @param key - The key, any well-formed text.
   * @param value - The whole value. A secret.
   * @param options - `ttlMs`: after how many ms it is forgotten, default `idleTtlMs`. `lease`: of a lock that has to be held
   * still.
   * @throws {McpOAuthError} `lease_lost` with a stale lease; `store_failed` where Redis refuses, is gone or does not answer within
   * `timeoutMs`: then it may have been written or not
   */
  set(key: string, value: string, options: { ttlMs?: number; lease?: Lease } = {}): Promise<void> {
    const ttlMs = lifetime(options.ttlMs ?? this.#idleTtlMs);
    return this.#write('write the token store', key, options.lease, ttlMs, (name) => {
      const expiresAt = ttlMs === 0 ? undefined : this.#clock.now() + ttlMs;
      return sealEnvelope({ name, value, expiresAt }, this.#cipher);
    });
  }

  /**
   * Removes the value; no error where there is none.
   *
   * @param key - The key, any well-formed text.
   * @param options - `lease`: of a lock that has to be held still.
   * @throws {McpOAuthError} as {@link set}
   */
  delete(key: string, options: { lease?: Lease } = {}): Promise<void> {
    return this.#write('delete from the token store', key, options.lease, 0, async () => '');
  }

  /**
   * The keys that begin with `prefix`. Redis looks at every key that it holds for it, a thousand at a time and without keeping others
   * waiting: the cost grows with all of them, not with those that match.
   *
   * @param prefix - What they begin with; empty for all.
   * @returns The keys, in no particular order.
   * @throws {McpOAuthError} `store_failed`
   */
  async list(prefix: string): Promise<string[]> {
    const action = 'list the token store';
    const keys = new Set<string>();
    for await (const names of this.#connection.scan(action, valuePattern(this.#prefix, prefix), SCAN_COUNT)) {
      const headers = await Promise.all(names.map((name) => this.#connection.eval(action, READ_HEADER, [name], [])));
      const now = this.#clock.now();
      for (const [index, name] of names.entries()) {
        const header = String(headers[index] ?? '');
        // One that went meanwhile reads as empty.
        if (header !== '' && !isOverByHeader(header, now)) keys.add(keyOfName(this.#prefix, name));
      }
    }
    return [...keys];
  }

  /**
   * Runs `fn` while nobody else who uses the prefix holds the lock of `key`. It is not reentrant.
   *
   * @param key - The key, any well-formed text.
   * @param fn - What is done under the lock; its lease goes with every write.
   * @param options - How long to wait, in ms (default 30,000), and what ends the wait.
   * @returns What `fn` resolves to.
   * @throws {McpOAuthError} `lock_timeout` after `timeoutMs`, `aborted` with the signal, `store_failed` where Redis refuses, is gone or
   * does not answer; all only before `fn` was called
   */
  lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return this.#locks.run(key, fn, options);
  }

  /**
   * Calls `listener` after each write of `key` by a store of this process with the same prefix. Other instances are not heard of.
   *
   * @param key - The key, any well-formed text.
   * @param listener - Called without arguments, soon after.
   * @returns Ends it.
   */
  watch(key: string, listener: () => void): () => void {
    return this.#notices.watch(this.#names(key).value, listener);
  }

  #names(key: string): RedisNames {
    return redisNames(this.#prefix, key);
  }

  async #write(
    action: string,
    key: string,
    lease: Lease | undefined,
    ttlMs: number,
    content: (name: string) => Promise<string>,
  ): Promise<void> {
    const names = this.#names(key);
    const { timeoutMs } = this.#connection;
    let turned = false;
    try {
      await this.#order.run(
        names.value,
        async () => {
          turned = true;
          await this.#locks.write({ action, names, text: await content(names.value), ttlMs }, lease);
        },
        { timeoutMs },
      );
    } catch (error) {
      // Those before it in the queue wait for Redis.
      if (!turned && isMcpOAuthError(error) && error.code === 'lock_timeout') throw redisSilence(action, timeoutMs);
      throw error;
    }
    this.#notices.changed(names.value);
  }
}

/** In whole ms; 0 where there is none. */
function lifetime(ttlMs: number | undefined): number {
  return ttlMs === undefined || !Number.isFinite(ttlMs) ? 0 : Math.max(1, Math.ceil(ttlMs));
}

function assertClient(client: unknown): void {
  const { eval: run, withCommandOptions, options } = (client ?? {}) as Record<string, unknown>;
  if (typeof run !== 'function' || typeof withCommandOptions !== 'function') {
    throw invalid(
      '`client` must be a client of the package `redis`, version 5 or 6: what `createClient()` gives, connected',
    );
  }
  if ((options as { keyPrefix?: unknown } | undefined)?.keyPrefix !== undefined) {
    throw invalid('a client with a `keyPrefix` cannot list its keys; give a `prefix` to the store instead');
  }
}

function assertDuration(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value > 0)) return;
  throw invalid(`\`${name}\` must be a whole number of ms above 0`);
}

function invalid(what: string): McpOAuthError {
  return new McpOAuthError('invalid_options', `RedisTokenStore: ${what}.`, { stage: 'configuration' });
}
