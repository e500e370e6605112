import { findAuthChallenge, parseChallenges } from '../../challenge.js';
import { parseUrl } from '../../http/text.js';
import { isEventStream, type ServerAnswer } from './ask-server.js';
import { jsonIn } from './exchange-record.js';
import { NORMS } from './norms.js';
import type { StepLog } from './step-log.js';

/** The answers to the requests without a token. */
export interface Answers {
  readonly ping: ServerAnswer & { status: number };
  readonly initialize: ServerAnswer | undefined;
  readonly get: ServerAnswer;
  readonly server: URL;
}

const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429]);

/** What the answer to a POST without a token means for a sign-in. */
export function judgePost(log: StepLog, answers: Answers): void {
  const { ping, initialize } = answers;
  const { status } = ping;
  if (status === 401) log.add('ok', 'unauthorized', 'Without a token the server answers 401.', NORMS.statusCodes);
  else if (initialize?.status === 401) {
    const message = `A ping is answered ${status} without a token, but initialize draws a 401: the sign-in begins there.`;
    log.add('note', 'unauthorized', message, NORMS.statusCodes);
  } else if (status >= 500 || TEMPORARY.has(status)) {
    log.add(
      'problem',
      'unauthorized',
      `The server answers ${status}, so nobody can tell what it wants.`,
      NORMS.statusCodes,
      {
        remedy: 'Run it again later. If it stays, the operator has to look at the server.',
        code: 'server_unavailable',
        temporary: true,
      },
    );
  } else if (status >= 300 && status < 400) judgeRedirect(log, answers);
  else if (status === 403) judgeForbidden(log, ping.response);
  else if (status === 404 || status === 405) judgeNotThere(log, answers);
  else if (status < 300) judgeOpen(log, ping);
  else {
    const message = `The server answers ${status} without asking for a token. It may ask for one at a later request.`;
    const remedy = 'The operator should check the token before anything else of the request.';
    log.add('note', 'unauthorized', message, NORMS.statusCodes, { remedy });
  }
}

function judgeRedirect(log: StepLog, { ping, server }: Answers): void {
  const to = ping.redirect;
  const target = to === undefined ? undefined : parseUrl(to);
  // To itself it goes round in a circle.
  const isElsewhere = target?.href !== server.href;
  const isFollowed = (ping.status === 307 || ping.status === 308) && target?.origin === server.origin && isElsewhere;
  if (isFollowed) {
    const message = `The server redirects to ${to}. At the same origin that is followed.`;
    log.add('note', 'redirect', message, NORMS.transport, {
      remedy: 'Configure the final URL: it saves a round trip.',
    });
    return;
  }
  const message = `The server redirects a POST${to === undefined ? '' : ` to ${to}`}. A request with a token does not follow it.`;
  const remedy =
    'Configure the final URL of the MCP endpoint. A redirect to a login page is none: the operator has to answer 401.';
  log.add('problem', 'redirect', message, NORMS.statusCodes, { remedy, code: 'redirect_refused' });
}

function judgeForbidden(log: StepLog, response: Response): void {
  const challenge = findAuthChallenge(parseChallenges(response));
  if (challenge?.parameters['error'] === 'insufficient_scope') {
    const message =
      'Without a token the server answers 403 insufficient_scope instead of 401. It is handled as a step-up.';
    log.add('warning', 'unauthorized', message, NORMS.statusCodes, { remedy: 'The operator has to answer 401.' });
    return;
  }
  const message = 'The server answers 403, which begins no sign-in: a firewall, an allow-list, or a wrong status.';
  const remedy =
    'Ask the operator whether this client or network is blocked; where a token is wanted, the answer has to be 401. ' +
    'Until then `authorize()` signs in without being asked.';
  log.add('problem', 'unauthorized', message, NORMS.statusCodes, { remedy });
}

/** No POST at this URL: an SSE endpoint of an earlier revision, or a wrong URL. */
function judgeNotThere(log: StepLog, { ping, get }: Answers): void {
  const isSse = get.status === 401 || (get.status === 200 && isEventStream(get.response));
  if (isSse) {
    const message = `POST is answered ${ping.status}, but GET is served: an endpoint of the older HTTP+SSE transport.`;
    const remedy = 'Connect with `SSEClientTransport`.';
    log.add('note', 'unauthorized', message, NORMS.transport, { remedy });
    return;
  }
  const message = `The server answers ${ping.status}: there is no MCP endpoint at this URL.`;
  log.add('problem', 'unauthorized', message, NORMS.transport, {
    remedy: 'Check the path; many servers have their endpoint at /mcp.',
  });
}

function judgeOpen(log: StepLog, { response, text }: Extract<ServerAnswer, { status: number }>): void {
  if (jsonIn(text) !== undefined || isEventStream(response) || response.status === 202) {
    const message = 'No token was needed for this request. The server may ask for one later, such as for a tool call.';
    log.add('note', 'unauthorized', message, NORMS.challenge);
    return;
  }
  const message = `The server answers ${response.status} with something that is no MCP message, such as a login page.`;
  const remedy = 'Check the URL. Where a token is wanted, the operator has to answer 401 instead of a page.';
  log.add('problem', 'unauthorized', message, NORMS.statusCodes, { remedy });
}
