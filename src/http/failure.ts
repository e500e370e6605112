import { isMcpOAuthError, McpOAuthError, type Stage } from '../errors.js';
import { redact } from './redact.js';
import { excerpt } from './text.js';

const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const MAX_DEPTH = 5;

/**
 * What a failed `fetch` means. Only names, codes and short messages of what it threw are kept as the cause: an injected
 * `fetch` may throw an error that carries the whole request. `secrets` are cut out of the messages.
 */
export function networkFailure(
  error: unknown,
  stage: Stage,
  what: string,
  secrets: readonly (string | undefined)[] = [],
): McpOAuthError {
  const chain = causes(error);
  // The connector judges addresses inside fetch, which wraps what it throws.
  const own = chain.find(isMcpOAuthError);
  if (own)
    return new McpOAuthError(own.code, own.message, {
      stage: own.stage === 'configuration' ? own.stage : stage,
      url: own.url,
      cause: own.cause,
    });
  const code = chain.map(systemCode).find((one) => one !== undefined);
  const cause = reducedCause(chain, secrets);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new McpOAuthError('response_too_large', `The header of ${what} is too large. Ask its operator about it.`, {
      stage,
      cause,
    });
  }
  if (code !== undefined && TIMEOUT_CODES.has(code)) {
    return new McpOAuthError('timeout', `${what} did not answer in time (${code}). Try again later.`, { stage, cause });
  }
  const detail = code === undefined ? '' : ` (${code})`;
  return new McpOAuthError(
    'network_error',
    `${what} could not be reached${detail}. Check the URL and the network, then try again.`,
    { stage, cause },
  );
}

/** An error with its causes, outermost first; of several at once the first one counts. */
function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  let current = error;
  try {
    while (current instanceof Error && chain.length < MAX_DEPTH) {
      chain.push(current);
      current = current instanceof AggregateError && current.errors.length > 0 ? current.errors[0] : current.cause;
    }
  } catch {
    // What throws where it is looked at has no causes that could be told.
  }
  return chain;
}

/** A member of what somebody else threw: it may be of any kind, or throw where it is read. */
function textIn(thrown: unknown, name: 'name' | 'message' | 'code'): string | undefined {
  try {
    const value = (thrown as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function isError(thrown: unknown): boolean {
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}

/** The `code` of a system error such as `ENOENT`, or of a library that has such codes too: fit for a message. */
export function systemCode(error: unknown): string | undefined {
  const code = isError(error) ? textIn(error, 'code') : undefined;
  return code !== undefined && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : undefined;
}

/**
 * What somebody else's code threw, as the cause of an error of ours: names, codes and short messages, without properties,
 * among which the whole request or command could be. `secrets` are cut out of the messages.
 */
export function safeCause(error: unknown, secrets: readonly (string | undefined)[] = []): Error | undefined {
  const chain = causes(error);
  if (chain.length === 0) return error === undefined ? undefined : new Error(`A ${typeof error} was thrown.`);
  return reducedCause(chain, secrets);
}

/** The same where the messages may repeat a secret: what was thrown by its name and code alone. */
export function withoutMessage(caught: unknown): Error {
  const parts = [textIn(caught, 'name'), textIn(caught, 'code')];
  const said = parts.filter((part) => part !== undefined).map((part) => excerpt(part, 60));
  return new Error(`${said.join(' ') || 'Something'}; its message is left out, since it may repeat a secret.`);
}

function reducedCause(chain: readonly Error[], secrets: readonly (string | undefined)[] = []): Error | undefined {
  return chain.reduceRight<Error | undefined>((cause, error) => {
    const reduced = new Error(excerpt(redact(textIn(error, 'message') ?? '', secrets)), cause && { cause });
    reduced.name = excerpt(textIn(error, 'name') ?? 'Error', 60);
    const code = systemCode(error);
    return code === undefined ? reduced : Object.assign(reduced, { code });
  }, undefined);
}
