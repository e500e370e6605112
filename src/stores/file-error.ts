import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { systemCode } from '../http/index.js';

/** A failed system call as `store_failed`, with what was tried and what to do next. Errors of ours pass unchanged. */
export function fileFailure(error: unknown, action: string): McpOAuthError {
  if (isMcpOAuthError(error)) return error;
  const code = systemCode(error);
  const reason = code === undefined ? '' : ` (${code})`;
  return new McpOAuthError('store_failed', `Could not ${action}${reason}. ${remedy(code)}`, {
    stage: 'store',
    cause: error,
  });
}

/** The store refuses to use what it found, because of who else could read or write it. */
export function refused(what: string, next: string): McpOAuthError {
  return new McpOAuthError('store_failed', `${what} ${next}`, { stage: 'store' });
}

function remedy(code: string | undefined): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'Give this user access to the directory, or choose another one.';
    case 'EROFS':
      return 'The file system is read-only: choose another directory.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk or the quota is full: free some space, then try again.';
    case 'EFBIG':
      return 'Files of this process are limited in size: raise the limit, then try again.';
    case 'EMFILE':
    case 'ENFILE':
      return 'Too many files are open: try again later.';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'A part of its path is not a directory: choose another one.';
    default:
      return 'Check the directory, then try again.';
  }
}
