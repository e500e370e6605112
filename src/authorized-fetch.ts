import type { AuthSession } from './authorization/session.js';
import { readContext } from './authorization/session-context.js';
import { tokenRejected } from './authorization/session-errors.js';
import type { Waiter } from './authorization/shared-task.js';
import { cachedTokens } from './authorization/signed-out.js';
import type { StepUp } from './authorization/step-up.js';
import { stillInsufficient } from './authorization/step-up-errors.js';
import { type Challenge, findAuthChallenge, parseChallenges } from './challenge.js';
import { type DpopProver, proofErrorOf, proofRefused, sendWithProof } from './dpop/index.js';
import { abortError, isMcpOAuthError, McpOAuthError } from './errors.js';
import { displayUrl, redact, safeCause, systemCode } from './http/index.js';
import { ParkedRequests, type Passage } from './parked-requests.js';
import { type ReplayableRequest, replayableRequest } from './replayable-request.js';
import { coversScope, parseScope, unionScopes } from './scope.js';
import type { FetchLike } from './types.js';

/** How one authorized fetch differs from another of the same provider. */
export interface AuthorizedFetchOptions {
  /** Carries the MCP traffic. Default: the provider's `fetch` option, else the global one. */
  readonly underlying?: FetchLike | undefined;
  /** Keeps a sign-in that a request caused alive beyond that request, until it aborts. */
  readonly holder?: AbortSignal | undefined;
}

const MOST_REDIRECTS = 5;
const MOST_STEP_UPS_A_REQUEST = 2;

/** The rungs of the ladder that one request has used. */
interface Ladder {
  adopted: boolean;
  refreshed: boolean;
  signedIn: boolean;
  stepUps: number;
}

/** A token as it is sent. */
interface Carried {
  readonly token: string | undefined;
  /** Proves the key that it is bound to; absent for a Bearer token. */
  readonly prover: DpopProver | undefined;
}

/**
 * The one place where a request gets its token and a 401 or 403 is dealt with.
 * For a 401, each rung once a request: adopt a newer stored token, refresh, discover again and sign in. For a 403: step up.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-3 | RFC 6750 section 3}
 */
