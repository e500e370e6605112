import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { closers, type Opened, person } from '../with-oauth/support.js';
import {
  countWaits,
  gatedTool,
  openAll,
  refused,
  type SoakServer,
  seeded,
  startSoakServer,
  streamsAreOpen,
} from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** A call that is still under way then waits for something that the test holds back. */
const STUCK_MS = 5_000;

const { closing, closeAll } = closers();
beforeEach(() => {
  // What the time is, is replaced for the library and for the server alike; timers and sockets stay real.
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await closeAll();
});

/** Three providers over one store, as three windows of one process have them, and a client for each transport. */
async function life(lifetimeMs: number) {
  const server = closing(await startSoakServer(lifetimeMs));
  const who = closing(person());
  const store = new MemoryTokenStore();
  const providers = Array.from({ length: 3 }, () =>
    closing(createAuthProvider({ serverUrl: `${new URL(server.url).origin}/`, store, openBrowser: who.openBrowser })),
  );
  const clients = openAll(server, providers);
  for (const client of clients) await closing(client).connect();
  await streamsAreOpen(server);
  server.counts.reset();
  return { server, who, providers, clients };
}

async function completes(call: Promise<string>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), STUCK_MS);
  });
  const done = await Promise.race([call.then(() => true), stuck]);
  clearTimeout(timer);
  return done;
}

/** Lets the answer of the token endpoint come `ms` after it was asked for. */
function delayedAnswers(server: SoakServer, ms: number): () => void {
  server.hold();
  let heldSince: number | undefined;
  return () => {
    heldSince = server.held === 0 ? undefined : (heldSince ?? Date.now());
    if (heldSince !== undefined && Date.now() - heldSince >= ms) server.release();
  };
}

describe('a life on a replaceable clock', () => {
  it.each([
    { name: 'half an hour', lifetimeMs: 30 * MINUTE, hours: 2, mostBetween: 30 * SECOND, answersAfter: 8 * SECOND },
    { name: 'one minute', lifetimeMs: MINUTE, hours: 0.12, mostBetween: 1.4 * SECOND, answersAfter: SECOND },
  ])('F8: tokens that live $name: no 401, no call that waits, one refresh a lifetime, and streams and long calls go on', {
    timeout: 60_000,
  }, async ({ lifetimeMs, hours, mostBetween, answersAfter }) => {
    const { server, who, providers, clients } = await life(lifetimeMs);
    const random = seeded(lifetimeMs);
    const counted = countWaits(server, providers);
    const answer = delayedAnswers(server, answersAfter);
    const tool = gatedTool();
    const start = Date.now();
    const longCalls = clients.map((client) => client.call('slow', { ms: 0 }));
    await expect.poll(() => tool.running).toBe(clients.length);
    let stuck = 0;
    for (let calls = 0; Date.now() - start < hours * 60 * MINUTE; calls += 1) {
      vi.setSystemTime(Date.now() + Math.floor(random() * mostBetween));
      answer();
      const client = clients[Math.floor(random() * clients.length)] as Opened;
      if (!(await completes(client.call('echo', { text: String(calls) })))) {
        stuck += 1;
        server.release();
      }
      // Long calls of more than five minutes.
      if (Date.now() - start > Math.max(5 * MINUTE, 2 * lifetimeMs)) tool.finish();
    }
    expect(await Promise.all(longCalls)).toEqual(clients.map(() => 'done'));

    expect({ refused: refused(server.counts), stuck, waits: counted.waits }).toEqual({
      refused: 0,
      stuck: 0,
      waits: 0,
    });
    const lifetimes = (Date.now() - start) / lifetimeMs;
    expect(server.answered - 1).toBeGreaterThanOrEqual(Math.floor(lifetimes));
    // It is refreshed after four fifths of it at the earliest.
    expect(server.answered - 1).toBeLessThanOrEqual(Math.ceil(lifetimes / 0.8));
    expect(server.familiesRevoked).toBe(0);
    expect(who.tabs).toHaveLength(1);
    // The streams of before still carry the answers: none was opened anew.
    expect(server.counts.count('GET /sse') + server.counts.count('GET /mcp')).toBe(0);
  });

  it('after a night of sleep 50 calls of three windows refresh once', async () => {
    const { server, providers, clients } = await life(10 * MINUTE);
    const { answered } = server;
    vi.setSystemTime(Date.now() + 9 * 60 * MINUTE);
    const calls = Array.from({ length: 50 }, (_, call) =>
      (clients[call % clients.length] as Opened).call('echo', { text: 'awake' }),
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['awake']));
    expect(server.answered - answered).toBe(1);
    expect(refused(server.counts)).toBe(0);
    expect((await providers[0]?.session())?.signedIn).toBe(true);
  });

  it('a clock that is set back by hours costs no prompt and no storm', async () => {
    const { server, who, clients } = await life(10 * MINUTE);
    const { answered } = server;
    vi.setSystemTime(Date.now() - 5 * 60 * MINUTE);
    for (let round = 0; round < 20; round += 1) {
      for (const client of clients) expect(await client.call('echo', { text: 'back' })).toBe('back');
    }
    expect(server.answered - answered).toBe(1);
    expect(who.tabs).toHaveLength(1);
  });
});
