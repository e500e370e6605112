import { type Clock, systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { safeCause, withinBounds } from '../http/index.js';

/** The bounds of a wait for the application. */
export interface SupplyOptions {
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In ms. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Told where a wait was given up for its time: to wait as long again would help nobody. */
  readonly onTimeout?: ((error: McpOAuthError) => void) | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Calls what gets a credential from somewhere else: a function of the application, or the reading of a file.
 *
 * @param what - Names it in a message, with its option: "The function in `clientSecret`".
 * @param failed - Makes the error of a failure. Default: `invalid_options`.
 * @throws {@link McpOAuthError} `invalid_options` where it fails; the cause has the name and the code of its error, and of those
 * behind it, but no message, which may quote the credential. An error of our own as it is; `timeout`; `aborted`.
 */
export async function supplied<T>(
  supply: () => T | Promise<T>,
  what: string,
  { clock = systemClock, signal, timeoutMs = DEFAULT_TIMEOUT_MS, onTimeout }: SupplyOptions = {},
  failed: (cause: Error | undefined) => McpOAuthError = (cause) => notSupplied(what, cause),
): Promise<T> {
  try {
    return await withinBounds({ timeoutMs, signals: [signal], clock, stage: 'token', what }, ({ race }) =>
      race(Promise.resolve().then(supply)),
    );
  } catch (error) {
    if (isMcpOAuthError(error)) {
      if (error.code === 'timeout') onTimeout?.(error);
      throw error;
    }
    const cause = safeCause(error);
    throw failed(cause && bare(cause));
  }
}

function notSupplied(what: string, cause: Error | undefined): McpOAuthError {
  const message = `${what} failed, so no token was requested. The cause says with which kind of error.`;
  return new McpOAuthError('invalid_options', message, { stage: 'token', cause });
}

/** A class of errors, and nothing that could be a credential. */
const NAME = /^[A-Za-z]\w{0,39}$/;

/** Name and code of an error and of its causes. What a vault or a parser says may quote the credential, however short. */
function bare({ name, cause, ...rest }: Error & { code?: unknown }): Error {
  const copy = new Error(
    '(left out: it could quote a credential)',
    cause instanceof Error ? { cause: bare(cause) } : undefined,
  );
  copy.name = NAME.test(name) ? name : 'Error';
  return rest.code === undefined ? copy : Object.assign(copy, { code: rest.code });
}
