import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedRows, killAtEach, learn, type StartNext, summary } from '../crash/matrix.js';
import { atPlace, EXPIRED_MS, expired, jobAt, killAt, providerAt } from '../crash/place.js';
import { between, changes, everyPoint } from '../crash/points.js';
import { buildProgram, type Program } from '../crash/processes.js';
import { EXPIRED, SIGN_IN, SLOW_SCENARIOS } from '../crash/scenarios.js';

const MINUTE = 60_000;
/** A record of a sign-in runs out 10 s after the last sign of life; the rest is for a busy machine. In ms. */
const SIGN_IN_TAKEOVER_MS = 20_000;

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.remove());
const nextProcess: StartNext = (_, job) => program.start(job).ended;

/** A kill before a step that only reads finds what a kill before the next change finds; with this, those are tried as well (minutes). */
const EVERY_STEP = process.env['CRASH_EVERY_STEP'] === '1';
const TRIED = [
  [EXPIRED, everyPoint],
  [SIGN_IN, EVERY_STEP ? everyPoint : changes],
  // How often it only looks while it waits is up to chance.
  ...(EVERY_STEP ? SLOW_SCENARIOS.map((scenario) => [scenario, changes] as const) : []),
] as const;

// The others take the same steps after their first ones; test/crash/crash.test.ts kills them at every change that others can see.
describe('a process that is killed (SIGKILL) before every step or every change, half through every write, and at the end', () => {
  it.for(TRIED.map(([scenario, pointsOf]) => [scenario.title, scenario, pointsOf] as const))(
    '%s: the next start works',
    { timeout: 30 * MINUTE },
    async ([, scenario, pointsOf], { annotate }) => {
      const steps = await learn(scenario, program);
      const points = between(pointsOf(steps), scenario.from, scenario.until);
      const rows = await killAtEach(scenario, program, points, nextProcess);
      await annotate(summary(steps, rows));
      expect(rows).toEqual(expectedRows(scenario, steps, points));
    },
  );
});

describe('a process that is killed', () => {
  it('while its browser tab is open: the window that waits for it opens a tab of its own in bounded time', () =>
    atPlace(async (place) => {
      const job = jobAt(place, { looksAbout: true });
      const first = program.start(job, 'nobody');
      await first.reached(/^open the browser$/);
      const second = program.start(job);
      await second.reached(/^close sign-in\.json #4$/);
      const opened = place.server.counts.count('authorize');
      first.kill();
      const killedAt = performance.now();
      expect(await first.ended).toMatchObject({ signal: 'SIGKILL', tabs: 1 });
      expect(await second.ended).toMatchObject({ signal: null, outcome: 'status 200', tabs: 1, errors: '' });
      expect(performance.now() - killedAt).toBeLessThan(SIGN_IN_TAKEOVER_MS);
      expect([opened, place.server.counts.count('register')]).toEqual([0, 1]);
      expect(await program.start(job).ended).toMatchObject({ outcome: 'status 200', tabs: 0 });
    }));

  it('again and again in the middle of a write: what it leaves is cleared away', () =>
    atPlace(async (place) => {
      await expired(place);
      const unfinished = async () => (await readdir(place.directory)).filter((file) => file.endsWith('.tmp'));
      const job = jobAt(place, { clockOffsetMs: EXPIRED_MS });
      for (let kill = 1; kill <= 3; kill++) {
        await killAt(program, { ...job, killAt: 'writeFile session.json.tmp middle' });
        expect(await unfinished()).toHaveLength(kill);
        // The rotated token is lost each time.
        const provider = providerAt(place);
        await provider.tokens.clear();
        await provider.close();
        await expired(place);
      }
      const later = jobAt(place, { clockOffsetMs: 11 * MINUTE });
      expect(await program.start(later).ended).toMatchObject({ outcome: 'status 200', tabs: 0 });
      expect(await unfinished()).toEqual([]);
    }));
});
