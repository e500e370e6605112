/**
 * Runs every `auth/*` client scenario of the official conformance suite, one at a time per run of the suite, with both MCP SDKs.
 *
 * Usage: run.ts [--scenario NAME]... [--client v1|v2] [--verbose]
 */
import { parseArgs, styleText } from 'node:util';
import { judge, type Observation, SCENARIOS, type Verdict } from './expectations.js';
import { openSuite, type Sdk, type Suite } from './suite.js';

const PARALLEL = 3;

interface Result {
  readonly observation: Observation;
  readonly verdict: Verdict;
}

/** One line of the table: a scenario and its result with each client. */
interface Row {
  readonly scenario: string;
  readonly results: Map<Sdk, Result>;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', multiple: true },
      client: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  if (values.client !== undefined && values.client !== 'v1' && values.client !== 'v2') {
    throw new Error('--client must be v1 or v2.');
  }
  const sdks: readonly Sdk[] = values.client === undefined ? ['v2', 'v1'] : [values.client];

  const suite = await openSuite();
  const rows = chooseRows(suite, values.scenario);
  await runAll(suite, rows, sdks);
  if (values.verbose) for (const row of rows) printDetails(row);
  console.log(`@modelcontextprotocol/conformance ${suite.version}\n`);
  printTable(rows, sdks);

  const results = rows.flatMap((row) => [...row.results.values()]);
  const passed = results.filter((result) => result.verdict.passed).length;
  console.log(`\n${passed} passed, ${results.length - passed} failed`);
  process.exitCode = results.length > 0 && passed === results.length ? 0 : 1;
}

/** All of them, or those that were named. */
function chooseRows(from: Suite, names: readonly string[] | undefined): Row[] {
  const unknown = (names ?? []).filter((name) => !from.scenarios.includes(name));
  if (unknown.length > 0) throw new Error(`The suite ${from.version} has no scenario ${unknown.join(', ')}.`);
  if (from.scenarios.length !== SCENARIOS) {
    throw new Error(`The suite ${from.version} has ${from.scenarios.length} auth scenarios, not ${SCENARIOS}.`);
  }
  const chosen = names ?? from.scenarios;
  return chosen.map((scenario) => ({ scenario, results: new Map() }));
}

async function runAll(from: Suite, all: readonly Row[], sdks: readonly Sdk[]): Promise<void> {
  const queue = sdks.flatMap((sdk) => all.map((row) => ({ row, sdk })));
  const total = queue.length;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const observation = await from.run(next.row.scenario, next.sdk);
      next.row.results.set(next.sdk, { observation, verdict: judge(next.row.scenario, observation) });
      done += 1;
      if (process.stderr.isTTY) process.stderr.write(`\r${done}/${total}${done === total ? '\r\x1b[K' : ''}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

function printTable(all: readonly Row[], sdks: readonly Sdk[]): void {
  const width = Math.max(...all.map((row) => row.scenario.length));
  const line = (scenario: string, cells: readonly string[], note: string): string =>
    `${scenario.padEnd(width)}  ${cells.join('  ')}  ${note}`.trimEnd();
  console.log(
    line(
      'scenario',
      sdks.map((sdk) => sdk.padEnd(4)),
      'note',
    ),
  );
  for (const row of all)
    console.log(
      line(
        row.scenario,
        sdks.map((sdk) => cell(row, sdk)),
        note(row),
      ),
    );
}

function cell(row: Row, sdk: Sdk): string {
  const result = row.results.get(sdk);
  return result?.verdict.passed ? paint('green', 'pass') : paint('red', 'FAIL');
}

function note(row: Row): string {
  const verdicts = [...row.results.values()].map((result) => result.verdict);
  const problem = verdicts.find((verdict) => !verdict.passed)?.problems[0];
  if (problem !== undefined) return problem.length > 100 ? `${problem.slice(0, 99)}…` : problem;
  const refusal = verdicts.find((verdict) => verdict.refusal !== undefined)?.refusal;
  return refusal === undefined ? '' : `refused, as it must: ${refusal}`;
}

function printDetails(row: Row): void {
  for (const [sdk, { observation, verdict }] of row.results) {
    if (verdict.passed) continue;
    console.log(paint('bold', `${row.scenario} (${sdk})`));
    for (const problem of verdict.problems) console.log(`  ${problem}`);
    const said = observation.checks.length > 0 ? observation.clientStderr : observation.suiteStderr;
    console.log(said.replace(/^/gm, '  | '));
  }
}

function paint(format: 'green' | 'red' | 'bold', text: string): string {
  return process.stdout.isTTY ? styleText(format, text) : text;
}

// Otherwise an interrupt would leave the suites that are under way behind.
process.once('SIGINT', () => process.exit(130));

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
