import type { Command } from 'commander';
import { type Clock, systemClock } from '../../clock.js';
import type { FetchLike } from '../../types.js';
import { DOCTOR_EXIT_CODES_HELP } from '../exit-code.js';
import { absoluteUrl, addedHost, secondsUpTo } from '../option-values.js';
import { addExamples, urlArgument } from '../options.js';
import { painterWhere } from '../style.js';
import { examine } from './examine.js';
import { type PrintOptions, printStep } from './print-step.js';
import { printEnd, printHead } from './print-summary.js';
import { createReferences } from './references.js';
import type { ExchangeRecord, Report, Step } from './report.js';
import { scrubber, shownServer } from './scrub.js';

/** What `doctor` needs of the program around it. */
export interface DoctorIo {
  readonly stdout: { write(text: string): unknown; readonly columns?: number | undefined };
  readonly stderr: { write(text: string): unknown };
  /** Whether the text is coloured. */
  readonly color: boolean;
  /** Ends the examination; the command then rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Sends every request in place of the program's own connections. */
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
  /** Called once, with 0 (no problem), 1 (a problem) or 5 (nothing but temporary ones: try again). */
  setExitCode(code: 0 | 1 | 5): void;
}

interface Flags {
  readonly json?: boolean;
  readonly clientId?: string;
  readonly clientMetadataUrl?: string;
  readonly resourceMetadataUrl?: string;
  readonly allowInsecureHttp?: readonly string[];
  readonly timeout: number;
  readonly verbose?: boolean;
}

const NOTE = `Prints for each step what was asked, what came back, what the specification says about it,
a verdict (ok, note, warning, problem, skipped) and a remedy.`;
const LONGEST_TIMEOUT_S = 600;

/** Adds `doctor URL` to the program. */
export function registerDoctor(program: Command, io: DoctorIo): void {
  const command = program
    .command('doctor')
    .description('Examine how a server is protected, step by step, without signing in.')
    .addArgument(urlArgument())
    .option('--json', 'print one JSON document')
    .option('--client-id <id>', 'a client that is registered already')
    .option('--client-metadata-url <url>', 'a Client ID Metadata Document, which is checked too')
    .option('--resource-metadata-url <url>', 'where the resource metadata is', absoluteUrl)
    .option('--allow-insecure-http <host>', 'allow plain http to this host (repeatable)', addedHost)
    .option('--timeout <seconds>', 'how long one request may take', secondsUpTo(LONGEST_TIMEOUT_S), 10)
    .option('--verbose', 'print the headers that matter and the JSON documents');
  addExamples(
    command,
    [
      'mcp-oauth-client doctor https://mcp.example.com/mcp',
      'mcp-oauth-client doctor https://mcp.example.com/mcp --verbose',
      "mcp-oauth-client doctor https://mcp.example.com/mcp --json | jq -r '.summary.firstRemedy'",
    ],
    NOTE,
    DOCTOR_EXIT_CODES_HELP,
  );
  command.action((url: string, flags: Flags) => run(url, flags, io));
}

async function run(serverUrl: string, flags: Flags, io: DoctorIo): Promise<void> {
  const options = {
    serverUrl,
    clientId: flags.clientId,
    clientMetadataUrl: flags.clientMetadataUrl,
    resourceMetadataUrl: flags.resourceMetadataUrl,
    network: flags.allowInsecureHttp === undefined ? undefined : { allowInsecureHttp: flags.allowInsecureHttp },
    timeoutMs: flags.timeout * 1000,
    clock: io.clock ?? systemClock,
    signal: io.signal,
    fetch: io.fetch,
  };
  if (flags.allowInsecureHttp !== undefined) {
    io.stderr.write('Plain http is allowed to the hosts you named: whoever is on the way can read and change it.\n');
  }
  const report = flags.json === true ? await examine(options) : await examineAloud(options, flags, io);
  if (flags.json === true) io.stdout.write(`${JSON.stringify(forJson(report, flags), undefined, 2)}\n`);
  io.setExitCode(report.exitCode);
}

/** Prints each step as soon as it is done. */
async function examineAloud(options: Parameters<typeof examine>[0], flags: Flags, io: DoctorIo): Promise<Report> {
  const print: PrintOptions = {
    columns: Math.min(Math.max(io.stdout.columns || 80, 60), 100),
    verbose: flags.verbose === true,
    paint: painterWhere(io.color),
    references: createReferences(),
  };
  const write = (lines: readonly string[]) => void io.stdout.write(`${lines.join('\n')}\n`);
  const scrub = scrubber(options.serverUrl);
  write(printHead(scrub(shownServer(options.serverUrl)), print));
  let number = 0;
  const report = await examine(options, (step) => {
    number += 1;
    write([...printStep(step, number, print), '']);
  });
  write(printEnd(report, print));
  return report;
}

/** Without `--verbose` the headers and documents stay out. */
function forJson(report: Report, { verbose }: Flags): Report {
  if (verbose === true) return report;
  const slim = ({ headers: _headers, body: _body, ...exchange }: ExchangeRecord): ExchangeRecord => exchange;
  return { ...report, steps: report.steps.map((step): Step => ({ ...step, exchanges: step.exchanges.map(slim) })) };
}
