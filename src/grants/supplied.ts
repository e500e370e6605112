import { type Clock, systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { safeCause, withinBounds } from '../http/index.js';
import { pageExcerpt } from '../http/text.js';

/** The bounds of a wait for the application. */
export interface SupplyOptions {
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In ms. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Calls what gets a credential from somewhere else: a function of the application, or the reading of a file.
 *
 * @param what - Names it in a message, with its option: "The function in `clientSecret`".
 * @throws {@link McpOAuthError} `invalid_options` where it fails, with its error as the cause, short and without what could
 * be the credential; an error of our own as it is; `timeout`; `aborted`.
 */
export async function supplied<T>(
  supply: () => T | Promise<T>,
  what: string,
  { clock = systemClock, signal, timeoutMs = DEFAULT_TIMEOUT_MS }: SupplyOptions = {},
): Promise<T> {
  try {
    return await withinBounds({ timeoutMs, signals: [signal], clock, stage: 'token', what }, ({ race }) =>
      race(Promise.resolve().then(supply)),
    );
  } catch (error) {
    if (isMcpOAuthError(error)) throw error;
    const cause = safeCause(error);
    throw new McpOAuthError('invalid_options', `${what} failed, so no token was requested. Its error is the cause.`, {
      stage: 'token',
      cause: cause && masked(cause),
    });
  }
}

/** The same error without long words; what a parser says quotes the text that it was given, so nothing of that is kept. */
function masked(error: Error): Error {
  const { name, message, cause } = error;
  const text = name === 'SyntaxError' ? 'It could not be parsed.' : pageExcerpt(message);
  const copy = new Error(text, cause instanceof Error ? { cause: masked(cause) } : undefined);
  copy.name = name;
  return 'code' in error ? Object.assign(copy, { code: error.code }) : copy;
}
