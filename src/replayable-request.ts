import type { FetchLike } from './types.js';

/** What a JSON-RPC body tells about the call, where it is one. */
export interface RpcInfo {
  /** The ids of its requests, each with the MCP session it belongs to: two clients may use the same number. */
  readonly ids: readonly string[];
  readonly method: string | undefined;
  readonly tool: string | undefined;
  /** The id that a `notifications/cancelled` names. */
  readonly cancels: string | undefined;
}

/** The headers that say who sends a request. */
export interface Credentials {
  readonly authorization: string;
  /** The proof that goes with a bound token. */
  readonly dpop?: string;
}

/** A request that can be sent more than once, each time with another token. */
export interface ReplayableRequest {
  readonly url: URL;
  readonly method: string;
  readonly signal: AbortSignal | undefined;
  /** Whether the body can be sent again. */
  readonly replayable: boolean;
  /** Whether it can be a `notifications/cancelled`; every request is asked, so its body is not parsed for it. */
  mayCancel(): boolean;
  /** Sends it. `credentials` replaces the headers of these names; where it is `undefined` the request goes as it is. */
  send(fetch: FetchLike, credentials: Credentials | undefined): Promise<Response>;
  /** The same request to where a redirect of the same origin points. */
  redirectedTo(url: URL): ReplayableRequest;
  /** Reads the JSON-RPC body, where there is one. Only done when it is needed. */
  rpc(): RpcInfo;
}

/** The request that `fetch(input, init)` describes. Redirects are always handled by the caller. */
export function replayableRequest(input: string | URL | Request, init: RequestInit | undefined): ReplayableRequest {
  if (input instanceof Request) return fromRequest(new Request(input, init));
  return fromInit(input instanceof URL ? input : new URL(input), init ?? {});
}

function fromInit(url: URL, init: RequestInit): ReplayableRequest {
  // `fetch` itself leaves `patch` as it is, and a proof names the method that is sent.
  const method = (init.method ?? 'GET').toUpperCase();
  return {
    url,
    method,
    signal: init.signal ?? undefined,
    replayable: !isStream(init.body),
    // Not a getter: in an object that each request makes, one costs more than all the rest of it.
    mayCancel: () =>
      typeof init.body === 'string' && init.body.length <= LONGEST_CANCELLATION && init.body.includes(CANCELLED),
    // Async, so that whatever is thrown on the way is a rejection.
    send: async (fetch, credentials) =>
      fetch(url, {
        ...init,
        method,
        redirect: 'manual',
        ...(credentials === undefined ? {} : { headers: withCredentials(init.headers, credentials) }),
      }),
    redirectedTo: (target) => fromInit(target, init),
    rpc: () => rpcInfo(init),
  };
}

function fromRequest(request: Request): ReplayableRequest {
  const method = request.method.toUpperCase();
  const send = async (url: URL | undefined, fetch: FetchLike, credentials: Credentials | undefined) => {
    // A clone each time keeps the original unread, so that it can be sent again.
    const copy = url === undefined ? request.clone() : new Request(url, request.clone());
    const headers = credentials === undefined ? copy.headers : withCredentials(copy.headers, credentials);
    return fetch(new Request(copy, { method, headers, redirect: 'manual' }));
  };
  const at = (url: URL | undefined): ReplayableRequest => ({
    url: url ?? new URL(request.url),
    method,
    signal: request.signal,
    replayable: true,
    mayCancel: () => false,
    send: (fetch, credentials) => send(url, fetch, credentials),
    redirectedTo: at,
    rpc: () => NO_RPC,
  });
  return at(undefined);
}

function withCredentials(given: HeadersInit | undefined, { authorization, dpop }: Credentials): Headers {
  const headers = new Headers(given);
  headers.set('authorization', authorization);
  if (dpop !== undefined) headers.set('dpop', dpop);
  return headers;
}

/** Streams and iterables are used up by the first send. */
function isStream(body: RequestInit['body']): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return body instanceof ReadableStream || (Symbol.asyncIterator in body && !(body instanceof Blob));
}

const CANCELLED = 'notifications/cancelled';
const LONGEST_CANCELLATION = 8_192;

const NO_RPC: RpcInfo = { ids: [], method: undefined, tool: undefined, cancels: undefined };

function rpcInfo({ body, headers }: RequestInit): RpcInfo {
  if (typeof body !== 'string') return NO_RPC;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return NO_RPC;
  }
  const messages = (Array.isArray(parsed) ? parsed : [parsed]).filter(isRecord);
  const first = messages[0];
  const params = isRecord(first?.['params']) ? first['params'] : {};
  const method = typeof first?.['method'] === 'string' ? first['method'] : undefined;
  const session = new Headers(headers).get('mcp-session-id') ?? '';
  // The type is part of it: JSON-RPC tells the number 1 from the string "1".
  const name = (id: string | number) => `${session} ${JSON.stringify(id)}`;
  return {
    ids: messages
      .map((message) => message['id'])
      .filter(isRpcId)
      .map(name),
    method,
    tool: method === 'tools/call' && typeof params['name'] === 'string' ? params['name'] : undefined,
    cancels: method === CANCELLED && isRpcId(params['requestId']) ? name(params['requestId']) : undefined,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isRpcId(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}
