import { McpOAuthError } from '../errors.js';
import type { JwtBearerOptions } from '../grant.js';
import { isCompactJwt } from './jwt.js';
import { type SupplyOptions, supplied } from './supplied.js';

/**
 * The assertion of this moment, from where the application says.
 *
 * @throws {@link McpOAuthError} `invalid_options` where it cannot be had or is no signed JWT; `timeout`; `aborted`. The
 * assertion is in none of them.
 */
export async function resolveAssertion(
  assertion: JwtBearerOptions['assertion'],
  options?: SupplyOptions,
): Promise<string> {
  if (typeof assertion === 'string') return asJwt(assertion, '`assertion` is');
  if (typeof assertion === 'function') {
    const what = 'The function in `assertion`';
    return asJwt(await supplied<unknown>(assertion, what, options), `${what} gave`);
  }
  const given: unknown = assertion;
  if (typeof given !== 'object' || given === null || !('file' in given)) {
    throw invalid('`assertion` must be a text, a function that gives one, or { file }.');
  }
  const text = await supplied(
    // Loaded only here: the rest of the library runs where there are no files.
    async () => (await import('./file-assertion.js')).readAssertionFile(assertion.file),
    'Reading the file in `assertion`',
    options,
  );
  return asJwt(text, 'The file in `assertion` holds');
}

function asJwt(text: unknown, subject: string): string {
  if (typeof text !== 'string') throw invalid(`${subject} no text.`);
  // A variable or a function that reads a file brings its line break along.
  const assertion = text.trim();
  if (assertion === '') throw invalid(`${subject} an empty text. Check that the platform has issued the token.`);
  if (isCompactJwt(assertion)) return assertion;
  throw invalid(`${subject} no signed JWT: three parts with a dot between them, at most 64 KiB together.`);
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'token' });
}
