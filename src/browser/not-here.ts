import { McpOAuthError } from '../errors.js';

/** The error of what a browser has not: no socket to listen on, no files, no keychain. `instead` begins with a verb. */
export function notInBrowser(what: string, instead: string): McpOAuthError {
  return new McpOAuthError('invalid_options', `${what} is not available in a browser. ${instead}`, {
    stage: 'configuration',
  });
}
