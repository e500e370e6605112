import type { Results } from './results.js';
import { type Section, show, times } from './table.js';

export function addressSection({ addressCost: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ratio, noise, plain, judged } = measured;
  return {
    title: "Time of the library's own OAuth requests on a kept loopback connection (median, ± 95 % interval)",
    rows: [
      {
        feature: 'ratio to a bare undici agent, with address rule and bounds',
        detail: 'time of a metadata request',
        ours: times(ratio),
        v1: '-',
        v2: '-',
        bound: '-',
        verdict: undefined,
        main: true,
      },
    ],
    notes: [
      `noise: the bare agent against itself ${times(noise)}; a request through it takes ${plain.median.toFixed(0)} us`,
      `the rule alone judges a URL in ${show(judged.name, 2)} us (name) and ${show(judged.literal, 2)} us (literal)`,
    ],
  };
}
