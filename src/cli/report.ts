import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { CommandError } from './command-error.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import type { Io } from './io.js';
import { printable, safeJson } from './printable.js';
import { messageFor, type RemedyContext, remedyFor } from './remedy.js';
import { painter } from './style.js';

/** How long a message of somebody else's may be. */
const LONGEST_MESSAGE = 2_000;

/** Writes an error to stderr, as two lines or as one object of JSON, and gives the exit code. Never a stack. */
export function reportError(io: Io, caught: unknown, json: boolean, context?: RemedyContext): number {
  // An SDK wraps what this library throws.
  const error = innermost(caught);
  const remedy = remedyOf(error, context);
  const exitCode = exitCodeOf(error);
  const message = printable(messageOf(error), LONGEST_MESSAGE);
  const code = isMcpOAuthError(error) || error instanceof CommandError ? error.code : undefined;
  if (json) {
    const facts = isMcpOAuthError(error) ? facetsOf(error) : { code };
    io.stderr.write(`${safeJson({ error: { ...facts, message, remedy, exitCode } })}\n`);
    return exitCode;
  }
  const paint = painter(io, 'stderr');
  io.stderr.write(`${paint('red', code === undefined ? 'error:' : `error [${code}]:`)} ${message}\n`);
  if (remedy !== undefined) io.stderr.write(`  ${printable(remedy)}\n`);
  return exitCode;
}

/** The end that a person asked for. */
export function reportInterruption(io: Io, json: boolean): number {
  const message = 'Interrupted. What was under way has ended, and nothing is left open.';
  reportError(io, new McpOAuthError('aborted', message, { stage: 'authorization' }), json);
  return EXIT.interrupted;
}

function messageOf(error: unknown): string {
  if (isMcpOAuthError(error)) return messageFor(error);
  return error instanceof Error ? error.message : String(error);
}

function remedyOf(error: unknown, context: RemedyContext | undefined): string | undefined {
  if (error instanceof CommandError) return error.remedy;
  return isMcpOAuthError(error) ? remedyFor(error, context) : undefined;
}

function facetsOf({ code, stage, status, oauthError, url }: McpOAuthError) {
  return { code, stage, status, oauthError, url };
}

/** The error of this library that is the reason of `error`, or `error` itself. */
function innermost(error: unknown): unknown {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if (isMcpOAuthError(at)) return at;
  }
  return error;
}
