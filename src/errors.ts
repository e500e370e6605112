/** Where in the life of a session an error happened. */
export type Stage =
  | 'configuration'
  | 'discovery'
  | 'registration'
  | 'authorization'
  | 'callback'
  | 'token'
  | 'step-up'
  | 'resource'
  | 'store';

/**
 * Every code a {@link McpOAuthError} can carry. The union is closed, so that a `switch` over it can be exhaustive.
 *
 * | code | meaning |
 * | --- | --- |
 * | `invalid_options` | an option is missing, contradictory or malformed |
 * | `aborted` | the caller's `AbortSignal` ended the wait |
 * | `closed` | `close()` was called while the call was under way, or before it |
 * | `timeout` | a request, a lock or a body took longer than its bound |
 * | `network_error` | no answer: refused, reset, DNS, TLS |
 * | `server_unavailable` | 429 or 5xx after the retries; try again later |
 * | `address_refused` | the address rule forbids the URL |
 * | `redirect_refused` | a redirect where none may be followed, or one that breaks a rule |
 * | `response_too_large` | a body over its bound |
 * | `invalid_response` | an answer that is not what the protocol allows |
 * | `resource_metadata_failed` | the metadata URL that the challenge named did not answer with metadata |
 * | `resource_mismatch` | the metadata's `resource` is not this server |
 * | `authorization_server_not_found` | no authorization server could be found for this server |
 * | `issuer_mismatch` | a document or callback names another issuer than the one expected |
 * | `pkce_unsupported` | the authorization server does not advertise S256 |
 * | `registration_failed` | the authorization server refused to register the client |
 * | `registration_unavailable` | none of the allowed ways to get a client id works here |
 * | `client_mismatch` | the client's credentials belong to another issuer |
 * | `invalid_client` | the authorization server does not accept the client |
 * | `authorization_required` | a person must sign in, and the application has to bring them there |
 * | `interaction_required` | a person must sign in, but `interactive` forbids it now |
 * | `access_denied` | the user or the authorization server refused |
 * | `authorization_failed` | the authorization server answered with another error |
 * | `sign_in_timeout` | nobody finished the sign-in in time |
 * | `listener_failed` | the callback listener could not be opened |
 * | `invalid_callback` | the callback is malformed, repeated, or for another account |
 * | `state_mismatch` | the callback's `state` belongs to no sign-in that is pending here |
 * | `token_request_failed` | the token endpoint answered with an error |
 * | `dpop_failed` | a token that is bound to a key (DPoP) was not issued, or its proofs are refused |
 * | `token_rejected` | the MCP server refuses tokens that its authorization server just issued |
 * | `insufficient_scope` | the MCP server still asks for more scope after the step-ups that are allowed |
 * | `step_up_denied` | the user or the application refused to grant more scope |
 * | `step_up_postponed` | more scope is needed, and the answer was "not now" |
 * | `account_mismatch` | somebody else signed in than the account that the session is of |
 * | `signed_out` | the session was signed out; call `authorize()` |
 * | `revocation_failed` | the authorization server did not revoke a token |
 * | `store_unreadable` | stored data cannot be read or decrypted |
 * | `store_failed` | the store cannot be used: disk full, permission, closed |
 * | `lock_timeout` | another holder kept the lock for longer than the bound |
 * | `lease_lost` | the lock was lost while the work it guarded was under way |
 */
export type McpOAuthErrorCode =
  | 'invalid_options'
  | 'aborted'
  | 'closed'
  | 'timeout'
  | 'network_error'
  | 'server_unavailable'
  | 'address_refused'
  | 'redirect_refused'
  | 'response_too_large'
  | 'invalid_response'
  | 'resource_metadata_failed'
  | 'resource_mismatch'
  | 'authorization_server_not_found'
  | 'issuer_mismatch'
  | 'pkce_unsupported'
  | 'registration_failed'
  | 'registration_unavailable'
  | 'client_mismatch'
  | 'invalid_client'
  | 'authorization_required'
  | 'interaction_required'
  | 'access_denied'
  | 'authorization_failed'
  | 'sign_in_timeout'
  | 'listener_failed'
  | 'invalid_callback'
  | 'state_mismatch'
  | 'token_request_failed'
  | 'dpop_failed'
  | 'token_rejected'
  | 'insufficient_scope'
  | 'step_up_denied'
  | 'step_up_postponed'
  | 'account_mismatch'
  | 'signed_out'
  | 'revocation_failed'
  | 'store_unreadable'
  | 'store_failed'
  | 'lock_timeout'
  | 'lease_lost';

