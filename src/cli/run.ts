import { type Command, CommanderError } from 'commander';
import { EXIT } from './exit-code.js';
import type { Io, World } from './io.js';
import { createProgram } from './program.js';
import { reportError, reportInterruption } from './report.js';
import { UsageError } from './usage-error.js';

/**
 * Runs one command line, without `node` and the script, and gives the exit code. It does not end the process, and leaves no listener,
 * timer or connection behind.
 */
export async function run(argv: readonly string[], world: World): Promise<number> {
  let exitCode: number = EXIT.ok;
  const io: Io = {
    ...world,
    exitWith(code) {
      exitCode = code;
    },
  };
  const program = createProgram(io);
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return EXIT.usage;
  }
  const json = argv.includes('--json');
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (world.signal.aborted) return reportInterruption(io, json);
    if (!(error instanceof CommanderError)) return reportError(io, error, json);
    // Help and version were asked for, and are written.
    if (error.exitCode === 0) return EXIT.ok;
    return reportError(io, asUsageError(error, program), json);
  }
}

function asUsageError(error: CommanderError, program: Command): UsageError {
  // The URL's own parser says what is wrong with it, and quotes it.
  const message = error.message
    .replace(/^error: (command-argument value .* is invalid for argument 'url'\. )?/s, '')
    .replace(/\s+/g, ' ');
  const known = program.commands.find((command) => command.name() === program.args[0]);
  const help = known === undefined ? '--help' : `${known.name()} --help`;
  return new UsageError(`${message}${/[.?!)]$/.test(message) ? '' : '.'} Try: mcp-oauth-client ${help}`);
}
