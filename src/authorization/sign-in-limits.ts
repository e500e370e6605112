import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { InteractionReason } from '../options.js';
import { type AttemptLimiter, attemptLimiter } from './attempt-limiter.js';
import { notAgain, tokenRejected } from './session-errors.js';

/** Sign-ins that 401s alone may cause, across requests, in {@link WINDOW_MS}. */
const MOST_SIGN_INS = 3;
const WINDOW_MS = 600_000;
/** After so many sign-ins in a row that nobody finished, nobody is there: no tabs pile up overnight. */
const MOST_UNANSWERED = 3;

/**
 * Sign-ins that answers alone may set out for in {@link MINUTE_MS}, however they end: each asks for metadata wherever the server
 * says. A minute, so that what was out of order for a while is found again soon.
 */
const MOST_STARTS = 10;
const MINUTE_MS = 60_000;
/** Clients that may be registered, or asked of a person, in {@link WINDOW_MS}: a server may name a new issuer each time. */
const MOST_NEW_CLIENTS = 6;
/** Refreshes of tokens that had not expired, which 401s alone may cause in {@link WINDOW_MS}. */
const MOST_FORCED_REFRESHES = 60;

/** How often a person is asked, and a server is told to make something new, where nobody asked for it. */
export class SignInLimits {
  readonly #signIns: AttemptLimiter;
  readonly #starts: AttemptLimiter;
  readonly #newClients: AttemptLimiter;
  readonly #forcedRefreshes: AttemptLimiter;
  #lastRefused: string | undefined;
  #unanswered = 0;
  /** How the last sign-in ended, where it failed. */
  #lastFailure: McpOAuthError | undefined;

  constructor(clock: Clock) {
    this.#signIns = attemptLimiter(clock, MOST_SIGN_INS, WINDOW_MS);
    this.#starts = attemptLimiter(clock, MOST_STARTS, MINUTE_MS);
    this.#newClients = attemptLimiter(clock, MOST_NEW_CLIENTS, WINDOW_MS);
    this.#forcedRefreshes = attemptLimiter(clock, MOST_FORCED_REFRESHES, WINDOW_MS);
  }

  /** Why nobody is asked now, if so. */
  refusal(reason: InteractionReason): McpOAuthError | undefined {
    if (reason === 'authorize') return undefined;
    const mayAsk =
      this.#unanswered < MOST_UNANSWERED &&
      this.#newClients.allows('') &&
      (reason !== 'unauthorized' || this.#signIns.allows(''));
    const last = this.#lastFailure;
    if (!mayAsk) return last === undefined ? tokenRejected() : notAgain(last);
    if (this.#starts.allows('')) return undefined;
    return last === undefined ? tokenRejected() : notNow(last);
  }

  /** A person's sign-in sets out: from here on it sends requests. */
  started(reason: InteractionReason): void {
    if (reason !== 'authorize') this.#starts.take('');
  }

  /** A client was registered or asked for, or that failed for good. */
  newClient(): void {
    this.#newClients.take('');
  }

  /** A person is asked, here or in another window. */
  count(reason: InteractionReason): void {
    if (reason === 'unauthorized') this.#signIns.take('');
  }

  /**
   * The MCP server refused this token, which is to be refreshed; many requests may have carried it.
   *
   * @throws McpOAuthError `token_rejected` where that was so often enough
   */
  countRefused(token: string): void {
    if (token === this.#lastRefused) return;
    // In this order: what was not let through counts again.
    if (!this.#forcedRefreshes.take('')) throw tokenRejected();
    this.#lastRefused = token;
  }

  failed(error: McpOAuthError): void {
    this.#lastFailure = error.code === 'aborted' ? cancelled() : error;
    if (error.code === 'sign_in_timeout') this.#unanswered += 1;
  }

  /** Tokens came, however. */
  succeeded(): void {
    this.#lastFailure = undefined;
    this.#unanswered = 0;
  }

  /** The user asked for a sign-in: what was counted before counts no more. */
  reset(): void {
    this.#unanswered = 0;
    this.#signIns.reset();
    this.#starts.reset();
    this.#newClients.reset();
    this.#forcedRefreshes.reset();
  }
}

/** To calls that nobody aborted, `aborted` would say that they were. */
function cancelled(): McpOAuthError {
  const message = 'The last sign-in was cancelled before anybody finished it.';
  return new McpOAuthError('authorization_failed', message, { stage: 'authorization' });
}

/** What the last attempt met may have passed, but nobody looks again with every call. */
function notNow({ code, message, stage, status, oauthError, url }: McpOAuthError): McpOAuthError {
  const why = `${MOST_STARTS} sign-ins were tried within a minute; a call after that tries again, authorize() at once.`;
  return new McpOAuthError(code, `${message} ${why}`, { stage, status, oauthError, url });
}
