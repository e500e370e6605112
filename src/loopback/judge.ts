import type { IncomingMessage } from 'node:http';

/** What the listener answers to. */
export interface Rules {
  /** The values that `Host` may have, in lower case. */
  readonly hosts: ReadonlySet<string>;
  /** The path of the callback. */
  readonly path: string;
  /** The path of the page that takes the code out of the address bar. */
  readonly donePath: string;
}

/** What a request turned out to be. Only `callback` can take the slot, and only with the right state. */
export type Verdict =
  | { readonly kind: 'callback'; readonly query: string; readonly state: string | undefined }
  | { readonly kind: 'done'; readonly ticket: string }
  | { readonly kind: 'head' }
  | { readonly kind: 'refused'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

/**
 * Tells a browser's navigation to the callback from everything else that reaches a port on loopback. It looks at nothing
 * but the request itself and keeps no state.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-7.3 | RFC 8252 section 7.3}
 * @see {@link https://www.w3.org/TR/fetch-metadata/ | Fetch Metadata Request Headers}
 */
export function judge(request: IncomingMessage, rules: Rules): Verdict {
  // A page of a foreign name that was rebound to loopback still sends that name.
  if (!rules.hosts.has(soleHost(request) ?? '')) return { kind: 'refused', status: 421 };

  const target = request.url ?? '';
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  if (path !== rules.path && path !== rules.donePath) return { kind: 'refused', status: 404 };
  if (request.method === 'HEAD') return { kind: 'head' };
  if (request.method !== 'GET') return { kind: 'refused', status: 405, headers: { Allow: 'GET, HEAD' } };
  if (request.headers.expect !== undefined) return { kind: 'refused', status: 417 };
  if (!mayBeNavigation(request)) return { kind: 'refused', status: 403 };

  const query = mark === -1 ? '' : target.slice(mark);
  if (path === rules.donePath) return { kind: 'done', ticket: query.slice(1) };
  const states = new URLSearchParams(query).getAll('state');
  return { kind: 'callback', query, state: states.length === 1 ? states[0] : undefined };
}

/** What a navigation by GET has not: a body, a change of protocol (WebSocket, h2c), a script's own request. */
const NEVER_NAVIGATION = ['transfer-encoding', 'upgrade', 'service-worker'];
/** How browsers say, or once said, that they load a page before somebody wants it. */
const LOADED_AHEAD = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

/** Whether the request is a navigation of a browser's tab, as far as a browser tells. */
export function isBrowserNavigation(request: IncomingMessage): boolean {
  return request.headers['sec-fetch-mode'] === 'navigate';
}

function mayBeNavigation({ headers }: IncomingMessage): boolean {
  if (NEVER_NAVIGATION.some((name) => headers[name] !== undefined) || Number(headers['content-length'] ?? 0) !== 0) {
    return false;
  }
  // A page that is loaded ahead of time is not a person's answer; the browser asks again when it is.
  if (LOADED_AHEAD.some((name) => /\b(prefetch|prerender|preview)\b/i.test(String(headers[name])))) return false;
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined && destination !== 'document') return false;
  // Every browser sends `Sec-Fetch-Site` along with the mode, and no page can take it away. Without it this is not a
  // browser but a program: the `fetch` of Node.js sends `Sec-Fetch-Mode: cors` and nothing else.
  return headers['sec-fetch-mode'] === 'navigate' || headers['sec-fetch-site'] === undefined;
}

/** Node.js keeps the first of several `Host` headers; a request with several is not one to guess about. */
function soleHost(request: IncomingMessage): string | undefined {
  const { rawHeaders } = request;
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') count++;
  return count === 1 ? request.headers.host?.toLowerCase() : undefined;
}
