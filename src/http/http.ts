import { type Clock, systemClock } from '../clock.js';
import { type SpanFacts, traced } from '../diagnostics.js';
import { isMcpOAuthError, McpOAuthError, type Stage } from '../errors.js';
import type { FetchLike } from '../types.js';
import { absoluteUrl, createAddressRule, type NetworkOptions } from './address-rule.js';
import { withinBounds } from './bounds.js';
import { exchange } from './exchange.js';
import { judgedFetch } from './judged-fetch.js';
import { normalizeResponse } from './normalize.js';
import { type Purpose, STAGE_OF } from './purpose.js';
import { credentialsIn } from './redact.js';
import { displayUrl, parseUrl } from './text.js';
import { connectionFailure } from './tls-failure.js';
import { openWayOut, type WayOut } from './way-out.js';

export type { Purpose } from './purpose.js';

/** What of a request can be chosen. `Accept: application/json` is sent unless the headers say otherwise. */
export interface HttpInit {
  /** The HTTP method. Default: `GET`. Only a GET of metadata may be redirected. */
  method?: string | undefined;
  /** Header fields, sent as they are. */
  headers?: RequestInit['headers'] | undefined;
  /** What is sent; absent: nothing. */
  body?: RequestInit['body'] | undefined;
  /** Ends the request with `aborted`, or with its reason where that is a {@link McpOAuthError}. */
  signal?: AbortSignal | undefined;
}

/** The `fetch` that `oauth4webapi` takes as its `customFetch`. */
export type ProtocolFetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: unknown; signal?: AbortSignal },
) => Promise<Response>;

/** The one way out: every request of this library that is not MCP traffic goes through one. */
export interface Http {
  /**
   * Sends a request and reads the whole answer into memory. Whatever its status, the answer is returned.
   *
   * Every hop is judged by the address rule. Metadata requests follow up to 5 redirects within it, all others none.
   * Together with its redirects and its body a request takes at most `timeoutMs`; a body has at most 1 MiB.
   *
   * @param purpose - What it is for: it decides on redirects, and on the `stage` of an error.
   * @param url - Where it goes.
   * @param init - What of it can be chosen.
   * @returns The answer, whose body is in memory.
   * @throws {@link McpOAuthError} `address_refused`, `redirect_refused`, `response_too_large`, `invalid_response`,
   * `network_error`, `timeout`, `aborted`.
   */
  request(purpose: Purpose, url: string | URL, init?: HttpInit): Promise<Response>;
  /**
   * The same in the shape that `oauth4webapi` wants as its `customFetch`. Here answers are also normalised by shape:
   * what many servers send although the RFCs say otherwise becomes what the RFCs say.
   *
   * @param purpose - What the requests are for.
   * @param signal - Ends every one of them.
   * @returns A function that throws what {@link Http.request} throws.
   */
  fetchFor(purpose: Purpose, signal?: AbortSignal): ProtocolFetch;
  /**
   * Judges the URL of an endpoint that a server named, by its scheme and by the name or literal in it.
   *
   * @param url - The URL, as it was named.
   * @param stage - The stage of the error.
   * @returns The URL, parsed.
   * @throws {@link McpOAuthError} `address_refused`
   */
  assertDiscoveredUrl(url: string | URL, stage: Stage): URL;
  /**
   * Judges a URL that a browser is about to open: https, or http on loopback; no credentials, no fragment, ≤ 8 KiB.
   *
   * @param url - The URL, as it was named.
   * @returns The URL, parsed.
   * @throws {@link McpOAuthError} `address_refused`
   */
  assertBrowserUrl(url: string | URL): URL;
  /**
   * A `fetch` for the MCP traffic where `network.publicOnly` is set: it goes to addresses that were judged, follows no
   * redirect, and neither bounds nor keeps what comes.
   *
   * @throws {@link McpOAuthError} `address_refused`, `redirect_refused`, `network_error`, `timeout`.
   */
  readonly judgedFetch: FetchLike;
  /** Closes idle connections. Not needed for the process to end. */
  close(): Promise<void>;
}

