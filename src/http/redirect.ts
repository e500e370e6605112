import { McpOAuthError, type Stage } from '../errors.js';
import { isLoopbackHost } from './address.js';
import { displayUrl, parseUrl } from './text.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Whether an answer leads elsewhere; also where the browser hides everything about it. */
export function isRedirect(response: Response): boolean {
  return REDIRECTS.has(response.status) || response.type === 'opaqueredirect';
}

/**
 * Where an answer leads.
 *
 * @throws {@link McpOAuthError} `redirect_refused` where it may not be followed or does not say where.
 */
export function redirectTarget(response: Response, from: URL, options: { stage: Stage; mayFollow: boolean }): URL {
  const location = response.headers.get('location');
  const target = location === null ? undefined : parseUrl(location, from);
  if (options.mayFollow && target) return target;
  let reason = 'Here no redirect is followed: ask its operator for the URL that answers itself.';
  if (response.type === 'opaqueredirect') reason = 'A browser does not let it be judged.';
  else if (!target) reason = 'It names no URL to go to.';
  throw refusal(from, response.status, reason, options.stage);
}

/**
 * Judges the step from one URL to the next by itself; the address rule judges the target.
 *
 * @throws {@link McpOAuthError} `redirect_refused` where it leaves https, save within loopback.
 */
export function assertRedirect(from: URL, to: URL, stage: Stage): void {
  if (from.protocol !== 'https:' || to.protocol === 'https:') return;
  if (isLoopbackHost(from.hostname) && isLoopbackHost(to.hostname)) return;
  throw refusal(from, undefined, `It leads from https to ${displayUrl(to)}.`, stage);
}

function refusal(from: URL, status: number | undefined, reason: string, stage: Stage): McpOAuthError {
  const url = displayUrl(from);
  return new McpOAuthError('redirect_refused', `The redirect of ${url} was refused. ${reason}`, { stage, url, status });
}
