import { McpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import { askedWaitMs } from '../http/retry.js';
import { Backoff } from './backoff.js';

/** The longest pause between refreshes that calls wait for, in ms, while the authorization server says that it is in distress. */
const DISTRESS_PAUSE_MS = 30_000;
/** The same where nothing of it was heard: there is nobody to spare, and the network may be back any time. */
const SILENCE_PAUSE_MS = 5_000;
/** Network Authentication Required: that is not the server's word. */
const PORTAL_STATUS = 511;
/** These say nothing about the authorization server. */
const NOT_BY_SERVER: ReadonlySet<McpOAuthErrorCode> = new Set(['aborted', 'lock_timeout', 'lease_lost']);

/** What is known of a failed refresh. */
interface FailedRefresh {
  readonly error: McpOAuthError;
  /** The access token that was to be replaced. */
  readonly accessToken: string | undefined;
  /** Whether calls go on with a token that is valid still. */
  readonly isAhead: boolean;
  readonly now: number;
}

/**
 * When to refresh again after a failure, and what calls are told until then. What is temporary costs nothing the first time, and from
 * the second time in a row on a pause of 1, 2, 4 … 30 s (5 s where no word of the server came). What was refused, or failed ahead of
 * expiry, costs one of 1, 2, 4 … 60 s. None is shorter than the server asked for.
 */
export class RefreshPause {
  readonly #backoff: Backoff;
  readonly #outage: Backoff;
  #last: Pick<FailedRefresh, 'error' | 'accessToken'> | undefined;

  /** @param random - A number from 0 to below 1, by which pauses are up to half shorter: sessions do not come back together. */
  constructor(random: () => number) {
    this.#backoff = new Backoff({ random });
    this.#outage = new Backoff({ random, free: 1 });
  }

  /** Whether a refresh ahead of expiry may be tried. */
  mayRefreshAhead(now: number): boolean {
    return this.#backoff.ready(now);
  }

  /** It failed. */
  failed({ error, accessToken, isAhead, now }: FailedRefresh): void {
    const askedMs = askedWaitMs(error);
    this.#backoff.failed(now, { askedMs });
    const isByServer = error.stage !== 'store' && !NOT_BY_SERVER.has(error.code);
    // What did not come from the server says nothing against what it asked for before.
    if (isByServer) this.#last = { error, accessToken };
    if (!isByServer || !error.retryable) return;
    // Calls that were not refused yet begin anew: they come when the server may be back.
    if (!isAhead) this.#outage.failed(now, { askedMs, longestMs: longestPauseMs(error) });
    else if (askedMs !== undefined) this.#outage.hold(now, askedMs);
  }

  /** It worked. Tokens that are due as soon as they are issued must not be asked for in a loop. */
  succeeded(isDue: boolean, now: number): void {
    this.lift();
    this.#outage.succeeded();
    if (isDue) this.#backoff.failed(now);
    else this.#backoff.succeeded();
  }

  /** Why a call that needs another token in place of `accessToken` is not to ask for one at `now`, if so. */
  refusal(accessToken: string | undefined, now: number): McpOAuthError | undefined {
    if (this.#last === undefined || this.#last.accessToken !== accessToken) return undefined;
    const { error } = this.#last;
    if (!error.retryable) return this.#backoff.ready(now) ? undefined : error;
    const remainingMs = this.#outage.remainingMs(now);
    return remainingMs === 0 ? undefined : paused(error, remainingMs);
  }

  /** The next call asks in any case. */
  lift(): void {
    this.#last = undefined;
  }

  /** Another session has begun. */
  reset(): void {
    this.lift();
    this.#outage.succeeded();
  }
}

function longestPauseMs({ status = 0 }: McpOAuthError): number {
  const isInDistress = status === 429 || (status >= 500 && status !== PORTAL_STATUS);
  return isInDistress ? DISTRESS_PAUSE_MS : SILENCE_PAUSE_MS;
}

/** The last failure, for a call that did not ask again. */
function paused(error: McpOAuthError, remainingMs: number): McpOAuthError {
  const { code, stage, status, oauthError, url, message } = error;
  const seconds = Math.max(1, Math.ceil(remainingMs / 1_000));
  return new McpOAuthError(
    code,
    `${message} It failed a moment ago and was not asked again: try again in ${seconds} s.`,
    {
      stage,
      status,
      oauthError,
      url,
      cause: error.cause,
    },
  );
}
