import type { McpOAuthError } from '../errors.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** One stream that is open. Whoever reads it keeps it alive, and this does not. */
interface Entry {
  readonly controller: WeakRef<ReadableStreamDefaultController<Bytes>>;
  readonly reader: ReadableStreamDefaultReader<Bytes>;
}

/** Event streams that outlive their request, so that a sign-out can end them. */
export class OpenStreams {
  readonly #open = new Set<Entry>();
  /** A stream that nobody can read any more is closed: a server may answer every request with one. */
  readonly #dropped = new FinalizationRegistry((entry: Entry) => this.#close(entry));

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** The response as it is, or with a body that {@link end} can end where it is an event stream. */
  track(response: Response): Response {
    const { body, status, statusText, headers } = response;
    // Some implementations of fetch have bodies of their own kind.
    if (typeof body?.getReader !== 'function') return response;
    if (headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
    return new Response(this.#endable(body), { status, statusText, headers });
  }

  /** Ends all of them: whoever reads gets `reason`, and the connection is closed. */
  end(reason: McpOAuthError): void {
    for (const entry of [...this.#open]) {
      entry.controller.deref()?.error(reason);
      this.#close(entry, reason);
    }
  }

  #close(entry: Entry, reason?: unknown): void {
    this.#open.delete(entry);
    entry.reader.cancel(reason).catch(() => undefined);
  }

  #endable(body: ReadableStream<Bytes>): ReadableStream<Bytes> {
    const reader = body.getReader();
    let entry: Entry | undefined;
    const forget = () => {
      if (entry !== undefined) this.#open.delete(entry);
    };
    const stream = new ReadableStream<Bytes>(
      {
        start: (controller) => {
          entry = { controller: new WeakRef(controller), reader };
          this.#open.add(entry);
        },
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (!done) return controller.enqueue(value);
            forget();
            controller.close();
          } catch (error) {
            forget();
            controller.error(error);
          }
        },
        cancel(reason) {
          forget();
          return reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
    if (entry !== undefined) this.#dropped.register(stream, entry);
    // An abort, or an end, that comes while nobody reads.
    reader.closed.then(forget, forget);
    return stream;
  }
}
