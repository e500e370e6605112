import type { IncomingMessage, ServerResponse } from 'node:http';
import { atMost } from '../bounded-wait.js';
import { systemClock } from '../clock.js';
import { abortError, McpOAuthError } from '../errors.js';
import { loopbackAddress, loopbackPath, loopbackPort } from './address.js';
import { createAnswers } from './answer.js';
import { bindLoopback, listenOn } from './bind.js';
import { trackConnections } from './connections.js';
import type { LoopbackCallback, LoopbackListener, LoopbackListenerOptions } from './contract.js';
import { isBrowserNavigation, judge, type Rules } from './judge.js';
import { createPages, type Page } from './page.js';
import { createCallbackServer } from './server.js';
import { createSlot } from './slot.js';

/** How long a page on its way may hold up `close()`, in milliseconds. */
const CLOSE_GRACE_MS = 100;
const RESPOND_TIMEOUT_MS = 10_000;

/**
 * Opens a listener on loopback for the redirect of an authorization server. It is bound when the promise resolves, so
 * that nobody else can take the port between the authorization request and its answer.
 *
 * Only a GET navigation to the path, addressed to the host that was bound and carrying the awaited `state` once, is the
 * callback. A favicon, a scan, an image or frame of some web page, a rebound name or a guessed state never is.
 *
 * @param options - Where to bind; by default a free port on 127.0.0.1.
 * @returns The listener, bound. `close()` it when the sign-in has ended.
 * @throws McpOAuthError `invalid_options` for a host that is not loopback or a malformed port or path; `listener_failed`
 * where the port cannot be bound, with the system's error as its cause; `aborted`
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-7.3 | RFC 8252 section 7.3}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-8.3 | RFC 8252 section 8.3}
 */
export async function startLoopbackListener(options: LoopbackListenerOptions = {}): Promise<LoopbackListener> {
  const target = loopbackAddress(options.host ?? '127.0.0.1');
  const path = loopbackPath(options.path ?? '/callback');
  const wantedPort = loopbackPort(options.port ?? 0);
  const { signal, clock = systemClock, respondTimeoutMs = RESPOND_TIMEOUT_MS } = options;
  if (signal?.aborted) throw abortError(signal, 'callback');

  const hosts = new Set<string>();
  const rules: Rules = { hosts, path, donePath: path === '/' ? '/done' : `${path}/done` };
  const pages = createPages(options.clientName);
  const connections = trackConnections(clock);
  const answers = createAnswers(pages, rules.donePath, connections, clock);
  const slot = createSlot();
  const held = new Set<(page: Page) => Promise<void>>();
  let redirectUri = '';
  let closing: Promise<void> | undefined;

  const hold = (query: string, request: IncomingMessage, response: ServerResponse): LoopbackCallback => {
    connections.hold(request.socket);
    let answered: Promise<void> | undefined;
    const answer = (page: Page): Promise<void> => {
      // Once closing there is no time for a second request, and outside a browser nobody sees an address bar.
      const direct = closing !== undefined || !isBrowserNavigation(request);
      answered ??= direct ? answers.page(response, page) : answers.redirected(response, page);
      return answered;
    };
    const cancel = clock.schedule(respondTimeoutMs, () => void answer(pages.finishing()));
    held.add(answer);
    response.once('close', () => {
      cancel();
      held.delete(answer);
    });
    const url = new URL(redirectUri);
    url.search = query;
    return {
      url,
      respond: (outcome) => answer(outcome.ok ? pages.success() : pages.failure(outcome.title, outcome.detail)),
    };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const verdict = judge(request, rules);
    if (verdict.kind === 'refused') return answers.empty(response, verdict.status, verdict.headers);
    if (verdict.kind === 'head') return answers.empty(response, 200);
    if (verdict.kind === 'done') return answers.done(response, verdict.ticket);
    const claim = slot.claim(verdict.state);
    if (typeof claim === 'string') return answers.page(response, pages[claim]());
    claim(hold(verdict.query, request, response));
  };

  const bound = await bindLoopback(target, wantedPort, (address, port) =>
    listenOn(createCallbackServer(handle, connections.add), address, port),
  );
  const port = bound[0]?.port ?? wantedPort;
  redirectUri = `http://${target.host}:${port}${path}`;
  for (const name of [target.host, ...bound.map(({ address }) => (address === '::1' ? '[::1]' : address))]) {
    hosts.add(`${name}:${port}`);
    // Browsers leave the default port out.
    if (port === 80) hosts.add(name);
  }

  const shutdown = async () => {
    for (const answer of [...held]) void answer(pages.finishing());
    await atMost(clock, CLOSE_GRACE_MS, answers.idle(), { keepAlive: true });
    answers.close();
    const ended = bound.map((one) => one.close());
    connections.destroyAll();
    await Promise.all(ended);
  };
  const end = (error: McpOAuthError): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    slot.close(error);
    closing ??= Promise.resolve().then(shutdown);
    return closing;
  };
  const onAbort = () => {
    if (signal !== undefined) void end(abortError(signal, 'callback'));
  };
  if (signal?.aborted) {
    await end(abortError(signal, 'callback'));
    throw abortError(signal, 'callback');
  }
  signal?.addEventListener('abort', onAbort, { once: true });

  return { redirectUri, port, waitForCallback: slot.wait, close: () => end(closedError()) };
}

function closedError(): McpOAuthError {
  return new McpOAuthError('closed', 'The callback listener was closed. Open another one to sign in.', {
    stage: 'callback',
  });
}
