import type { Clock } from '../clock.js';
import type { McpOAuthError } from '../errors.js';
import type { InteractionReason } from '../options.js';
import { type AttemptLimiter, attemptLimiter } from './attempt-limiter.js';
import { notAgain, tokenRejected } from './session-errors.js';

/** Sign-ins that 401s alone may cause, across requests, in {@link WINDOW_MS}. */
const MOST_SIGN_INS = 3;
const WINDOW_MS = 600_000;
/** After so many sign-ins in a row that nobody finished, nobody is there: no tabs pile up overnight. */
const MOST_UNANSWERED = 3;

/** How often a person is asked where nobody asked for it. */
export class SignInLimits {
  readonly #signIns: AttemptLimiter;
  #unanswered = 0;
  /** How the last sign-in ended, where it failed. */
  #lastFailure: McpOAuthError | undefined;

  constructor(clock: Clock) {
    this.#signIns = attemptLimiter(clock, MOST_SIGN_INS, WINDOW_MS);
  }

  /** Why nobody is asked now, if so. */
  refusal(reason: InteractionReason): McpOAuthError | undefined {
    if (reason === 'authorize') return undefined;
    const mayAsk = this.#unanswered < MOST_UNANSWERED && (reason !== 'unauthorized' || this.#signIns.allows(''));
    if (mayAsk) return undefined;
    return this.#lastFailure === undefined ? tokenRejected() : notAgain(this.#lastFailure);
  }

  /** A person is asked, here or in another window. */
  count(reason: InteractionReason): void {
    if (reason === 'unauthorized') this.#signIns.take('');
  }

  failed(error: McpOAuthError): void {
    this.#lastFailure = error;
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
  }
}
