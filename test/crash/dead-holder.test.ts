import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atPlace, EXPIRED_MS, expired, jobAt, type Place } from './place.js';
import { buildProgram, type Ended, type Program } from './processes.js';

/** How long the one who waits may take once the holder is dead, on a busy machine; in ms. */
const TAKEOVER_MS = 6_000;

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.remove());

interface Story {
  readonly waiter: Ended;
  /** From the death of the holder to the end of the one who waited, in ms. */
  readonly tookMs: number;
  readonly later: Ended;
  readonly place: Place;
}

/**
 * A process holds the lock of the refresh and the server has its request; another one waits for the lock; the first is killed. Whether the
 * server still works the request off is up to `server`.
 */
function killHolderInRequest(server: 'answers' | 'forgets', judge: (story: Story) => void): Promise<void> {
  let arrived: () => void = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  let kill: () => void = () => {};
  const death = new Promise<void>((resolve) => {
    kill = resolve;
  });
  let armed = false;
  return atPlace(
    async (place) => {
      await expired(place);
      armed = true;
      const job = jobAt(place, { clockOffsetMs: EXPIRED_MS, looksAbout: true });
      const holder = program.start(job);
      await arrival;
      const waiter = program.start(job);
      // Its third attempt: it does wait.
      await waiter.reached(/^(create|link) session\.lock(\.tmp)? #3$/);
      holder.kill();
      const killedAt = performance.now();
      kill();
      expect((await holder.ended).signal).toBe('SIGKILL');
      const ended = await waiter.ended;
      const tookMs = performance.now() - killedAt;
      const later = await program.start(job).ended;
      judge({ waiter: ended, tookMs, later, place });
    },
    {
      async intercept(request, response) {
        if (!armed || request.url !== '/token') return false;
        armed = false;
        arrived();
        await death;
        if (server === 'forgets') response.destroy();
        return server === 'forgets';
      },
    },
  );
}

describe('a process that is killed while the server has its refresh request, and another one that waits for its lock', () => {
  const quiet = { signal: null, outcome: 'status 200', tabs: 0, errors: '' };

  it(
    'F2: ends in one sign-in where the server rotated, and the rotated token is presented once',
    { timeout: 60_000 },
    () =>
      killHolderInRequest('answers', ({ waiter, tookMs, later, place: { server } }) => {
        expect(waiter).toMatchObject({ ...quiet, tabs: 1 });
        expect(tookMs).toBeLessThan(TAKEOVER_MS);
        expect(later).toMatchObject(quiet);
        expect(server.counts.count('token:refresh_token')).toBe(2);
        expect(server.counts.count('token:refresh_token', 200)).toBe(1);
        expect(server.counts.count('register')).toBe(1);
        expect(server.familiesRevoked).toBe(1);
      }),
  );

  it('F2: goes on with the old token where the server did not get to it', { timeout: 60_000 }, () =>
    killHolderInRequest('forgets', ({ waiter, tookMs, later, place: { server } }) => {
      expect(waiter).toMatchObject(quiet);
      expect(tookMs).toBeLessThan(TAKEOVER_MS);
      expect(later).toMatchObject(quiet);
      expect(server.counts.count('token:refresh_token')).toBe(1);
      expect(server.counts.count('token:refresh_token', 200)).toBe(1);
      expect(server.familiesRevoked).toBe(0);
    }),
  );
});
