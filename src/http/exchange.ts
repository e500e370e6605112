import { McpOAuthError, type Stage } from '../errors.js';
import type { FetchLike } from '../types.js';
import type { AddressRule } from './address-rule.js';
import { type Bounds, readBody } from './bounds.js';
import { assertRedirect, isRedirect, redirectTarget } from './redirect.js';
import { displayUrl } from './text.js';

const MAX_REDIRECTS = 5;
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
/** What described the body on the wire and not as it was read. */
const WIRE_HEADERS = ['content-encoding', 'content-length', 'transfer-encoding'];
const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];

/** One request as it is about to be sent. */
export interface Exchange {
  readonly method: string;
  readonly headers: Headers;
  readonly body: BodyInit | null | undefined;
  /** Whether redirects may be followed. */
  readonly mayFollow: boolean;
  readonly fetch: FetchLike;
  readonly rule: AddressRule;
  readonly bounds: Bounds;
  readonly stage: Stage;
}

/** Sends a request, follows where the answers lead, as far as that is allowed, and reads the last one into memory. */
export async function exchange(start: URL, request: Exchange): Promise<Response> {
  const { rule, bounds, stage, headers } = request;
  let url = rule.assertUrl(start, stage);
  for (let hops = 0; ; hops++) {
    const response = await bounds.race(send(url, request));
    if (response.redirected) assertFollowed(url, response, request);
    if (!isRedirect(response)) {
      const body = await readBody(response, bounds, stage, displayUrl(url));
      return inMemory(response, body, stage, url);
    }
    response.body?.cancel?.().catch(() => {});
    const next = redirectTarget(response, url, { stage, mayFollow: request.mayFollow && hops < MAX_REDIRECTS });
    assertRedirect(url, next, stage);
    rule.assertUrl(next, stage);
    if (next.origin !== url.origin) for (const name of CREDENTIAL_HEADERS) headers.delete(name);
    url = next;
  }
}

async function send(url: URL, { fetch, method, headers, body, bounds }: Exchange): Promise<Response> {
  const init: RequestInit = { method, headers: Object.fromEntries(headers), redirect: 'manual', signal: bounds.signal };
  if (body !== undefined && body !== null) init.body = body;
  return fetch(url.href, init);
}

/** A given fetch that follows redirects although it was told not to: what can still be judged is where it ended. */
function assertFollowed(from: URL, response: Response, { rule, stage, mayFollow }: Exchange): void {
  assertRedirect(from, rule.assertUrl(response.url, stage), stage);
  if (mayFollow) return;
  const url = displayUrl(from);
  throw new McpOAuthError(
    'redirect_refused',
    `The given fetch followed a redirect of ${url} by itself. It must honour redirect: 'manual'.`,
    { stage, url },
  );
}

/** The same answer as a `Response` of this realm, whose body is at hand. */
function inMemory(response: Response, body: Uint8Array<ArrayBuffer>, stage: Stage, url: URL): Response {
  try {
    const headers = new Headers([...response.headers]);
    for (const name of WIRE_HEADERS) headers.delete(name);
    return new Response(BODILESS.has(response.status) ? null : body, { status: response.status, headers });
  } catch {
    throw new McpOAuthError('invalid_response', `${displayUrl(url)} gave an answer that is not valid HTTP.`, { stage });
  }
}
