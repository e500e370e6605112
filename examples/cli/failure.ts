import { findMcpOAuthError } from 'mcp-oauth-client';

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** One line; a server's text could pretend to be lines of the terminal. */
export function messageOf(error: unknown): string {
  const { message } = findMcpOAuthError(error) ?? (error as Error);
  return message.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** What scripts may want to tell apart; README.md explains the codes. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2;
  const own = findMcpOAuthError(error);
  switch (own?.code) {
    case 'invalid_options':
      return 2;
    case 'interaction_required':
    case 'sign_in_timeout':
    case 'signed_out':
      return 3;
    case 'access_denied':
    case 'insufficient_scope':
    case 'step_up_denied':
      return 4;
    default:
      return own?.retryable === true ? 5 : 1;
  }
}
