import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';

/** The part of a token response that the SDKs hand to `saveTokens`. */
export interface WireTokens {
  /** The access token. RFC 6749 section 5.1. */
  readonly access_token: string;
  /** Has to be `Bearer`, in any case of letters. RFC 6750 section 6.1.1. */
  readonly token_type: string;
  /** The lifetime in seconds; absent, zero or less: until it is refused. RFC 6749 section 5.1. */
  readonly expires_in?: number | undefined;
  /** What was granted, separated by spaces; absent: what was asked for. RFC 6749 section 5.1. */
  readonly scope?: string | undefined;
  /** The next refresh token; absent: the former one stays. RFC 6749 section 6. */
  readonly refresh_token?: string | undefined;
  /** Not used: the SDK does not validate it. @see {@link https://openid.net/specs/openid-connect-core-1_0.html#TokenResponse | OpenID Connect Core 1.0 section 3.1.3.3} */
  readonly id_token?: string | undefined;
}

/**
 * A token request that the SDK posts for us: it begins when `prepareTokenRequest()` returns and ends with `saveTokens()`,
 * with `invalidateCredentials()`, or when the time is up.
 */
export interface ExchangeSlot {
  /** The form that the SDK posts. */
  readonly parameters: URLSearchParams;
  /** Where alone it may be posted to. */
  readonly tokenEndpoint: string | undefined;
  /** Puts the client's credentials into the request. */
  readonly authenticate: (headers: Headers, parameters: URLSearchParams) => void | Promise<void>;
  /** What the SDK got. */
  readonly answer: Promise<WireTokens>;
  readonly save: (tokens: WireTokens) => void;
  readonly fail: (error: McpOAuthError) => void;
}

export function exchangeSlot(
  request: Pick<ExchangeSlot, 'parameters' | 'tokenEndpoint' | 'authenticate'>,
  clock: Clock,
  timeoutMs: number,
): ExchangeSlot {
  const { promise, resolve, reject } = withResolvers<WireTokens>();
  // An answer that nobody waits for any more is nobody's unhandled rejection.
  promise.catch(() => undefined);
  const cancel = clock.schedule(timeoutMs, () =>
    reject(
      new McpOAuthError('timeout', `The SDK's token request was not answered within ${timeoutMs} ms. Try again.`, {
        stage: 'token',
      }),
    ),
  );
  return {
    ...request,
    answer: promise.finally(cancel),
    save: resolve,
    fail: reject,
  };
}

/** `Promise.withResolvers`, which Node 20 does not have. */
export function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
