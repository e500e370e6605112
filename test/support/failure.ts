import { isMcpOAuthError, type McpOAuthError } from '../../src/errors.js';

/** What `call` fails with: a promise, or a function that throws or rejects. */
export async function rejection(call: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** The McpOAuthError that `call` fails with. Another error is thrown. */
export async function failure(call: Promise<unknown> | (() => unknown)): Promise<McpOAuthError> {
  const error = await rejection(call);
  if (!isMcpOAuthError(error)) throw error;
  return error;
}
