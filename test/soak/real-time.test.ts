import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { closers, person } from '../with-oauth/support.js';
import { countWaits, gatedTool, openAll, refused, seeded, startSoakServer, streamsAreOpen } from './support.js';

/** Tokens for two seconds, as the client is told; the server takes them for half a second more. */
const LIFETIME_MS = 2_500;
const TOKEN_DELAY_MS = 100;
/** How long the soak takes, in s. */
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 9);

const { closing, closeAll } = closers();
afterEach(closeAll);

it(`F8: ${SECONDS} s with tokens of two seconds: no 401, no call that waits, and streams and a long call go on`, {
  timeout: (SECONDS + 30) * 1_000,
}, async () => {
  const server = closing(await startSoakServer(LIFETIME_MS, TOKEN_DELAY_MS));
  const who = closing(person());
  const store = new MemoryTokenStore();
  const providers = Array.from({ length: 2 }, () =>
    closing(createAuthProvider({ serverUrl: `${new URL(server.url).origin}/`, store, openBrowser: who.openBrowser })),
  );
  const clients = openAll(server, providers);
  for (const client of clients) await closing(client).connect();
  await streamsAreOpen(server);
  server.counts.reset();
  const signedIn = server.answered;
  const counted = countWaits(server, providers);
  const tool = gatedTool();
  const longCalls = clients.map((client) => client.call('slow', { ms: 0 }, { timeout: SECONDS * 1_000 + 20_000 }));
  const end = Date.now() + SECONDS * 1_000;
  const random = seeded(SECONDS);
  let calls = 0;
  const busy = clients.map(async (client) => {
    while (Date.now() < end) {
      expect(await client.call('echo', { text: 'hi' })).toBe('hi');
      calls += 1;
      await sleep(10 + random() * 40);
    }
  });
  await Promise.all(busy);
  expect(tool.running).toBe(clients.length);
  tool.finish();
  expect(await Promise.all(longCalls)).toEqual(clients.map(() => 'done'));

  expect({ refused: refused(server.counts), waits: counted.waits }).toEqual({ refused: 0, waits: 0 });
  expect(calls).toBeGreaterThan(SECONDS * 4);
  // A lifetime of two seconds ends after 1.6 s.
  const refreshes = server.answered - signedIn;
  expect(refreshes).toBeGreaterThanOrEqual(Math.floor(SECONDS / 2) - 1);
  expect(refreshes).toBeLessThanOrEqual(Math.ceil(SECONDS / 1.6));
  expect(server.familiesRevoked).toBe(0);
  expect(who.tabs).toHaveLength(1);
  expect(server.counts.count('GET /sse') + server.counts.count('GET /mcp')).toBe(0);
});
