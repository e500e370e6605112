import { join } from 'node:path';
import { type Backends, freshLocation, type StoreName } from './backends.js';
import type { Library } from './library.js';
import { SharedFileProvider } from './shared-file-provider.js';
import { type Estimate, estimate, interleave } from './statistics.js';
import { openStore } from './store-locations.js';

/** Reading the token while the cached one is valid. */
export interface HotPath {
  /** Microseconds of `tokens.getAccessToken()`, with each store. */
  readonly ours: Readonly<Partial<Record<StoreName, Estimate>>>;
  /** Store reads and writes in all calls of ours. */
  readonly storeCalls: number;
  readonly calls: number;
  /** Awaiting a promise that is there already: the least there can be. */
  readonly floor: Estimate;
  /** Microseconds of `tokens()` of the SDKs' provider over a shared JSON file, which the SDKs ask before each request. */
  readonly json: Estimate;
  /** How often that reads the file in one call. */
  readonly jsonReads: number;
}

const ROUNDS = { rounds: 40, turns: 4, calls: 2_000 };
const JSON_ROUNDS = { rounds: 40, turns: 4, calls: 25 };

export async function measureHotPath(library: Library, backends: Backends): Promise<HotPath> {
  const count = { store: 0, calls: 0 };
  const ends: (() => Promise<void>)[] = [];
  const arms: Record<string, () => Promise<unknown>> = {};
  const done = Promise.resolve();
  arms['floor'] = () => done;
  for (const name of backends.names) {
    const { store, close } = await openStore(library, freshLocation(backends, name));
    const provider = library.createAuthProvider({
      serverUrl: 'http://127.0.0.1:9/mcp',
      interactive: false,
      store: {
        get: (key) => {
          count.store += 1;
          return store.get(key);
        },
        set: (key, value, options) => {
          count.store += 1;
          return store.set(key, value, options);
        },
        delete: (key, options) => store.delete(key, options),
        list: (prefix) => store.list(prefix),
        lock: (key, fn, options) => store.lock(key, fn, options),
      },
    });
    await provider.tokens.setTokens(realisticTokens());
    arms[name] = () => {
      count.calls += 1;
      return provider.tokens.getAccessToken();
    };
    ends.push(async () => {
      await provider.close();
      await close();
    });
  }
  count.store = 0;
  const rounds = await interleave(arms, ROUNDS);
  const { store: storeCalls, calls } = count;
  for (const end of ends) await end();

  const json = new SharedFileProvider(join(backends.directory, `${crypto.randomUUID()}.json`), '', {
    redirect_uris: [],
  });
  const { accessToken, refreshToken } = realisticTokens();
  json.saveTokens({ access_token: accessToken, token_type: 'Bearer', refresh_token: refreshToken });
  json.reads = 0;
  let jsonCalls = 0;
  const jsonRounds = await interleave(
    {
      json: async () => {
        jsonCalls += 1;
        return json.tokens();
      },
    },
    JSON_ROUNDS,
  );
  return {
    ours: Object.fromEntries(backends.names.map((name) => [name, estimate(rounds[name] ?? [])])),
    storeCalls,
    calls,
    floor: estimate(rounds['floor'] ?? []),
    json: estimate(jsonRounds.json),
    jsonReads: json.reads / jsonCalls,
  };
}

/** About 2 KB as it is stored: access tokens that are JWTs have that size. */
export function realisticTokens() {
  const now = Date.now();
  return {
    accessToken: `eyJhbGciOiJSUzI1NiJ9.${'a1B2c3D4'.repeat(190)}`,
    refreshToken: `rt_${'x9Y8z7W6'.repeat(24)}`,
    tokenType: 'bearer',
    issuedAt: now,
    expiresAt: now + 3_600_000,
    scope: ['mcp:read', 'mcp:write', 'offline_access'],
  };
}
