import { type Clock, systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { type Http, type RequestOptions, retryAfterMs, withRetry } from '../http/index.js';
import { type JsonObject, parseJsonObject, withoutNulls } from '../http/json.js';
import { displayUrl, excerpt, pageExcerpt } from '../http/text.js';
import { isTemporary } from '../oauth-error.js';

/** What the functions of discovery take last. */
export interface DiscoveryRequestOptions extends RequestOptions {
  /** Time as the waits between attempts see it; default: the machine's own clock. */
  clock?: Clock | undefined;
}

/** Everything that a request for a document needs. */
export interface DocumentContext {
  readonly http: Http;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
}

/**
 * What was found at a location.
 * - `document`: a JSON object, without its null members
 * - `absent`: a definitive 4xx
 * - `page`: an answer that is not JSON, such as a login page
 * - `malformed`: an answer that says it is JSON and is not, or is no object
 * - `refused`: a redirect or a size that the rules of this library do not allow
 */
export type Answer =
  | { readonly kind: 'document'; readonly document: Readonly<JsonObject> }
  | Absent
  | { readonly kind: 'page' | 'malformed'; readonly status: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly error: McpOAuthError };

/** A definitive 4xx, with what it says. */
export interface Absent {
  readonly kind: 'absent';
  readonly status: number;
  readonly detail: string;
}

const WAITS_MS = [250, 1000];
const LONGEST_WAIT_MS = 5000;
const REFUSALS: ReadonlySet<string> = new Set(['address_refused', 'redirect_refused', 'response_too_large']);

/** The context of requests that go out through `http`. */
export function documentContext(http: Http, options: DiscoveryRequestOptions): DocumentContext {
  return { http, signal: options.signal, clock: options.clock ?? systemClock };
}

/**
 * Asks one location for a JSON document. What is temporary (5xx, 407, 408, 425, 429, no answer) is tried again within bounds
 * and then thrown as a retryable error; everything else is an {@link Answer} for the caller to judge.
 */
export async function fetchDocument(url: string, context: DocumentContext): Promise<Answer> {
  try {
    return await readAnswer(await requestWithRetry(url, context));
  } catch (error) {
    if (isMcpOAuthError(error) && REFUSALS.has(error.code)) return { kind: 'refused', error };
    throw error;
  }
}

function requestWithRetry(url: string, { http, signal, clock }: DocumentContext): Promise<Response> {
  let asked: number | undefined;
  const request = async () => {
    asked = undefined;
    const response = await http.request('metadata', url, { headers: { accept: 'application/json' }, signal });
    if (!isTemporary({ status: response.status, error: undefined })) return response;
    asked = retryAfterMs(response, clock.now());
    throw unavailable(url, response.status);
  };
  return withRetry(request, {
    attempts: WAITS_MS.length + 1,
    clock,
    signal,
    retryAfter(error, attempt) {
      const wait = WAITS_MS[attempt - 1];
      if (!error.retryable || wait === undefined) return undefined;
      // A request that hung for its whole time limit gets one more chance, not two.
      if (error.code === 'timeout' && attempt > 1) return undefined;
      const longer = Math.max(wait, asked ?? 0);
      return longer > LONGEST_WAIT_MS ? undefined : longer;
    },
  });
}

function unavailable(url: string, status: number): McpOAuthError {
  const message =
    `${displayUrl(url)} answered HTTP ${status}, so the OAuth metadata cannot be read at the moment. ` +
    'Nothing was lost: try again later.';
  return new McpOAuthError('server_unavailable', message, { stage: 'discovery', status, url: displayUrl(url) });
}

async function readAnswer(response: Response): Promise<Answer> {
  const { status } = response;
  const text = await response.text();
  if (status >= 400) {
    const words = pageExcerpt(text);
    return { kind: 'absent', status, detail: words === '' ? `HTTP ${status}` : `HTTP ${status}: ${words}` };
  }
  const type = (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const detail = `HTTP ${status} with ${type === '' ? 'no content type' : excerpt(type)}: ${excerpt(text.slice(0, 1000).replace(/\s+/g, ' '))}`;
  if (status !== 200 || /html/.test(type)) return { kind: 'page', status, detail };
  const document = parseJsonObject(text, 'discovery');
  if (document !== undefined) return { kind: 'document', document: withoutNulls(document) };
  return { kind: /^(?:application|text)\/(?:[^/]+\+)?json$/.test(type) ? 'malformed' : 'page', status, detail };
}

/** The member as an array of strings, or `undefined` where it is something else: an optional list that is no list is none. */
export function stringList(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

const MOST_ITEMS = 1_000;
const LONGEST_ITEM = 512;

/**
 * `document` without those of `members` that are there but are not lists of strings; of the others at most 1,000 items of at most
 * 512 characters each, since lists are stored with every session.
 */
export function withoutBrokenLists(document: Readonly<JsonObject>, members: readonly string[]): JsonObject {
  const entries = Object.entries(document).map(([name, value]): [string, unknown] => {
    if (!members.includes(name)) return [name, value];
    return [
      name,
      stringList(value)
        ?.slice(0, MOST_ITEMS)
        .filter((item) => item.length <= LONGEST_ITEM),
    ];
  });
  return Object.fromEntries(entries.filter(([name, value]) => value !== undefined || !members.includes(name)));
}
