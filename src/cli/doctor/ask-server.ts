import { isMcpOAuthError, McpOAuthError } from '../../errors.js';
import { displayUrl, safeCause, withinBounds } from '../../http/index.js';
import { causesOf } from '../causes.js';
import type { Examination } from './examination.js';
import { answered, unanswered } from './exchange-record.js';

/** A request to the MCP server itself. */
export interface ServerRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** What it is called in the report. */
  readonly sent?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back: a response whose body was read as far as it may be shown, or why there is none. */
export type ServerAnswer =
  | {
      readonly status: number;
      readonly response: Response;
      readonly text: string;
      readonly redirect: string | undefined;
    }
  | { readonly status: undefined; readonly error: McpOAuthError };

const MOST_TEXT = 16_384;

/**
 * Sends a request the way the MCP traffic travels: by the runtime's own fetch, without following redirects. It is over
 * within the time limit, and no more of the body is read than an excerpt needs; nothing of an event stream.
 *
 * @throws McpOAuthError `aborted` where the caller's signal ended it.
 */
export async function askServer(examination: Examination, request: ServerRequest): Promise<ServerAnswer> {
  const { server, recorder, redirects } = examination;
  const asked = { method: request.method, url: server, sent: request.sent };
  try {
    const { response, text } = await send(examination, request);
    const [hop] = redirects.from(server.href);
    recorder.add(answered(asked, response, text, hop === undefined ? [] : [hop], isExpected));
    return { status: response.status, response, text, redirect: hop?.location };
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    recorder.add(unanswered(asked, error, []));
    return { status: undefined, error };
  }
}

function send(
  { options, server, redirects }: Examination,
  { method, headers, body }: ServerRequest,
): Promise<{ response: Response; text: string }> {
  const { timeoutMs, clock, signal } = options;
  const fetch = redirects.watched(options.fetch ?? ((input, init) => globalThis.fetch(input, init)));
  const what = `the MCP server at ${displayUrl(server)}`;
  return withinBounds({ timeoutMs, signals: [signal], clock, stage: 'resource', what }, async (bounds) => {
    const init = {
      method,
      headers,
      redirect: 'manual',
      signal: bounds.signal,
      ...(body === undefined ? {} : { body }),
    };
    try {
      const response = await bounds.race((async () => fetch(server, init as RequestInit))());
      // A body that hangs takes nothing from what the status and the headers say.
      const text = await bounds.race(beginning(response)).catch((error: unknown) => {
        if (isMcpOAuthError(error) && error.code === 'timeout') return '';
        throw error;
      });
      return { response, text };
    } catch (error) {
      if (bounds.signal.aborted) throw bounds.signal.reason;
      throw unreachable(server, error);
    }
  });
}

/** A refusal that says why, or an MCP message: nothing of it has to be quoted. */
function isExpected({ status, ok }: Response, document: unknown): boolean {
  return status === 401 || status === 405 || (ok && document !== undefined);
}

/** The beginning of the body; nothing of an event stream, which need not ever end. */
async function beginning(response: Response): Promise<string> {
  const reader = isEventStream(response) ? undefined : response.body?.getReader();
  if (reader === undefined) {
    response.body?.cancel().catch(() => undefined);
    return '';
  }
  const decoder = new TextDecoder();
  let text = '';
  try {
    while (text.length < MOST_TEXT) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // What was read is enough to show.
  }
  reader.cancel().catch(() => undefined);
  return text.slice(0, MOST_TEXT);
}

export function isEventStream(response: Response): boolean {
  return /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '');
}

function unreachable(server: URL, error: unknown): McpOAuthError {
  const cause = safeCause(error);
  const reasons: string[] = [];
  for (const at of causesOf(cause)) {
    if ('code' in at && typeof at.code === 'string' && !reasons.includes(at.code)) reasons.push(at.code);
  }
  if (reasons.includes('UND_ERR_HEADERS_OVERFLOW')) {
    return new McpOAuthError(
      'response_too_large',
      `The headers that the MCP server at ${server.origin} answers with are larger than an HTTP client takes. Its operator has to correct that.`,
      { stage: 'resource', cause, url: server.origin },
    );
  }
  const detail = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
  return new McpOAuthError(
    'network_error',
    `The MCP server at ${server.origin} could not be reached${detail}. Check the address and the network, then try again.`,
    { stage: 'resource', cause, url: server.origin },
  );
}
