import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atPlace, EXPIRED_MS, expired, jobAt, type Place, signedIn } from '../crash/place.js';
import { buildProgram, type Program } from '../crash/processes.js';
import type { Job } from '../crash/protocol.js';

const PROCESSES = 8;

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.remove());

/** Starts them all at once and gives what became of them together. */
async function startAll(place: Place, more: Partial<Job> = {}) {
  const job = jobAt(place, { looksAbout: true, ...more });
  // The person takes a moment, so that the others do wait.
  const running = Array.from({ length: PROCESSES }, () => program.start(job, 300));
  const ended = await Promise.all(running.map((each) => each.ended));
  const { counts, familiesRevoked } = place.server;
  return {
    outcomes: ended.map(({ outcome, errors }) => `${outcome}${errors}`),
    tabs: ended.reduce((sum, { tabs }) => sum + tabs, 0),
    registrations: counts.count('register'),
    codes: counts.count('token:authorization_code'),
    refreshes: counts.count('token:refresh_token'),
    familiesRevoked,
  };
}

const ALL_WORK = Array<string>(PROCESSES).fill('status 200');

describe(`${PROCESSES} processes that are started at once over one directory`, () => {
  it('F2 F13: without any token, open one tab and register once', { timeout: 60_000 }, () =>
    atPlace(async (place) => {
      expect(await startAll(place)).toEqual({
        outcomes: ALL_WORK,
        tabs: 1,
        registrations: 1,
        codes: 1,
        refreshes: 0,
        familiesRevoked: 0,
      });
    }),
  );

  it.each([
    ['with an expired token', expired, EXPIRED_MS],
    [
      'with a token that was revoked early',
      async (place: Place) => {
        await signedIn(place);
        place.server.revokeAllAccessTokens();
      },
      0,
    ],
  ])('F1 F2: %s, refresh once', { timeout: 60_000 }, async (_, prepare, clockOffsetMs) =>
    atPlace(async (place) => {
      await prepare(place);
      place.server.counts.reset();
      expect(await startAll(place, { clockOffsetMs })).toEqual({
        outcomes: ALL_WORK,
        tabs: 0,
        registrations: 0,
        codes: 0,
        refreshes: 1,
        familiesRevoked: 0,
      });
    }),
  );
});
