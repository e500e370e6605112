import type { Results } from './results.js';
import type { Estimate } from './statistics.js';
import { both, judge, type Row, row, type Section, times, whole } from './table.js';

const IMPORT_RATIO = 1.2;
const PACKAGES = 20;

/** What comes before the first call: installing and importing. */
export function installSections(results: Results): Section[] {
  return [importTime(results), packages(results)].filter((section) => section !== undefined);
}

function importTime({ importTime: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ratio, noise, cpuRatio, alone, together } = measured;
  const ms = (value: Estimate) => whole(value, 'ms');
  const importRow = (sdk: 'v1' | 'v2'): Row =>
    row({
      feature: `import time with the ${sdk} client over that client alone`,
      ours: times(ratio[sdk]),
      [sdk]: '1',
      bound: `<= ${IMPORT_RATIO}`,
      verdict: judge(IMPORT_RATIO, ratio[sdk]),
    });
  return {
    title: 'Import time (median, ± 95 % interval)',
    rows: [importRow('v1'), importRow('v2')],
    notes: [
      `${ms(together.v1)} instead of ${ms(alone.v1)} (v1), ${ms(together.v2)} instead of ${ms(alone.v2)} (v2); by CPU time ${times(cpuRatio.v1)} (v1), ${times(cpuRatio.v2)} (v2)`,
      `noise: the client against itself ${times(noise.v1)} (v1), ${times(noise.v2)} (v2), ${noise.v1.rounds} interleaved rounds of fresh processes`,
    ],
  };
}

function packages({ packages: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { besideV1, besideV2, bridge } = measured;
  return {
    title: 'Packages',
    rows: [
      {
        feature: 'packages beside the SDK, this one among them',
        ours: both(String(besideV1.length), String(besideV2.length)),
        v1: '0',
        v2: '0',
        bound: `<= ${PACKAGES}`,
        verdict: Math.max(besideV1.length, besideV2.length) <= PACKAGES ? 'met' : 'MISSED',
        main: true,
      },
      row({
        feature: 'packages of a stdio bridge, the MCP SDK among them',
        ours: String(bridge.ours.length),
        mcpRemote: String(bridge.mcpRemote.length),
      }),
    ],
    notes: ['mcp-remote has the MCP SDK and its packages inside of its own files: they are not counted there'],
  };
}
