import type { Clock } from '../clock.js';
import { abortError } from '../errors.js';
import { redisFailure, redisSilence } from './redis-error.js';

/** What {@link RedisTokenStore} needs of a connection. */
export interface RedisCommands {
  /**
   * Runs a Lua script.
   *
   * @param script - The text of the script.
   * @param options - Its keys and arguments.
   * @returns What the script answers.
   * @see {@link https://redis.io/docs/latest/commands/eval/ | EVAL}
   */
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** What it needs of a connection to list keys. */
export interface RedisScanner {
  /**
   * Gives a page of the names of keys.
   *
   * @param cursor - `0` for the first page, then what the last page gave.
   * @param options - Which keys, and how many at a time.
   * @returns A page, and where the next one begins.
   * @see {@link https://redis.io/docs/latest/commands/scan/ | SCAN}
   */
  scan(
    cursor: string,
    options: {
      /** A glob that the names have to match. */
      MATCH: string;
      /** How many keys Redis looks at for one page. */
      COUNT: number;
    },
  ): Promise<{
    /** What the next page is asked for with; `0` after the last. */
    cursor: unknown;
    /** The names on this page, which may be none. */
    keys: unknown[];
  }>;
}

/** A connection, or a pool of them: what `createClient`, `createClientPool` and `createSentinel` of the package `redis` give. */
export interface RedisSingleClient extends RedisCommands, RedisScanner {
  /**
   * The same client, whose queued commands the signal takes back.
   *
   * @param options - `abortSignal`: the signal.
   * @returns A client over the same connection.
   */
  withCommandOptions(options: { abortSignal: AbortSignal }): RedisCommands & RedisScanner;
}

/** What `createCluster` of the package `redis` gives. */
export interface RedisClusterClient extends RedisCommands {
  /** The nodes that hold keys. */
  readonly masters: readonly unknown[];
  /**
   * The connection to a node.
   *
   * @param node - One of `masters`.
   * @returns It, or a promise of it.
   */
  nodeClient(node: unknown): RedisScanner | Promise<RedisScanner>;
  /**
   * The same client, whose queued commands the signal takes back.
   *
   * @param options - `abortSignal`: the signal.
   * @returns A client over the same connection.
   */
  withCommandOptions(options: { abortSignal: AbortSignal }): RedisCommands;
}

/** A client of the package `redis` (node-redis), version 5 or 6, that the application has connected. */
export type RedisClient = RedisSingleClient | RedisClusterClient;

/** How one command is bounded. */
export interface CommandBounds {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** In ms; default that of the store. */
  readonly timeoutMs?: number;
}

/**
 * Sends scripts, each bounded in time: while it reconnects, the client keeps commands in a queue without a word.
 * Everything is a script, even a read: those go to the master, past replicas and caches, and what is read inside a lock must be the newest.
 * The script's text goes along each time, so that a Redis that forgot its scripts is no case of its own.
 */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #clock: Clock;
  /** How long a command may take, in ms. */
  readonly timeoutMs: number;
  /** When the last command was sent that got no answer in time, by `performance.now()`; any answer clears it. */
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(options: { client: RedisClient; clock: Clock; timeoutMs: number }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.timeoutMs = options.timeoutMs;
  }

  /** Whether a command that was sent at `since` (by `performance.now()`) or later got no answer in time, and none did after it. */
  isSilentSince(since: number): boolean {
    return this.#unansweredAt >= since;
  }

  /**
   * Runs a script. `action` says what it is for: "Could not … ".
   * @throws {McpOAuthError} `store_failed` where Redis refuses, is gone or does not answer in time; `aborted` with the signal
   */
  eval(
    action: string,
    script: string,
    keys: readonly string[],
    args: readonly string[],
    bounds: CommandBounds = {},
  ): Promise<unknown> {
    return this.#bounded(action, bounds, (abortSignal) =>
      this.#client.withCommandOptions({ abortSignal }).eval(script, { keys: [...keys], arguments: [...args] }),
    );
  }

  /** Gives the names that match, page by page; one may come twice. Each page is bounded for itself. */
  async *scan(action: string, pattern: string, count: number): AsyncGenerator<string[]> {
    for (const scanner of this.#scanners()) {
      let cursor = '0';
      do {
        const page = await this.#bounded(action, {}, async (abortSignal) =>
          (await scanner(abortSignal)).scan(cursor, { MATCH: pattern, COUNT: count }),
        );
        cursor = String(page.cursor);
        yield page.keys.map(String);
      } while (cursor !== '0');
    }
  }

  /** One for each part of the key space. */
  #scanners(): ((abortSignal: AbortSignal) => RedisScanner | Promise<RedisScanner>)[] {
    const client = this.#client;
    if (!('masters' in client)) return [(abortSignal) => client.withCommandOptions({ abortSignal })];
    return client.masters.map((node) => () => client.nodeClient(node));
  }

  #bounded<T>(action: string, bounds: CommandBounds, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, timeoutMs = this.timeoutMs } = bounds;
    if (signal?.aborted) return Promise.reject(abortError(signal, 'store'));
    const sentAt = performance.now();
    return new Promise((resolve, reject) => {
      // What still waits in the client's queue when it is given up must not be sent later.
      const queued = new AbortController();
      const end = (settle: () => void) => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
        settle();
        queued.abort();
      };
      const onAbort = () => signal && end(() => reject(abortError(signal, 'store')));
      const onTimeout = () => {
        this.#unansweredAt = sentAt;
        end(() => reject(redisSilence(action, timeoutMs)));
      };
      const cancel = this.#clock.schedule(timeoutMs, onTimeout, { keepAlive: true });
      signal?.addEventListener('abort', onAbort, { once: true });
      const sent = (async () => send(queued.signal))();
      sent.then(
        (reply) => {
          this.#unansweredAt = Number.NEGATIVE_INFINITY;
          end(() => resolve(reply));
        },
        (error: unknown) => end(() => reject(redisFailure(error, action))),
      );
    });
  }
}
