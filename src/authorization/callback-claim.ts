import { McpOAuthError } from '../errors.js';
import type { Transaction } from './transaction.js';

/** The URL that an application brings from wherever the browser was sent back to. Throws `invalid_callback`. */
export function parseCallback(callbackUrl: string | URL): URL {
  try {
    return new URL(callbackUrl);
  } catch {
    const message = 'finishAuthorization() takes the whole URL that the browser was sent back to.';
    throw new McpOAuthError('invalid_callback', message, { stage: 'callback' });
  }
}

/** Throws where a callback belongs to no pending sign-in, or to one of another account or server, which stays pending. */
export function assertOurs(transaction: Transaction | undefined, session: string): void {
  if (transaction === undefined) {
    throw new McpOAuthError(
      'state_mismatch',
      'No sign-in that is pending here belongs to this callback. It may have expired or been used; start the sign-in again.',
      { stage: 'callback' },
    );
  }
  if (transaction.session === session) return;
  const message = 'This callback belongs to the sign-in of another account or server.';
  throw new McpOAuthError('invalid_callback', message, { stage: 'callback' });
}

/** The callback was finished before, here or on another instance. */
export function usedCallback(): McpOAuthError {
  const message = 'This callback was used before. Start the sign-in again.';
  return new McpOAuthError('invalid_callback', message, { stage: 'callback' });
}
