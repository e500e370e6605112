import { McpOAuthError } from '../errors.js';
import type { Transaction } from './transaction.js';

/**
 * The URL that an application brings from wherever the browser was sent back to. What a person pasted may be wrapped in
 * quotes and broken into lines, and may lack everything before the query. Throws `invalid_callback`.
 */
export function parseCallback(callbackUrl: string | URL): URL {
  const url = typeof callbackUrl === 'string' ? pastedUrl(callbackUrl) : parseUrl(callbackUrl);
  if (url !== undefined) return url;
  const message =
    'finishAuthorization() takes the whole URL that the browser was sent back to; this is none. The sign-in still waits for it.';
  throw new McpOAuthError('invalid_callback', message, { stage: 'callback' });
}

function pastedUrl(pasted: string): URL | undefined {
  // A terminal that wraps lines leaves blanks at their ends and beginnings.
  const text = pasted.replace(/\s*[\r\n]\s*/g, '').replace(/^[\s"'`<]+|[\s"'`>]+$/g, '');
  const url = parseUrl(text);
  if (url !== undefined) return url;
  const query = text.slice(text.indexOf('?') + 1);
  return /(^|&)state=/.test(query) ? parseUrl(`http://localhost/?${query}`) : undefined;
}

function parseUrl(url: string | URL): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

/**
 * Throws where a callback belongs to no pending sign-in, or to one of another account or server, or is none: someone pasted
 * the URL that the sign-in began with. In each case what is pending stays so.
 */
export function assertOurs(transaction: Transaction | undefined, session: string, url: URL): void {
  if (transaction === undefined) {
    throw new McpOAuthError(
      'state_mismatch',
      'No sign-in that is pending here belongs to this callback. It may have expired or been used; start the sign-in again.',
      { stage: 'callback' },
    );
  }
  if (transaction.session !== session) {
    const message = 'This callback belongs to the sign-in of another account or server.';
    throw new McpOAuthError('invalid_callback', message, { stage: 'callback' });
  }
  if (url.searchParams.has('code') || url.searchParams.has('error')) return;
  const message =
    'This URL carries neither a code nor an error, so it is not the one that the sign-in ends at. Finish the sign-in in the ' +
    'browser, and bring the address that it shows then, even if it shows an error page. The sign-in still waits for it.';
  throw new McpOAuthError('invalid_callback', message, { stage: 'callback' });
}

/** The callback was finished before, here or on another instance. */
export function usedCallback(): McpOAuthError {
  const message = 'This callback was used before. Start the sign-in again.';
  return new McpOAuthError('invalid_callback', message, { stage: 'callback' });
}