/** What a {@link McpOAuthError} is built from. */
export interface McpOAuthErrorInit {
  /** Where it happened. */
  stage: Stage;
  /** What was caught, if anything. It must not carry a secret. */
  cause?: unknown;
  /** The HTTP status that led here. */
  status?: number | undefined;
  /** The OAuth `error` value that a server answered, already checked against the RFC 6749 grammar. */
  oauthError?: string | undefined;
  /** A URL that helps: the one that was refused, or the one the user has to open. */
  url?: string | undefined;
}

const RETRYABLE: ReadonlySet<McpOAuthErrorCode> = new Set([
  'timeout',
  'network_error',
  'server_unavailable',
  'lock_timeout',
  'lease_lost',
]);

/**
 * The one error class of this library. The message says what to do next; no property holds a secret.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 | RFC 6749 section 5.2} for `oauthError`
 */
export class McpOAuthError extends Error {
  /** The same for every copy of this package: what {@link isMcpOAuthError} goes by. */
  override readonly name = 'McpOAuthError';
  /** What went wrong, from a closed union. */
  readonly code: McpOAuthErrorCode;
  /** Where it went wrong. */
  readonly stage: Stage;
  /** The HTTP status that led here, where there was one. */
  readonly status: number | undefined;
  /** The OAuth error code that the server answered, where there was one. */
  readonly oauthError: string | undefined;
  /** The URL that was refused, or the one that the user has to open. */
  readonly url: string | undefined;

  /**
   * An error of this library; applications need it only in tests. It throws nothing.
   *
   * @param code - What went wrong.
   * @param message - What it means and what to do next, without a secret.
   * @param init - Where it went wrong, and what is known beside that.
   */
  constructor(code: McpOAuthErrorCode, message: string, init: McpOAuthErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.stage = init.stage;
    this.status = init.status;
    this.oauthError = init.oauthError;
    this.url = init.url;
  }

  /** Whether the same call may succeed later without anyone doing anything: nothing was lost, nobody has to sign in. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }

  /**
   * What is safe to log. The `cause` is left out: it comes from elsewhere.
   *
   * @returns `name`, `code`, `stage`, `message`, `retryable`, `status`, `oauthError` and `url`.
   */
  toJSON(): Record<string, unknown> {
    const { name, code, stage, message, retryable, status, oauthError, url } = this;
    return { name, code, stage, message, retryable, status, oauthError, url };
  }
}

/**
 * Whether `error` is a {@link McpOAuthError}, from whichever copy of this package. It throws nothing.
 *
 * @param error - Anything, e.g. what was caught.
 * @returns `true` for an error of this library, or of another copy of it.
 */
export function isMcpOAuthError(error: unknown): error is McpOAuthError {
  try {
    return error instanceof Error && error.name === 'McpOAuthError' && 'code' in error && 'stage' in error;
  } catch {
    // What a stranger throws may throw by itself where it is looked at; ours does not.
    return false;
  }
}

/** Hosts wrap an error once or twice; a chain of causes may also be a circle. */
const MOST_LINKS = 10;

/**
 * The {@link McpOAuthError} that was thrown, or the first among the causes of what was thrown: the SDKs and hosts wrap what a transport
 * throws. Looks at ten errors at most, the thrown one included, so that a circle ends. It throws nothing.
 *
 * @param thrown - Whatever a `catch` got.
 * @returns `undefined` where none of them is of this library.
 */
export function findMcpOAuthError(thrown: unknown): McpOAuthError | undefined {
  let at = thrown;
  try {
    for (let link = 0; at instanceof Error && link < MOST_LINKS; link += 1) {
      if (isMcpOAuthError(at)) return at;
      at = at.cause;
    }
  } catch {
    // A stranger's error that throws where it is looked at is none of ours.
  }
  return undefined;
}

/** The error of an aborted wait: the signal's reason where it is ours, else `aborted` with the reason as its cause. */
export function abortError(signal: AbortSignal, stage: Stage): McpOAuthError {
  const reason: unknown = signal.reason;
  if (isMcpOAuthError(reason)) return reason;
  return new McpOAuthError('aborted', 'The call was aborted by its AbortSignal.', { stage, cause: reason });
}
