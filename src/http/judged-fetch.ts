import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { FetchLike } from '../types.js';
import { type AddressRule, absoluteUrl } from './address-rule.js';
import { isRedirect } from './redirect.js';
import { displayUrl } from './text.js';
import { connectionFailure } from './tls-failure.js';
import type { WayOut } from './way-out.js';

/**
 * A `fetch` under the address rule for traffic that is not this library's own: nothing is read into memory and nothing
 * bounded, so that event streams pass. It follows no redirect, since what follows would not be judged.
 *
 * @throws {@link McpOAuthError} `address_refused`, `redirect_refused`, `network_error`, `timeout`; what the signal aborts
 * with.
 */
export function judgedFetch(rule: AddressRule, open: () => Promise<WayOut>): FetchLike {
  return async (input, init) => {
    const given = input instanceof Request || isForm(init) ? new Request(input, init) : undefined;
    const url = absoluteUrl(given?.url ?? (input as string | URL), 'resource');
    const { redirect, signal } = given ?? { redirect: 'follow', signal: undefined, ...init };
    const request: RequestInit = { ...(given ? parts(given) : plain(init)), redirect: 'manual' };
    const response = await send(url, request).catch((error: unknown) => {
      throw signal?.aborted || isMcpOAuthError(error) ? error : connectionFailure(error, 'resource', displayUrl(url));
    });
    if (redirect === 'manual' || !isRedirect(response)) return response;
    throw refusedRedirect(response, displayUrl(url));
  };

  async function send(url: URL, request: RequestInit): Promise<Response> {
    const { fetch } = await open();
    rule.assertUrl(url, 'resource');
    return fetch(url.href, request);
  }
}

function refusedRedirect(response: Response, url: string): McpOAuthError {
  response.body?.cancel().catch(() => {});
  const message = `${url} redirects. Name the URL that answers itself.`;
  return new McpOAuthError('redirect_refused', message, { stage: 'resource', url, status: response.status });
}

/** Another implementation does not know the forms of this realm. */
function isForm(init: RequestInit | undefined): boolean {
  return typeof FormData === 'function' && init?.body instanceof FormData;
}

/** Headers of this realm are not the ones that the connections know. */
function plain(init: RequestInit | undefined): RequestInit {
  return init?.headers === undefined
    ? { ...init }
    : { ...init, headers: Object.fromEntries(new Headers(init.headers)) };
}

/** Nor is a `Request`. */
function parts({ method, headers, body, signal }: Request): RequestInit {
  const init: RequestInit & { duplex?: 'half' } = { method, headers: Object.fromEntries(headers), signal };
  return body === null ? init : Object.assign(init, { body, duplex: 'half' });
}
