import { findMcpOAuthError, isMcpOAuthError, McpOAuthError } from '../errors.js';
import { CommandError } from './command-error.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import type { Io } from './io.js';
import { printable, safeJson } from './printable.js';
import { messageFor, type RemedyContext, remedyFor } from './remedy.js';
import { painter } from './style.js';
import { UsageError } from './usage-error.js';

/** How long a message of somebody else's may be. */
const LONGEST_MESSAGE = 2_000;

/** Writes an error to stderr, as two lines or as one object of JSON, and gives the exit code. Never a stack. */
export function reportError(
  io: Io,
  caught: unknown,
  json: boolean,
  context?: RemedyContext,
  exitCode = exitCodeOf(findMcpOAuthError(caught) ?? caught),
): number {
  const error = findMcpOAuthError(caught) ?? caught;
  const remedy = remedyOf(error, context);
  const message = printable(messageOf(error, json), LONGEST_MESSAGE);
  const code = codeOf(error);
  if (json) {
    const facts = isMcpOAuthError(error) ? facetsOf(error) : { code };
    io.stderr.write(`${safeJson({ error: { ...facts, message, remedy, exitCode } })}\n`);
    return exitCode;
  }
  const paint = painter(io, 'stderr');
  // Wrong usage speaks for itself.
  const label = code === undefined || error instanceof UsageError ? 'error:' : `error [${code}]:`;
  io.stderr.write(`${paint('red', label)} ${message}\n`);
  if (remedy !== undefined) io.stderr.write(`  ${printable(remedy)}\n`);
  return exitCode;
}

/** The end that a person asked for. */
export function reportInterruption(io: Io, json: boolean): number {
  const message = 'Interrupted. What was under way has ended, and nothing is left open.';
  const error = new McpOAuthError('aborted', message, { stage: 'authorization' });
  return reportError(io, error, json, undefined, EXIT.interrupted);
}

/** A program that reads JSON gets the library's own words. */
function messageOf(error: unknown, json: boolean): string {
  if (isMcpOAuthError(error)) return json ? error.message : messageFor(error);
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | undefined {
  if (isMcpOAuthError(error) || error instanceof CommandError) return error.code;
  return error instanceof UsageError ? 'usage_error' : undefined;
}

function remedyOf(error: unknown, context: RemedyContext | undefined): string | undefined {
  if (error instanceof CommandError) return error.remedy;
  return isMcpOAuthError(error) ? remedyFor(error, context) : undefined;
}

function facetsOf({ code, stage, status, oauthError, url }: McpOAuthError) {
  return { code, stage, status, oauthError, url };
}
