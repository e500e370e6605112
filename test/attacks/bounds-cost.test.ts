import { beforeAll, describe, expect, it } from 'vitest';
import { COST_CASES, TIME_LIMIT_MS } from './bounds-cases.js';
import { type Cost, costsOf } from './bounds-cost.js';

/** What all of them together may add to the peak of the process, in MiB. Node's own buffers of a socket that floods are most of it. */
const MOST_MIB = 150;
/** What one of them may take of a processor, in ms, beyond what taking in whatever comes for the whole time limit takes. */
const MOST_CPU_MS = TIME_LIMIT_MS + 1_000;
/** Two bounds, of which the first that is reached ends it: which one depends on how busy the machine is. */
const EITHER = /^(timeout|response_too_large)$/;

describe('servers that want to cost time or memory', () => {
  let costs: readonly Cost[] = [];
  beforeAll(async () => {
    costs = await costsOf(COST_CASES);
  }, 60_000);

  it('each ends with an error of this library, in bounded time and memory', () => {
    expect(costs).toHaveLength(COST_CASES.length);
    for (const [index, { name, outcome, cpuMs }] of costs.entries()) {
      const expected = COST_CASES[index]?.outcome ?? '';
      const either = EITHER.test(expected) ? EITHER : new RegExp(`^${expected}$`);
      expect([name, outcome]).toEqual([name, expect.stringMatching(either)]);
      expect([name, cpuMs < MOST_CPU_MS]).toEqual([name, true]);
    }
    expect(costs.reduce((sum, { peakMiB }) => sum + peakMiB, 0)).toBeLessThan(MOST_MIB);
  });

  it('a silent one, and one that drips, is met for as long as a request may take, and no longer', () => {
    const slow = costs.filter(({ outcome, cpuMs }) => outcome === 'timeout' && cpuMs < 300);
    expect(slow.length).toBeGreaterThanOrEqual(3);
    for (const { ms } of slow) expect(ms).toBeLessThan(TIME_LIMIT_MS + 2_000);
  });

  it('a 401 whose body does not end is dealt with without waiting for it', () => {
    const refused = costs.filter(({ outcome }) => outcome === 'interaction_required');
    expect(refused).toHaveLength(5);
    for (const { name, ms } of refused) expect([name, ms < 5_000]).toEqual([name, true]);
  });
});
