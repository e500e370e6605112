import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { safeCause, systemCode } from '../http/index.js';

/** Redis did not answer in time. */
export function redisSilence(action: string, timeoutMs: number): McpOAuthError {
  return failed(
    `Could not ${action}: Redis did not answer within ${timeoutMs} ms.`,
    'Check that it runs and can be reached, then try again.',
  );
}

/** What the client threw as `store_failed`, with what was tried and what to do next. Errors of ours pass unchanged. */
export function redisFailure(error: unknown, action: string): McpOAuthError {
  if (isMcpOAuthError(error)) return error;
  const reply = replyCode(error);
  // The words of a reply may quote what was sent.
  if (reply !== undefined) return failed(`Could not ${action}: Redis answered ${reply}.`, remedy(reply));
  const kind = systemCode(error) ?? className(error);
  return failed(`Could not ${action}${kind === undefined ? '' : ` (${kind})`}.`, remedy(kind), safeCause(error));
}

function failed(what: string, next: string, cause?: Error): McpOAuthError {
  return new McpOAuthError('store_failed', `${what} ${next}`, { stage: 'store', cause });
}

/** The first word of what Redis itself answered: `OOM`, `NOPERM`, and so on. */
function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return /^([A-Z]{3,20})(?: |$)/.exec(error.message)?.[1];
}

/** The client's errors are told apart by their classes; their names are all `Error`. */
function className(error: unknown): string | undefined {
  return error instanceof Error && error.constructor.name !== 'Error' ? error.constructor.name : undefined;
}

function remedy(kind: string | undefined): string {
  switch (kind) {
    case 'NOAUTH':
    case 'WRONGPASS':
    case 'NOPERM':
      return 'Give the client a user that may run EVAL and SCAN, and read and write the keys under the prefix.';
    case 'READONLY':
      return 'Connect the client to the master: this is a replica.';
    case 'OOM':
      return 'Redis is out of memory: raise its maxmemory, or let sessions expire by `idleTtlMs`.';
    case 'MISCONF':
      return 'Redis cannot write to its disk: solve that, then try again.';
    case 'WRONGTYPE':
      return 'Another application uses these keys: choose another `prefix`.';
    case 'ClientClosedError':
      return 'Call `connect()` of the client before the store is used, and close it last.';
    default:
      return 'Check that Redis runs and can be reached, then try again.';
  }
}
