import { isMcpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import { CommandError } from './command-error.js';
import { UsageError } from './usage-error.js';

/** What the process ends with. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  signInNeeded: 3,
  denied: 4,
  tryAgain: 5,
  interrupted: 130,
} as const;

/** The exit codes as `--help` explains them. */
export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    it failed
  2    wrong usage
  3    someone has to sign in (mcp-oauth-client login URL)
  4    denied: consent was refused, or the scopes are not enough
  5    the server cannot be reached now, try again later
  130  interrupted (Ctrl-C)`;

/** The same of `doctor`, which signs nobody in. */
export const DOCTOR_EXIT_CODES_HELP = `Exit codes:
  0    no problem was found
  1    a problem was found, or it failed
  2    wrong usage
  5    nothing was found but what may pass: try again later
  130  interrupted (Ctrl-C)`;

const SIGN_IN_NEEDED: ReadonlySet<McpOAuthErrorCode> = new Set([
  'authorization_required',
  'interaction_required',
  'sign_in_timeout',
  'signed_out',
]);
const DENIED: ReadonlySet<McpOAuthErrorCode> = new Set([
  'access_denied',
  'insufficient_scope',
  'step_up_denied',
  'step_up_postponed',
]);

/** The exit code that belongs to an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof CommandError) return error.exitCode ?? EXIT.failure;
  if (!isMcpOAuthError(error)) return EXIT.failure;
  if (error.code === 'invalid_options') return EXIT.usage;
  if (SIGN_IN_NEEDED.has(error.code)) return EXIT.signInNeeded;
  if (DENIED.has(error.code)) return EXIT.denied;
  return error.retryable ? EXIT.tryAgain : EXIT.failure;
}
