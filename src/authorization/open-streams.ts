import type { McpOAuthError } from '../errors.js';

/** Event streams that outlive their request, so that a sign-out can end them. */
export class OpenStreams {
  readonly #open = new Set<(reason: McpOAuthError) => void>();

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** The response as it is, or with a body that {@link end} can end where it is an event stream. */
  track(response: Response): Response {
    const { body, status, statusText, headers } = response;
    if (body === null || headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
    return new Response(this.#endable(body), { status, statusText, headers });
  }

  /** Ends all of them: whoever reads gets `reason`, and the connection is closed. */
  end(reason: McpOAuthError): void {
    for (const end of [...this.#open]) end(reason);
  }

  #endable(body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const reader = body.getReader();
    let end: (reason: McpOAuthError) => void = () => undefined;
    const forget = () => this.#open.delete(end);
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => {
          end = (reason) => {
            forget();
            controller.error(reason);
            reader.cancel(reason).catch(() => undefined);
          };
          this.#open.add(end);
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
  }
}
