import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../clock.js';
import type { Connections } from './connections.js';
import { type Page, type Pages, SECURITY_HEADERS } from './page.js';

/** How long a browser may take to follow the redirect to the page, in milliseconds. */
const FOLLOW_MS = 2_000;

/** Sends answers and knows which are still on their way. */
interface Answers {
  /** Sends a page; resolves when its connection has ended. */
  page(response: ServerResponse, page: Page): Promise<void>;
  /** Sends a status without content. */
  empty(response: ServerResponse, status: number, headers?: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Sends the browser to the clean path, where it gets `page`: neither the code nor the state stays in the address bar
   * or in the history. The query there is a ticket that only this browser has: a window that some web page opens at that
   * path, or another user of the machine, neither sees the page nor ends the wait for it. Resolves when the page was
   * fetched, or when the browser does not come in time.
   */
  redirected(response: ServerResponse, page: Page): Promise<void>;
  /** Answers a request for the clean path. */
  done(response: ServerResponse, ticket: string): Promise<void>;
  /** Resolves when nothing is on its way any more. */
  idle(): Promise<void>;
  /** Stops waiting for a browser to follow. */
  close(): void;
}

/** {@link Answers} for one listener. */
export function createAnswers(pages: Pages, donePath: string, connections: Connections, clock: Clock): Answers {
  const sending = new Set<Promise<void>>();
  let landing: { readonly page: Page; readonly ticket: string; readonly reached: () => void } | undefined;

  const track = (work: Promise<void>): Promise<void> => {
    sending.add(work);
    void work.finally(() => sending.delete(work));
    return work;
  };

  const send = (response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body = '') => {
    const { socket } = response;
    if (socket === null || socket.destroyed) return Promise.resolve();
    connections.release(socket);
    return track(
      new Promise((resolve) => {
        // Not the response's `finish`: until the socket is closed the bytes may still be ours to lose.
        socket.once('close', () => resolve());
        response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' });
        response.end(body);
      }),
    );
  };

  const sendPage = (response: ServerResponse, page: Page) => send(response, page.status, pages.headers, page.html);

  return {
    page: sendPage,
    empty: (response, status, headers) => send(response, status, { ...SECURITY_HEADERS, ...headers }),
    redirected(response, page) {
      // Whoever has gone away will not follow.
      if (isGone(response)) return Promise.resolve();
      landing?.reached();
      const ticket = randomBytes(16).toString('base64url');
      const reached = new Promise<void>((resolve) => {
        const cancel = clock.schedule(FOLLOW_MS, resolve);
        const finish = () => {
          cancel();
          resolve();
        };
        landing = { page, ticket, reached: finish };
      });
      const sent = send(response, 303, { ...SECURITY_HEADERS, Location: `${donePath}?${ticket}` });
      return track(sent.then(() => reached));
    },
    async done(response, ticket) {
      if (landing?.ticket !== ticket) return sendPage(response, pages.unknown());
      const { page, reached } = landing;
      // The page is kept: a reload gets it again for as long as the listener is there.
      await sendPage(response, page);
      reached();
    },
    async idle() {
      await Promise.all(sending);
    },
    close() {
      landing?.reached();
    },
  };
}

function isGone({ socket }: ServerResponse): boolean {
  return socket === null || socket.destroyed;
}
