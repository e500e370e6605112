import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REDIS_SERVER } from '../test/system/redis-program.js';
import { startRedis } from '../test/system/redis-server.js';
import { DBUS_RUN_SESSION, GNOME_KEYRING, startSecretService } from './secret-service.js';
import type { StoreLocation } from './store-locations.js';

export type StoreName = 'memory' | 'file' | 'keyring' | 'keytar' | 'redis';

/** What the stores need beside Node, started for this run and gone after it. */
export interface Backends {
  /** The stores that can be measured on this machine. */
  readonly names: readonly StoreName[];
  /** Why others cannot, a sentence each. */
  readonly missing: readonly string[];
  /** For the environment of processes that use them. */
  readonly env: Readonly<Record<string, string>>;
  /** A directory of this run's own. */
  readonly directory: string;
  readonly redisUrl: string | undefined;
  readonly keytar: string | undefined;
}

export interface RunningBackends {
  readonly backends: Backends;
  close(): Promise<void>;
}

export async function startBackends(): Promise<RunningBackends> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const ends: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async () => {
    for (const end of ends.toReversed()) await end();
  };
  const names: StoreName[] = ['memory', 'file'];
  const missing: string[] = [];
  const env: Record<string, string> = {};
  let redisUrl: string | undefined;
  let keytar: string | undefined;
  try {
    const absent = [DBUS_RUN_SESSION, GNOME_KEYRING].filter((program) => !existsSync(program));
    if (absent.length === 0) {
      const service = await startSecretService(directory);
      ends.push(service.close);
      env['DBUS_SESSION_BUS_ADDRESS'] = service.address;
      names.push('keyring');
      keytar = findKeytar();
      if (keytar !== undefined) names.push('keytar');
      else missing.push('keytar: it is not installed');
    } else {
      missing.push(`keychain: ${absent.join(' and ')} is not there`);
    }
    if (existsSync(REDIS_SERVER)) {
      const redis = await startRedis();
      ends.push(redis.stop);
      redisUrl = redis.url;
      names.push('redis');
    } else {
      missing.push(`Redis: ${REDIS_SERVER} is not there`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { backends: { names, missing, env, directory, redisUrl, keytar }, close };
}

/** A place that nothing was stored in yet. `database`: of Redis, each of which has its own table of keys. */
export function freshLocation({ directory, redisUrl, keytar }: Backends, name: StoreName, database = 0): StoreLocation {
  const own = crypto.randomUUID();
  switch (name) {
    case 'memory':
      return { kind: 'memory' };
    case 'file':
      return { kind: 'file', directory: join(directory, own) };
    case 'keyring':
      return { kind: 'keychain', service: `bench-${own}`, lockDirectory: join(directory, own) };
    case 'keytar':
      return {
        kind: 'keychain',
        service: `bench-${own}`,
        lockDirectory: join(directory, own),
        ...(keytar !== undefined && { keytar }),
      };
    case 'redis':
      return { kind: 'redis', url: `${redisUrl}/${database}`, prefix: `${own}:` };
  }
}

/** It is no dependency; where it was built, `KEYTAR` may name the folder of the package. */
function findKeytar(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(process.env['KEYTAR'] ?? 'keytar');
  } catch {
    return undefined;
  }
}