/** What an {@link Http} is made of. */
export interface HttpOptions {
  /** The URL that the user named; the address rule starts from the address space it lies in. */
  anchor: string | URL;
  /**
   * Sends every request in place of the library's own connections and of the proxies that the environment names.
   * Addresses are then judged by their names and literals alone.
   */
  fetch?: FetchLike | undefined;
  /** How long one request may take, in ms, with its redirects and its body. Default: 30,000. */
  timeoutMs?: number | undefined;
  /** What widens or narrows the address rule. Default: nothing does. */
  network?: NetworkOptions | undefined;
  /** Time, as the bound of a request sees it. Default: the machine's own clock. */
  clock?: Clock | undefined;
}

/** What every building block takes last. */
export interface RequestOptions {
  /** The way out to use. It replaces `fetch`, `network` and `timeoutMs`. */
  http?: Http | undefined;
  /** Sends every request in place of the library's own connections. */
  fetch?: FetchLike | undefined;
  /** What widens or narrows the address rule. Default: nothing does. */
  network?: NetworkOptions | undefined;
  /** How long one request may take, in ms. Default: 30,000. */
  timeoutMs?: number | undefined;
  /** Ends the call with `aborted`, or with its reason where that is a {@link McpOAuthError}. */
  signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * The way out for one MCP server.
 *
 * Without a `fetch` of its own, on Node, it goes through the proxies that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name
 * when the first request is sent, except to loopback.
 *
 * @param options - Where to start from, and what replaces or bounds the requests.
 * @returns The way out. Nothing is opened before the first request.
 * @throws {@link McpOAuthError} `invalid_options` where the anchor is no URL or a host list has an entry that is no host;
 * `address_refused` where `network.publicOnly` forbids the anchor.
 */
export function createHttp(options: HttpOptions): Http {
  const anchor = parseUrl(options.anchor);
  if (!anchor) {
    throw new McpOAuthError(
      'invalid_options',
      `"${displayUrl(options.anchor)}" is no absolute URL. Name one with https.`,
      {
        stage: 'configuration',
      },
    );
  }
  const { timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock } = options;
  const rule = createAddressRule(anchor, options.network);
  let wayOut: Promise<WayOut> | undefined;
  const open = () => (wayOut ??= openWayOut(rule, options.fetch, timeoutMs));

  async function send(
    purpose: Purpose,
    url: string | URL,
    init: Omit<HttpInit, 'signal'>,
    signals: readonly (AbortSignal | undefined)[],
  ): Promise<Response> {
    const stage = STAGE_OF[purpose];
    const target = absoluteUrl(url, stage);
    const { method = 'GET', body } = init;
    const headers = new Headers(init.headers ?? {});
    if (!headers.has('accept')) headers.set('accept', 'application/json');
    const mayFollow = purpose === 'metadata' && method === 'GET';
    const what = displayUrl(target);
    const bounded = (facts: SpanFacts) =>
      withinBounds({ timeoutMs, signals, clock, stage, what }, async (bounds) => {
        try {
          const { fetch, ready } = await bounds.race(open());
          await bounds.race(ready());
          const answer = await exchange(target, { method, headers, body, mayFollow, fetch, rule, bounds, stage });
          facts['status'] = answer.status;
          return answer;
        } catch (error) {
          if (bounds.signal.aborted) throw bounds.signal.reason;
          throw isMcpOAuthError(error) ? error : connectionFailure(error, stage, what, credentialsIn(headers, body));
        }
      });
    return traced('request', { purpose, method, url: what }, bounded);
  }

  return {
    request: (purpose, url, init = {}) => send(purpose, url, init, [init.signal]),
    fetchFor:
      (purpose, signal) =>
      async (url, { method, headers, body, signal: own }) => {
        const response = await send(purpose, url, { method, headers, body: body as BodyInit | null | undefined }, [
          signal,
          own,
        ]);
        return normalizeResponse(purpose, response);
      },
    assertDiscoveredUrl: rule.assertUrl,
    assertBrowserUrl: rule.assertBrowserUrl,
    judgedFetch: judgedFetch(rule, open),
    close: async () => (await wayOut)?.close(),
  };
}

/** The given {@link Http}, else a new one for `anchor`. */
export function resolveHttp(anchor: string | URL, options: RequestOptions | undefined): Http {
  if (options?.http) return options.http;
  return createHttp({ anchor, fetch: options?.fetch, timeoutMs: options?.timeoutMs, network: options?.network });
}
