import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

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
  /** Resolves when no answer of the client's requests is outstanding, or after half a second. */
  quiet(): Promise<void>;
  stop(): void;
}

/** What undici says of a request, both the one inside Node and the one from npm. */
interface UndiciRequest {
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly unknown[] | string;
}

interface Messages {
  'undici:request:create': { readonly request: UndiciRequest };
  'undici:request:bodyChunkSent': { readonly request: UndiciRequest; readonly chunk: string | Uint8Array };
  'undici:request:headers': {
    readonly request: UndiciRequest;
    readonly response: { readonly statusCode: number; readonly headers: readonly unknown[] };
  };
  'undici:request:error': { readonly request: UndiciRequest };
  'http.server.request.start': { readonly request: IncomingMessage };
}

const MOST_BODY = 16_384;
const QUIET_MS = 500;

/**
 * Watches the real requests of this process through Node's diagnostics channels. The library works exactly as it does
 * without a spectator: with its own connections and every check of an address.
 */
export function watchWire(listener: WireListener): Wire {
  const senders = new AsyncLocalStorage<{ readonly actor: Actor; readonly body?: string }>();
  const open = new WeakMap<
    UndiciRequest,
    { readonly actor: Actor; readonly startedAt: number; readonly known: boolean; body: string }
  >();
  const stops: (() => void)[] = [];
  let outstanding = 0;

  function on<Name extends keyof Messages>(name: Name, listen: (message: Messages[Name]) => void): void {
    const onMessage = (message: unknown) => listen(message as Messages[Name]);
    diagnostics.subscribe(name, onMessage);
    stops.push(() => diagnostics.unsubscribe(name, onMessage));
  }

  function finish(request: UndiciRequest, status?: number, headers: readonly unknown[] = []): void {
    const started = open.get(request);
    if (started === undefined) return;
    open.delete(request);
    if (started.actor === 'client') outstanding -= 1;
    listener.onExchange({
      ...started,
      method: request.method,
      url: new URL(request.path, request.origin),
      ms: performance.now() - started.startedAt,
      status,
      requestHeader: headerReader(request.headers),
      responseHeader: headerReader(headers),
    });
  }

  on('undici:request:create', ({ request }) => {
    const { actor = 'client', body } = senders.getStore() ?? {};
    if (actor === 'client') outstanding += 1;
    open.set(request, { actor, body: body ?? '', known: body !== undefined, startedAt: performance.now() });
  });
  on('undici:request:bodyChunkSent', ({ request, chunk }) => {
    const started = open.get(request);
    if (started === undefined || started.known || started.body.length > MOST_BODY) return;
    started.body += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
  });
  on('undici:request:headers', ({ request, response }) => finish(request, response.statusCode, response.headers));
  on('undici:request:error', ({ request }) => finish(request));
  on('http.server.request.start', ({ request }) => {
    const url = `http://${request.headers.host}${request.url}`;
    if (URL.canParse(url)) listener.onArrival(new URL(url));
  });

  return {
    run: (actor, fn) => senders.run({ actor }, fn),
    fetch: (input, init) =>
      senders.run({ actor: 'client', body: typeof init?.body === 'string' ? init.body : '' }, () => fetch(input, init)),
    async quiet() {
      const deadline = performance.now() + QUIET_MS;
      do await sleep(2);
      while (outstanding > 0 && performance.now() < deadline);
    },
    stop() {
      for (const stop of stops) stop();
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
