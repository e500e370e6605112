import { pageExcerpt } from '../http/text.js';
import { causesOf } from './causes.js';
import { CommandError } from './command-error.js';
import { EXIT } from './exit-code.js';
import { printable } from './printable.js';
import type { Hide } from './session-secrets.js';

/** How much of an MCP server's own words is shown. */
const LONGEST_WORDS = 500;

/** What Node's `fetch` and sockets call a network that fails. */
const NETWORK = /^(E[A-Z]{3,}|UND_ERR_\w+)$/;
/** What the SDKs call an answer that does not come. */
const NO_ANSWER: ReadonlySet<unknown> = new Set(['REQUEST_TIMEOUT', 'CONNECTION_CLOSED']);
const NO_ANSWER_V1 = /^MCP error -3200[01]: (Request timed out|Connection closed|Maximum total timeout)/;

/**
 * What an SDK threw that is no error of this library: an answer of the MCP server that is none of MCP, or no answer. Its message may
 * hold a whole page of HTML.
 *
 * @param remedyFor - For a server that does not speak as it should, by the status of its answer.
 * @param hide - Takes out what the server may echo of the session.
 */
export function mcpFailure(
  cause: unknown,
  remedyFor: (status?: number) => string,
  hide: Hide = (text) => text,
): CommandError {
  const chain = causesOf(cause);
  const message = hide(chain[0]?.message ?? String(cause));
  const failed = (text: string, exitCode?: number, advice?: string) =>
    new CommandError('mcp_failed', text, { cause, exitCode, remedy: advice });
  if (chain.some(isNoAnswer)) {
    const why = hide(chain.at(-1)?.message ?? message);
    return failed(`The MCP server does not answer: ${pageExcerpt(why)}. Try again later.`, EXIT.tryAgain);
  }
  const status = chain.map(statusOf).find((found) => found !== undefined);
  if (status !== undefined) {
    const text = `The MCP server answered with HTTP ${status}. ${pageExcerpt(message)}`;
    return failed(text, exitCodeOf(status), remedyFor(status));
  }
  // It understands MCP, so there is nothing to examine.
  if (chain.some(isRpcError)) {
    return failed(`The MCP server answered with an error: ${printable(message, LONGEST_WORDS)}`);
  }
  return failed(`The MCP server cannot be used: ${pageExcerpt(message)}`, undefined, remedyFor());
}

function exitCodeOf(status: number): number | undefined {
  if (status === 401 || status === 403) return EXIT.denied;
  return status === 429 || status >= 500 ? EXIT.tryAgain : undefined;
}

function isNoAnswer(error: Error): boolean {
  const { code } = error as { code?: unknown };
  if (NO_ANSWER.has(code) || NO_ANSWER_V1.test(error.message)) return true;
  return (
    (typeof code === 'string' && NETWORK.test(code)) ||
    (error.name === 'TypeError' && /fetch failed/.test(error.message))
  );
}

/** An HTTP status, wherever the SDKs keep it. */
function statusOf(error: Error): number | undefined {
  const { status, code, data } = error as { status?: unknown; code?: unknown; data?: { status?: unknown } };
  const stated = Number(/\(HTTP (\d{3})\)/.exec(error.message)?.[1]);
  return [status, data?.status, code, stated].find(
    (value): value is number => typeof value === 'number' && value >= 300 && value <= 599,
  );
}

function isRpcError(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' && code < -1;
}
