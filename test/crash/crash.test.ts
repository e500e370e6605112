import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedRows, killAtEach, learn, startHere, summary } from './matrix.js';
import { between, visibleChanges } from './points.js';
import { buildProgram, type Program } from './processes.js';
import { EXPIRED, SCENARIOS } from './scenarios.js';

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.remove());

// In test/system/crash.system.test.ts they are killed before every step, and what starts next is a process again.
describe('a process that is killed (SIGKILL) before each step that others can see, half through each write, and at the end', () => {
  it.for(SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
    '%s: the next provider works',
    { timeout: 120_000 },
    async ([, scenario], { annotate }) => {
      const steps = await learn(scenario, program);
      const points = between(visibleChanges(steps), scenario.from, scenario.until);
      const rows = await killAtEach(scenario, program, points, startHere);
      await annotate(summary(steps, rows));
      expect(rows).toEqual(expectedRows(scenario, steps, points));
    },
  );

  it('meets a value that was written and synced before it took the place of the former', async () => {
    const steps = (await learn(EXPIRED, program)).map(({ name }) => name.replace(/ #\d+$/, ''));
    const write = steps.slice(steps.indexOf('create session.json.tmp'));
    const about = ['session.json.tmp', 'the directory'].flatMap((file) =>
      ['create', 'writeFile', 'sync', 'close', 'rename'].map((what) => `${what} ${file}`),
    );
    expect(write.filter((name) => about.includes(name)).slice(0, 6)).toEqual([
      'create session.json.tmp',
      'writeFile session.json.tmp',
      'sync session.json.tmp',
      'close session.json.tmp',
      'rename session.json.tmp',
      'sync the directory',
    ]);
  });
});
