import { isMcpOAuthError } from '../../errors.js';
import { type JsonObject, parseJsonObject } from '../../http/json.js';
import { displayUrl, excerpt, pageExcerpt } from '../../http/text.js';
import type { ExchangeRecord, Hop } from './report.js';

/** The headers that say something about authorization, or about why an answer is not what it should be. */
const HEADERS = ['content-type', 'www-authenticate', 'location', 'retry-after', 'allow', 'cache-control'];
const LONGEST_HEADER = 1_000;
const LONGEST_BODY = 4_000;

/** What was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string | URL;
  readonly sent?: string | undefined;
}

/**
 * The record of a request that was answered. `text`: as much of the body as was read; it is quoted unless the answer is
 * one that was to be expected.
 */
export function answered(
  asked: Asked,
  response: Response,
  text: string,
  hops: readonly Hop[],
  isExpected: (response: Response, document: JsonObject | undefined) => boolean,
): ExchangeRecord {
  const document = jsonIn(text);
  const words = isExpected(response, document) ? '' : pageExcerpt(text);
  const type = response.headers.get('content-type');
  return {
    ...base(asked, hops),
    status: response.status,
    ...(type === null ? {} : { contentType: excerpt(type, 80) }),
    ...(words === '' ? {} : { excerpt: words }),
    headers: headersOf(response),
    ...(document === undefined ? {} : { body: excerptOfJson(document) }),
  };
}

/** The record of a request that has no answer. */
export function unanswered(asked: Asked, error: unknown, hops: readonly Hop[]): ExchangeRecord {
  const record = base(asked, hops);
  if (!isMcpOAuthError(error)) return record;
  const { code, message, status } = error;
  // The address rule speaks before anything is sent; behind a redirect it spoke about where that led.
  const notSent = code === 'address_refused' && hops.length === 0;
  return {
    ...record,
    ...(notSent ? { notSent: true as const } : {}),
    ...(status === undefined ? {} : { status }),
    error: { code, message: excerpt(message, 600) },
  };
}

/** The JSON object that a text is, if it is one. */
export function jsonIn(text: string): JsonObject | undefined {
  try {
    return parseJsonObject(text, 'discovery');
  } catch {
    // Nested too deeply: no document.
    return undefined;
  }
}

function base({ method, url, sent }: Asked, redirects: readonly Hop[]): ExchangeRecord {
  return {
    method,
    url: displayUrl(url),
    ...(sent === undefined ? {} : { sent }),
    ...(redirects.length === 0 ? {} : { redirects }),
  };
}

function headersOf(response: Response): Record<string, string> {
  const named = HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    if (value === null) return [];
    return [[name, name === 'location' ? displayUrl(value) : excerpt(value, LONGEST_HEADER)] as const];
  });
  return Object.fromEntries(named);
}

function excerptOfJson(document: JsonObject): string {
  const text = JSON.stringify(document, undefined, 2);
  const lines = text.slice(0, LONGEST_BODY).split('\n');
  // Line by line, since an excerpt has no line breaks.
  const clean = lines.map((line) => excerpt(line, LONGEST_BODY)).join('\n');
  return text.length > LONGEST_BODY ? `${clean}…` : clean;
}
