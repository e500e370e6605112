import { Command } from 'commander';
import { registerCall } from './commands/call.js';
import { registerLogin } from './commands/login.js';
import { registerLogout } from './commands/logout.js';
import { registerStatus } from './commands/status.js';
import { registerToken } from './commands/token.js';
import { registerTools } from './commands/tools.js';
import { registerDoctor } from './doctor/command.js';
import { EXIT_CODES_HELP } from './exit-code.js';
import type { Io } from './io.js';
import { wantsColour } from './style.js';

/** The whole command line. It never ends the process by itself, and writes nowhere but to `io`. */
export function createProgram(io: Io): Command {
  const { stdout, stderr, env } = io;
  const program = new Command('mcp-oauth-client')
    .description('Sign in to protected MCP servers, and use them, from the command line.')
    .version(io.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      // Errors are reported in one place, as JSON where that is wanted.
      outputError: () => undefined,
      getOutHelpWidth: () => stdout.columns || 100,
      getErrHelpWidth: () => stderr.columns || 100,
      getOutHasColors: () => wantsColour(stdout, env),
      getErrHasColors: () => wantsColour(stderr, env),
    })
    .addHelpText(
      'after',
      `\nExample:\n  $ mcp-oauth-client login https://mcp.example.com/mcp\n  $ mcp-oauth-client tools https://mcp.example.com/mcp\n\n${EXIT_CODES_HELP}`,
    );
  for (const register of [registerLogin, registerStatus, registerLogout, registerToken, registerTools, registerCall]) {
    register(program, io);
  }
  const { signal, clock, fetch, exitWith: setExitCode } = io;
  registerDoctor(program, { stdout, stderr, color: wantsColour(stdout, env), signal, clock, fetch, setExitCode });
  return program;
}
