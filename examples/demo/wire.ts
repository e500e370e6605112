import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

/** Who sends a request: the library with its transport, the played person, a server of the demo, or the demo by hand. */
export type Actor = 'client' | 'person' | 'server' | 'hand';

/** One HTTP request as it left this process, and what came back. It may hold secrets: `describe.ts` says what is shown. */
export interface Exchange {
  readonly actor: Actor;
  readonly method: string;
  readonly url: URL;
  /** The beginning of the body, where it is known. */
  readonly body: string;
  readonly startedAt: number;
  readonly ms: number;
  /** `undefined` where no answer came. */
  readonly status: number | undefined;
  requestHeader(name: string): string | undefined;
  responseHeader(name: string): string | undefined;
}

export interface WireListener {
  /** The head of the answer is there, or it is clear that none will come. */
  onExchange(exchange: Exchange): void;
  /** An HTTP server of this process was asked for `url`, e.g. the library's callback listener. */
  onArrival(url: URL): void;
}

export interface Wire {
  /** Everything that `fn` sends, whatever it starts, is this actor's. */
  run<T>(actor: Actor, fn: () => T): T;
  /** The global `fetch`, whose string bodies are known here too: of Node's own fetch the channels do not tell them. */
  readonly fetch: typeof globalThis.fetch;
  stop(): void;
}

/** What undici says of a request, both the one inside Node and the one from npm. */
interface UndiciRequest {
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly unknown[] | string;
}

const MOST_BODY = 16_384;

/**
 * Watches the real requests of this process through Node's diagnostics channels. Nothing is wrapped or replaced, so the
 * library works exactly as it does without a spectator: with its own connections and every check of an address.
 */
export function watchWire(listener: WireListener): Wire {
  const senders = new AsyncLocalStorage<{ readonly actor: Actor; readonly body: string }>();
  const open = new WeakMap<UndiciRequest, { readonly actor: Actor; readonly startedAt: number; body: string }>();

  const finish = (request: UndiciRequest, status?: number, headers: readonly unknown[] = []) => {
    const started = open.get(request);
    if (started === undefined) return;
    open.delete(request);
    const ms = performance.now() - started.startedAt;
    const requestHeader = headerReader(request.headers);
    const responseHeader = headerReader(headers);
    const url = new URL(request.path, request.origin);
    listener.onExchange({ ...started, method: request.method, url, ms, status, requestHeader, responseHeader });
  };

  const channels: Readonly<Record<string, (message: never) => void>> = {
    'undici:request:create': ({ request }: { request: UndiciRequest }) => {
      const { actor = 'client', body = '' } = senders.getStore() ?? {};
      open.set(request, { actor, body, bodySeen: '', startedAt: performance.now() });
    },
    'undici:request:bodyChunkSent': ({ request, chunk }: { request: UndiciRequest; chunk: string | Uint8Array }) => {
      const started = open.get(request);
      if (started === undefined || started.body.length > MOST_BODY) return;
      started.body += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    },
    'undici:request:headers': (message: {
      request: UndiciRequest;
      response: { statusCode: number; headers: readonly unknown[] };
    }) => finish(message.request, message.response.statusCode, message.response.headers),
    'undici:request:error': ({ request }: { request: UndiciRequest }) => finish(request),
    'http.server.request.start': ({ request }: { request: IncomingMessage }) => {
      const url = `http://${request.headers.host}${request.url}`;
      if (URL.canParse(url)) listener.onArrival(new URL(url));
    },
  };
  const subscriptions = Object.entries(channels) as [string, diagnostics.ChannelListener][];
  for (const [name, onMessage] of subscriptions) diagnostics.subscribe(name, onMessage);
  return {
    run: (actor, fn) => actors.run(actor, fn),
    stop() {
      for (const [name, onMessage] of subscriptions) diagnostics.unsubscribe(name, onMessage);
    },
  };
}

/** Headers come as names and values in turn, as text or as bytes; from older versions as one text. */
function headerReader(headers: readonly unknown[] | string): (name: string) => string | undefined {
  const flat = typeof headers === 'string' ? headers.split(/: |\r\n/) : headers.map(String);
  return (name) => {
    const index = flat.findIndex((entry, position) => position % 2 === 0 && entry.toLowerCase() === name);
    return index === -1 ? undefined : flat[index + 1];
  };
}