export function createAuthorizedFetch(
  session: AuthSession,
  stepUp: StepUp,
  options: AuthorizedFetchOptions = {},
): FetchLike {
  const parked = new ParkedRequests();
  const underlying = options.underlying ?? session.trafficFetch;

  return async (input, init) => {
    session.assertLive();
    // A token of this server is no other server's business.
    if (!isSameOrigin(targetOf(input), session.options.server)) return underlying(input, init);
    const request = replayableRequest(input, init);
    if (!parked.empty && request.mayCancel() && parked.abandon(request.rpc()))
      return new Response(null, { status: 202 });
    const follow = init?.redirect ?? (input instanceof Request ? input.redirect : 'follow');
    const passage = parked.enter(request);
    try {
      const carried = plainToken() ?? (await carry(await passage.park(() => session.accessToken(request.signal))));
      const response = await sendOnce(request, carried, follow);
      if (response.status !== 401 && response.status !== 403) return response;
      return await recoverAndResend(request, passage, response, carried, follow);
    } finally {
      passage.end();
    }
  };

  async function recoverAndResend(
    request: ReplayableRequest,
    passage: Passage,
    refused: Response,
    refusedToken: Carried,
    follow: RequestRedirect,
  ): Promise<Response> {
    const ladder: Ladder = { adopted: false, refreshed: false, signedIn: false, stepUps: 0 };
    let response = refused;
    let carried = refusedToken;
    for (;;) {
      const recover = recoveryFor(request, response, carried, ladder);
      if (recover === undefined) return response;
      discard(response);
      const token = await passage.park((abandoned) => recover({ signals: [request.signal], abandoned }));
      // The caller may have left while a person was signing in; then nothing is sent any more.
      if (request.signal?.aborted) throw abortError(request.signal, 'resource');
      carried = await carry(token);
      response = await sendOnce(request, carried, follow);
    }
  }

  /** The cached token, where nothing has to go with it: the way of nearly every request, without a wait. */
  function plainToken(): Carried | undefined {
    const cached = cachedTokens(session);
    if (cached === undefined || !session.parts.dpop.mayBeBearer(cached)) return undefined;
    return { token: cached.accessToken, prover: undefined };
  }

  /** With what it has to be sent. One that was replaced meanwhile, so that its key is not known any more, gives way to the newer one. */
  async function carry(token: string | undefined): Promise<Carried> {
    if (token === undefined) return { token, prover: undefined };
    const cached = session.tokens.peek();
    const tokens = cached?.accessToken === token ? cached : await session.tokens.current();
    return { token: tokens?.accessToken, prover: await session.parts.dpop.proverOf(tokens) };
  }

  async function sendOnce(request: ReplayableRequest, carried: Carried, follow: RequestRedirect): Promise<Response> {
    let current = request;
    for (let redirects = 0; ; redirects += 1) {
      const response = await sendTo(current, carried).catch((error: unknown) => {
        throw sendError(error, current, carried.token);
      });
      const target =
        follow === 'manual' ? stayedAt(current, response) : redirectTarget(current, response, carried.token);
      if (target === undefined) return session.streams.track(response);
      discard(response);
      if (redirects === MOST_REDIRECTS || follow === 'error') throw redirectRefused(current, target, carried.token);
      current = current.redirectedTo(target);
    }
  }

  function sendTo(request: ReplayableRequest, { token, prover }: Carried): Promise<Response> {
    if (token === undefined) return request.send(underlying, undefined);
    if (prover === undefined) return request.send(underlying, { authorization: `Bearer ${token}` });
    const { method, url, replayable } = request;
    return sendWithProof(prover, { method, url, replayable, accessToken: token }, (headers) =>
      request.send(underlying, headers),
    );
  }

  function recoveryFor(
    request: ReplayableRequest,
    response: Response,
    carried: Carried,
    ladder: Ladder,
  ): ((waiter: Waiter) => Promise<string>) | undefined {
    const { token, prover } = carried;
    const challenge = findAuthChallenge(parseChallenges(response), prover && 'dpop');
    if (response.status === 401) {
      if (!request.replayable) return leave(carried, response);
      assertProofTaken(carried, response);
      return (waiter) => climb(request, token, challenge, ladder, waiter);
    }
    if (response.status !== 403 || challenge?.parameters['error'] !== 'insufficient_scope') return undefined;
    if (!request.replayable) return undefined;
    if (ladder.stepUps === MOST_STEP_UPS_A_REQUEST) throw stillInsufficient(challenge);
    ladder.stepUps += 1;
    const { method, tool } = request.rpc();
    return (waiter) => stepUp.obtain({ sentToken: token, challenge, method, tool }, waiter, options.holder);
  }

  /** It cannot be sent again, but the next request should not meet the same token, unless it was the proof that was refused. */
  function leave({ token, prover }: Carried, response: Response): undefined {
    if (token === undefined || (prover && proofErrorOf(response)) !== undefined) return;
    void session.refreshRefused(token, session.closed).catch(() => undefined);
  }

  async function climb(
    request: ReplayableRequest,
    token: string | undefined,
    challenge: Challenge | undefined,
    ladder: Ladder,
    waiter: Waiter,
  ): Promise<string> {
    await session.assertUsable();
    const another = await withoutSignIn(token, ladder, waiter);
    if (another !== undefined) return another;
    if (ladder.signedIn) throw tokenRejected();
    ladder.signedIn = true;
    if (challenge !== undefined && (await growsScope(challenge))) {
      const { method, tool } = request.rpc();
      return stepUp.obtain({ sentToken: token, challenge, method, tool }, waiter, options.holder);
    }
    const wanted = { reason: 'unauthorized', challenge, refused: token } as const;
    return (await session.signIn(wanted, waiter, options.holder)).accessToken;
  }

  /** The rungs on which nobody is asked. */
  async function withoutSignIn(token: string | undefined, ladder: Ladder, waiter: Waiter): Promise<string | undefined> {
    if (!ladder.adopted) {
      ladder.adopted = true;
      const stored = await session.tokens.reload();
      if (stored !== undefined && stored.accessToken !== token && isCurrent(stored.expiresAt))
        return stored.accessToken;
    }
    if (ladder.refreshed || token === undefined) return undefined;
    ladder.refreshed = true;
    const signal = waiter.signals?.find((candidate) => candidate !== undefined);
    return session.refreshRefused(token, signal ?? session.closed);
  }

  /** Whether a 401 asks for more than the session has: where the application decides on that, it decides here too. */
  async function growsScope(challenge: Challenge): Promise<boolean> {
    if (session.options.onStepUp === undefined) return false;
    const tokens = await session.tokens.current();
    const context = readContext(tokens);
    const had = unionScopes(tokens?.scope, context?.requestedScope);
    return context !== undefined && !coversScope(had, parseScope(challenge.parameters['scope']));
  }

  function isCurrent(expiresAt: number | undefined): boolean {
    return expiresAt === undefined || expiresAt > session.options.clock.now();
  }
}

