import type { Challenge } from '../challenge.js';
import { traced } from '../diagnostics.js';
import type { McpOAuthError } from '../errors.js';
import { displayUrl, excerpt, redact } from '../http/index.js';
import type { StepUpAnswer } from '../options.js';
import { coversScope, unionScopes } from '../scope.js';
import type { TokenSet } from '../tokens/token-set.js';
import { Waits } from '../tokens/wait.js';
import { type AttemptLimiter, attemptLimiter } from './attempt-limiter.js';
import type { AuthSession, Exchange } from './session.js';
import { readContext } from './session-context.js';
import { asMcpOAuthError, signInTimeout } from './session-errors.js';
import { SharedTask, type Waiter } from './shared-task.js';
import { denied, postponed, requiredScope, stillInsufficient } from './step-up-errors.js';

/** The operation that was refused for lack of scope. */
export interface RefusedOperation {
  /** The token that was sent. */
  readonly sentToken: string | undefined;
  readonly challenge: Challenge;
  /** JSON-RPC method and tool, where the request showed them. */
  readonly method: string | undefined;
  readonly tool: string | undefined;
}

/** At most this many authorizations for one operation within the window. */
const MOST_STEP_UPS = 2;
/** And for the session as a whole: a server names its tools and scopes as it likes. */
const MOST_STEP_UPS_ALTOGETHER = 6;
const MOST_DENIALS = 100;
const WINDOW_MS = 600_000;
/** For how long after a "not now" nobody is asked for the same again, in ms: an agent tries a refused tool at once. */
const POSTPONED_MS = 60_000;

/**
 * Gets more scope when the MCP server asks for it: once for all callers that were refused for the same reason,
 * with the application's consent, and never for ever.
 */
export class StepUp {
  readonly #session: AuthSession;
  readonly #limiter: AttemptLimiter;
  readonly #altogether: AttemptLimiter;
  /** Scopes that somebody refused to grant, for as long as this object lives. */
  readonly #denied: (readonly string[])[] = [];
  /** Scopes that somebody does not want to decide on now, and until when, in ms since the epoch. */
  #postponed: readonly { readonly scope: readonly string[]; readonly until: number }[] = [];
  #current: { task: SharedTask<TokenSet>; required: readonly string[] } | undefined;

  constructor(session: AuthSession) {
    this.#session = session;
    this.#limiter = attemptLimiter(session.options.clock, MOST_STEP_UPS, WINDOW_MS);
    this.#altogether = attemptLimiter(session.options.clock, MOST_STEP_UPS_ALTOGETHER, WINDOW_MS);
  }

  /** Forgets denials and counts: the user asked for a sign-in. */
  reset(): void {
    this.#denied.length = 0;
    this.#postponed = [];
    this.#limiter.reset();
    this.#altogether.reset();
  }

