import type { Secret } from '../client-key.js';
import { McpOAuthError } from '../errors.js';
import { type SupplyOptions, supplied } from './supplied.js';

const LONGEST_SECRET = 64 * 1024;
const CONTROL = /\p{Cc}/u;

/**
 * The secret, from its function where it is one.
 *
 * @param option - The name of the option, for messages.
 * @throws {@link McpOAuthError} `invalid_options` where the function fails, or gives no text that could be a secret;
 * `timeout`; `aborted`. The secret is in none of them.
 */
export async function resolveSecret(secret: Secret, option: string, options?: SupplyOptions): Promise<string> {
  const isFunction = typeof secret === 'function';
  const value: unknown = isFunction
    ? await supplied(secret, `The function in \`${option}\``, options)
    : (secret as unknown);
  const problem = problemOf(value);
  if (problem === undefined) return value as string;
  const subject = isFunction ? `The function in \`${option}\` gave` : `\`${option}\` is`;
  throw new McpOAuthError('invalid_options', `${subject} ${problem}.`, { stage: 'token' });
}

function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return `no text but ${value === null ? 'null' : `a value of type ${typeof value}`}`;
  if (value === '') return 'an empty text. Check that the variable or the entry it is read from exists';
  if (value.length > LONGEST_SECRET) return 'a text of more than 64 KiB';
  if (!CONTROL.test(value)) return undefined;
  return CONTROL.test(value.trim())
    ? 'a text with a control character in it'
    : 'a text with a line break at its end. Remove it, e.g. with trim()';
}
