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

/** No server sends a browser further, and a person pastes no more; whoever sends more is not waited for. */
const LONGEST = 65_536;

function pastedUrl(pasted: string): URL | undefined {
  if (pasted.length > LONGEST) return undefined;
  // A terminal that wraps lines leaves blanks at their ends and beginnings.
  const lines = pasted.split(/[\r\n]+/).map((line) => line.trim());
  const text = unwrapped(lines.join(''));
  const url = parseUrl(text);
  if (url !== undefined) return url;
  const query = text.slice(text.indexOf('?') + 1);
  return /(^|&)state=/.test(query) ? parseUrl(`http://localhost/?${query}`) : undefined;
}

/** Without quotes and blanks around it. By two indices: an expression that looks for the end of the text takes quadratic time. */
function unwrapped(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isWrapping(text[start])) start += 1;
  while (end > start && isWrapping(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isWrapping(character: string | undefined): boolean {
  return /[\s"'`<>]/.test(character ?? '');
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
