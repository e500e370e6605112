/** What hostile servers cost: time and memory at each bound, each in a process of its own. Usage: tsx bench/bounds.ts */
import { COST_CASES } from '../test/attacks/bounds-cases.js';
import { costsOf } from '../test/attacks/bounds-cost.js';

const lines = ['| attack | ends with | ms | CPU, ms | peak memory, MiB more |', '| --- | --- | --- | --- | --- |'];
for (const one of COST_CASES) {
  for (const { name, outcome, ms, cpuMs, peakMiB } of await costsOf([one])) {
    lines.push(`| ${name} | ${outcome} | ${ms} | ${cpuMs} | ${peakMiB} |`);
  }
}
process.stdout.write(`${lines.join('\n')}\n`);