/** A refused proof says nothing against the token, and another token would need a proof as well. */
function assertProofTaken({ prover }: Carried, response: Response): void {
  const error = prover && proofErrorOf(response);
  if (error !== undefined) throw proofRefused('MCP', 'resource', { status: response.status, error });
}

function targetOf(input: string | URL | Request): URL {
  if (input instanceof URL) return input;
  return new URL(input instanceof Request ? input.url : input);
}

/** By the scheme too: the origin of a `blob:` URL is the one of whoever made it. */
function isSameOrigin(one: URL, other: URL): boolean {
  return one.origin === other.origin && one.protocol === other.protocol;
}

/** A body that nobody reads; where it is broken already, that is nobody's loss. Not awaited: one that does not end may not end its cancellation either. */
function discard({ body }: Response): void {
  // Some implementations of fetch have bodies of their own kind.
  body?.cancel?.().catch(() => undefined);
}

function sendError(error: unknown, request: ReplayableRequest, token: string | undefined): unknown {
  if (request.signal?.aborted || isMcpOAuthError(error)) return error;
  const cause = safeCause(error, [token]);
  // What Node's `fetch` says of headers over its bound (16 KiB).
  if (systemCode(cause?.cause) === 'UND_ERR_HEADERS_OVERFLOW') {
    return new McpOAuthError(
      'response_too_large',
      `The headers that the MCP server at ${request.url.origin} answered with are larger than an HTTP client takes, perhaps a challenge with thousands of scopes. Its operator has to correct that.`,
      { stage: 'resource', url: request.url.origin },
    );
  }
  return new McpOAuthError(
    'network_error',
    `The MCP server at ${request.url.origin} could not be reached. Check the address and the network, then try again.`,
    { stage: 'resource', cause, url: request.url.origin },
  );
}

/** Where an answer leads, judged; `undefined` where it leads nowhere. */
function redirectTarget(request: ReplayableRequest, response: Response, token: string | undefined): URL | undefined {
  stayedAt(request, response);
  if (response.type === 'opaqueredirect') throw redirectRefused(request, undefined, token);
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, request.url.href)) return undefined;
  const target = new URL(location, request.url);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  // Of a request with a body only 307 and 308 keep what it is; the token stays at its origin in any case.
  const keepsMeaning = isRead || (request.replayable && response.status >= 307);
  // What stands before an @ is sent as credentials, by some implementations of fetch in place of ours.
  const isPlain = target.username === '' && target.password === '';
  if (isSameOrigin(target, request.url) && keepsMeaning && isPlain) return target;
  discard(response);
  throw redirectRefused(request, target, token);
}

/** A given fetch may follow redirects although it was told not to: what can still be judged is where it ended. */
function stayedAt({ url }: ReplayableRequest, response: Response): undefined {
  if (!response.redirected) return undefined;
  if (URL.canParse(response.url) && isSameOrigin(new URL(response.url), url)) return undefined;
  discard(response);
  const to = displayUrl(response.url);
  throw new McpOAuthError(
    'redirect_refused',
    `The given fetch followed a redirect from ${url.origin} to ${to} by itself, perhaps with the token. It must honour redirect: 'manual'; if it passes headers on to other origins, call signOut().`,
    { stage: 'resource', url: to },
  );
}

function redirectRefused(
  request: ReplayableRequest,
  target: URL | undefined,
  token: string | undefined,
): McpOAuthError {
  // A server that means harm puts the token into the path.
  const to = target === undefined ? 'a place that this browser does not tell' : redact(displayUrl(target), [token]);
  return new McpOAuthError(
    'redirect_refused',
    `The MCP server redirects to ${to}. The token stays at ${request.url.origin}; configure the final URL as serverUrl.`,
    { stage: 'resource', url: target === undefined ? request.url.origin : to },
  );
}