  /**
   * The access token to try the operation again with.
   *
   * @throws McpOAuthError `step_up_denied` where someone refused, `step_up_postponed` after a "not now", `insufficient_scope` where
   * asking again would not help or more is asked for than a person can judge, `account_mismatch` where somebody else signed in.
   * @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-3.1 | RFC 6750 section 3.1}
   */
  async obtain(
    operation: RefusedOperation,
    waiter: Waiter,
    holder?: AbortSignal,
    exchange?: Exchange,
  ): Promise<string> {
    for (;;) {
      const tokens = await this.#session.tokens.current();
      const required = requiredScope(operation.challenge);
      if (tokens !== undefined && tokens.accessToken !== operation.sentToken && coversScope(tokens.scope, required)) {
        // Someone got the scope while this request was on its way.
        return tokens.accessToken;
      }
      this.#assertNotRefused(required);
      const current = this.#current;
      if (current === undefined || !current.task.active) {
        return (await this.#start(operation, required, tokens, waiter, holder, exchange)).accessToken;
      }
      if (holder !== undefined) current.task.hold(holder);
      const got = await current.task.join(waiter);
      if (coversScope(current.required, required)) return got.accessToken;
    }
  }

  #start(
    operation: RefusedOperation,
    required: readonly string[],
    tokens: TokenSet | undefined,
    waiter: Waiter,
    holder: AbortSignal | undefined,
    exchange: Exchange | undefined,
  ): Promise<TokenSet> {
    if (!this.#limiter.allows(nameOf(operation)) || !this.#altogether.take(''))
      throw stillInsufficient(operation.challenge);
    const { clock, server } = this.#session.options;
    const facts = { server: displayUrl(server), scope: required, operation: operation.method, tool: operation.tool };
    const task: SharedTask<TokenSet> = new SharedTask('step-up', clock, (signal) =>
      traced('step-up', facts, () => this.#run(operation, required, tokens, task, signal, exchange)),
    );
    this.#current = { task, required };
    const result = task.join(waiter);
    if (holder !== undefined) task.hold(holder);
    return result;
  }

  async #run(
    operation: RefusedOperation,
    required: readonly string[],
    tokens: TokenSet | undefined,
    task: SharedTask<TokenSet>,
    signal: AbortSignal,
    exchange: Exchange | undefined,
  ): Promise<TokenSet> {
    const session = this.#session;
    const granted = tokens?.scope ?? [];
    const { clock, signInTimeoutMs } = session.options;
    const stopTimer = clock.schedule(signInTimeoutMs, () => task.cancel(signInTimeout(signInTimeoutMs)));
    const forget = session.onInterrupt((reason) => task.cancel(reason));
    try {
      const answer = await this.#ask(operation, required, granted, signal);
      const allowed = answer === true;
      const isPostponed = answer === 'not-now';
      session.emit({ type: 'step_up', scope: required, allowed, ...(isPostponed && { postponed: true }) });
      if (isPostponed) throw this.#postpone(required);
      // What is no answer at all has not allowed it.
      if (!allowed) throw denied(required);
      this.#limiter.take(nameOf(operation));
      const requested = readContext(tokens)?.requestedScope ?? [];
      // What was granted beyond the request is the server's choice, and not one to be asked for again.
      const scope = unionScopes(requested.length > 0 ? requested : granted, required);
      return await session.signIn(
        {
          reason: 'step-up',
          challenge: operation.challenge,
          scope,
          refused: tokens?.accessToken,
          requested: readContext(tokens)?.requestedScope,
        },
        { signals: [signal] },
        undefined,
        exchange,
      );
    } catch (caught) {
      const error = asMcpOAuthError(caught);
      if (error.code !== 'access_denied' && error.code !== 'step_up_denied') throw error;
      this.#denied.push(required);
      if (this.#denied.length > MOST_DENIALS) this.#denied.shift();
      throw error.code === 'step_up_denied' ? error : denied(required, error);
    } finally {
      stopTimer();
      forget();
    }
  }

  async #ask(
    operation: RefusedOperation,
    required: readonly string[],
    granted: readonly string[],
    signal: AbortSignal,
  ): Promise<StepUpAnswer> {
    const { onStepUp, server } = this.#session.options;
    if (onStepUp === undefined) return true;
    const ask = async () =>
      onStepUp({
        serverUrl: server.href,
        required,
        granted,
        method: operation.method,
        tool: operation.tool,
        untrustedDescription: describe(operation),
        signal,
      });
    // The application may never answer; whoever waits must be able to leave.
    return new Waits().until(ask(), 'step-up', signal);
  }

  #assertNotRefused(required: readonly string[]): void {
    if (this.#denied.some((scope) => coversScope(required, scope))) throw denied(required);
    const now = this.#session.options.clock.now();
    this.#postponed = this.#postponed.filter(({ until }) => until > now);
    if (this.#postponed.some(({ scope }) => coversScope(required, scope))) throw postponed(required);
  }

  #postpone(required: readonly string[]): McpOAuthError {
    const until = this.#session.options.clock.now() + POSTPONED_MS;
    this.#postponed = [...this.#postponed, { scope: required, until }];
    return postponed(required);
  }
}

/** What the limits count as the same operation. */
function nameOf({ method, tool }: RefusedOperation): string {
  return `${method ?? ''} ${tool ?? ''}`;
}

/** The server's words, without the token if it repeats it. */
function describe({ challenge, sentToken }: RefusedOperation): string | undefined {
  const description = challenge.parameters['error_description'];
  return description === undefined ? undefined : excerpt(redact(description, [sentToken]));
}
