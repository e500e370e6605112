import { isMcpOAuthError, type McpOAuthError } from '../errors.js';

/** An error and what caused it, outermost first. */
export function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 10; at = at.cause) chain.push(at);
  return chain;
}

/** The error of this library that an SDK wrapped. */
export function ownError(error: unknown): McpOAuthError | undefined {
  return causesOf(error).find(isMcpOAuthError);
}
