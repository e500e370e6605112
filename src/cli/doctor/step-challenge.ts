import { type Challenge, findAuthChallenge, parseChallenges } from '../../challenge.js';
import { excerpt } from '../../http/index.js';
import { JSON_HEADERS, PING } from '../../probe.js';
import { parseScope } from '../../scope.js';
import { askServer, type ServerAnswer } from './ask-server.js';
import type { Drawn, Examination } from './examination.js';
import { judgeGet } from './judge-get.js';
import { judgePost } from './judge-post.js';
import { NORMS } from './norms.js';
import type { Step } from './report.js';
import { StepLog } from './step-log.js';

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 'authorization-probe',
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'mcp-oauth-client doctor', version: '1' },
  },
});

/** Asks the server without a token: by the `ping` that `connect()` begins with, by `initialize` where that drew no challenge, by GET. */
export async function stepChallenge(examination: Examination): Promise<{ step: Step; drawn: Drawn }> {
  const log = new StepLog({
    id: 'challenge',
    title: 'A request without a token',
    specification: NORMS.challenge,
  });
  const post = { method: 'POST', headers: JSON_HEADERS } as const;
  const ping = await askServer(examination, { ...post, body: PING, sent: 'ping' });
  if (ping.status === undefined) {
    log.refused('reachable', ping.error, NORMS.challenge);
    return finish(log, examination, { unreachable: true, open: false, challenge: undefined });
  }
  const initialize = wantsInitialize(ping.status) ? await initializeAndLeave(examination) : undefined;
  const get = await askServer(examination, { method: 'GET', headers: { accept: 'text/event-stream' } });

  const posts = initialize === undefined ? [ping] : [ping, initialize];
  const refused = [...posts, get].find(({ status }) => status === 401);
  const challenge = refused === undefined ? undefined : challengeOf(refused);
  judgePost(log, { ping, initialize, get, server: examination.server });
  if (challenge !== undefined) judgeChallenge(log, challenge, refused);
  judgeGet(log, get, posts);
  return finish(log, examination, { unreachable: false, open: posts.some(isGood), challenge });
}

/** A status that says nothing about a token yet. A 404, a redirect or a failure would only be repeated. */
function wantsInitialize(status: number): boolean {
  return status < 300 || (status >= 400 && status < 500 && ![401, 403, 404, 405, 408, 425, 429].includes(status));
}

/** Sends `initialize`; where that opened a session, ends it. */
async function initializeAndLeave(examination: Examination): Promise<ServerAnswer> {
  const answer = await askServer(examination, {
    method: 'POST',
    headers: JSON_HEADERS,
    body: INITIALIZE,
    sent: 'initialize',
  });
  const session = answer.status === undefined ? null : answer.response.headers.get('mcp-session-id');
  if (session !== null) {
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
    await askServer(examination, { method: 'DELETE', headers, sent: 'end of the session' });
  }
  return answer;
}

function isGood(answer: ServerAnswer): boolean {
  return answer.status !== undefined && answer.status < 300;
}

/** The challenge as `connect()` reads it: empty where the 401 has none that it knows. */
function challengeOf(answer: ServerAnswer): Challenge | undefined {
  if (answer.status === undefined) return undefined;
  return findAuthChallenge(parseChallenges(answer.response)) ?? { scheme: 'bearer', parameters: {} };
}

function judgeChallenge(log: StepLog, challenge: Challenge, answer: ServerAnswer | undefined): void {
  const header = answer?.status === undefined ? null : answer.response.headers.get('www-authenticate');
  const schemes = parseChallenges(header).map(({ scheme }) => excerpt(scheme, 40));
  const { resource_metadata: metadata, scope, error, error_description: description } = challenge.parameters;
  log.fact('schemes', schemes.length === 0 ? undefined : [...new Set(schemes)]);
  log.fact('resource_metadata', metadata === undefined ? undefined : excerpt(metadata));
  log.fact('scope', scope === undefined ? undefined : parseScope(scope));
  log.fact('error', error === undefined ? undefined : excerpt(error));
  log.fact('error_description', description === undefined ? undefined : excerpt(description));
  judgeSchemes(log, header, schemes);
  if (metadata !== undefined) {
    log.add('ok', 'resource-metadata-url', 'The challenge names its metadata URL.', NORMS.resourceMetadataParameter);
  } else {
    const message = 'The challenge names no metadata URL, so the well-known locations are asked.';
    const remedy = 'Nothing has to be done where they answer; the operator can add resource_metadata to the challenge.';
    log.add('note', 'resource-metadata-url', message, NORMS.resourceMetadataParameter, { remedy });
  }
  judgeScope(log, scope);
  if (error !== undefined) {
    const message = `The challenge has the error ${excerpt(error, 60)} although no token was sent. It does no harm here.`;
    log.add('note', 'challenge-error', message, NORMS.noErrorWithoutToken);
  }
}

function judgeSchemes(log: StepLog, header: string | null, schemes: readonly string[]): void {
  if (schemes.includes('bearer')) {
    log.add('ok', 'scheme', 'The challenge asks for a Bearer token.', NORMS.wwwAuthenticate);
  } else if (schemes.includes('dpop')) {
    const message = 'The challenge asks for DPoP-bound tokens.';
    log.add('note', 'scheme', message, NORMS.dpop, { remedy: "Set `dpop: 'auto'` (or `true`)." });
  } else {
    const message =
      header === null
        ? 'The 401 has no WWW-Authenticate header. The sign-in goes on with the well-known locations.'
        : 'The 401 asks for neither a Bearer nor a DPoP token. The sign-in goes on with the well-known locations.';
    const remedy = 'The operator has to answer with `WWW-Authenticate: Bearer resource_metadata="…"`.';
    log.add('warning', 'scheme', message, NORMS.wwwAuthenticate, { remedy });
  }
}

function judgeScope(log: StepLog, scope: string | undefined): void {
  const scopes = parseScope(scope);
  if (scopes.length === 0) {
    const message = 'The challenge names no scope, so the metadata decides which scopes are asked for.';
    log.add('note', 'scope', message, NORMS.scopeSelection);
    return;
  }
  log.add('ok', 'scope', 'The challenge says which scopes are needed.', NORMS.scopeSelection);
  if (scopes.includes('offline_access')) {
    const message = 'The challenge asks for offline_access, which is no need of a resource.';
    log.add('note', 'offline-access', message, NORMS.refreshTokens);
  }
}

function finish(log: StepLog, { recorder }: Examination, drawn: Drawn): { step: Step; drawn: Drawn } {
  return { step: log.finish(recorder.take()), drawn };
}
