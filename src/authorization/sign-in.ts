import { assertPkceSupported, assertPlainRequestsTaken, type Discovery } from '../discovery/index.js';
import { abortError, isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { ResolvedClient } from '../registration/index.js';
import { usedCallback } from './callback-claim.js';
import { openForPerson } from './open-for-person.js';
import { openTransaction } from './open-transaction.js';
import { type Arrival, externalRedirect, loopbackRedirect, type RedirectTarget } from './redirect-target.js';
import { authorizationRequired, unseen } from './session-errors.js';
import { type Attempt, discoverFor, findClient, withAttempts } from './sign-in-attempts.js';
import type { AuthorizedCallback, SignInParts, SignInRequest } from './sign-in-parts.js';
import type { Turn } from './sign-in-turn.js';
import type { Transaction } from './transaction.js';

/**
 * Brings a person to the authorization server and waits until the browser comes back.
 * Nothing is left behind whichever way it ends: the listener is closed and the transaction is gone.
 *
 * @param use - Works with the callback while the browser still waits for its page.
 * @param discovery - What was found already.
 */
export function authorizeInBrowser<T>(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  use: (callback: AuthorizedCallback) => Promise<T>,
  discovery?: Discovery,
): Promise<T> {
  const { signal } = turn;
  return withAttempts(parts, {
    signal,
    discovery,
    run: (attempt) => attemptAuthorization(parts, request, attempt, turn, use),
    ended: (attempt) => explainEnd(parts, attempt, signal),
  });
}

async function attemptAuthorization<T>(
  parts: SignInParts,
  request: SignInRequest,
  attempt: Attempt,
  turn: Turn,
  use: (callback: AuthorizedCallback) => Promise<T>,
): Promise<T> {
  const { options, transactions } = parts;
  const { signal } = turn;
  const discovery = await discoverFor(parts, request, signal, attempt);
  // Before a client is registered that could never be used.
  assertPkceSupported(discovery, options.issuerExceptions?.[discovery.issuer]);
  assertPlainRequestsTaken(discovery);
  const target = await openTarget(parts, discovery.issuer, signal);
  try {
    const client = await findClient(parts, discovery, { signal, redirectUri: target.redirectUri });
    attempt.client = client;
    turn.uses({ issuer: client.issuer, clientId: client.client.client_id });
    const { offlineAccess } = attempt;
    const facts = { request, discovery, client, redirectUri: target.redirectUri, offlineAccess };
    const { transaction, browserUrl, addedOfflineAccess } = await openTransaction(parts, facts);
    attempt.addedOfflineAccess = addedOfflineAccess;
    if (options.redirectUrl !== undefined && options.openBrowser === undefined) {
      // Nobody waits: the transaction stays in the store until finishAuthorization() or its expiry.
      throw authorizationRequired(browserUrl);
    }
    let finished = false;
    try {
      parts.prompted(request.reason);
      turn.presented(browserUrl);
      const arrival = await presentAndWait(parts, target, transaction, browserUrl, { attempt, signal });
      turn.arrived();
      parts.pending.arrived(transaction.state);
      const result = await finish(parts, transaction, arrival, use);
      finished = true;
      return result;
    } finally {
      // What was taken is gone from the store.
      if (!finished) await transactions.drop(transaction.state).catch(() => undefined);
      parts.pending.forget(transaction.state);
    }
  } finally {
    await target.close();
  }
}

function openTarget(parts: SignInParts, issuer: string, signal: AbortSignal): Promise<RedirectTarget> {
  const { options, pending, registrations } = parts;
  if (options.redirectUrl !== undefined) return Promise.resolve(externalRedirect(options.redirectUrl, pending));
  return registrations.load(issuer).then((stored) => loopbackRedirect(options, stored?.redirectUri, pending, signal));
}

async function presentAndWait(
  parts: SignInParts,
  target: RedirectTarget,
  transaction: Transaction,
  url: string,
  { attempt, signal }: { readonly attempt: Attempt; readonly signal: AbortSignal },
): Promise<Arrival> {
  const { options, emit } = parts;
  const surroundings = await parts.surroundings();
  const { redirectUri } = transaction;
  const remote = options.redirectUrl === undefined ? surroundings.remote : undefined;
  // The wait begins before the browser is opened, so that a fast redirect finds it.
  let over = false;
  const arrival = target.waitForCallback({ state: transaction.state, signal }).finally(() => {
    over = true;
  });
  emit({ type: 'authorization_url', url, redirectUri, ...(remote === undefined ? {} : { remote }) });
  void openForPerson(options, surroundings, url).then((opened) => {
    attempt.unopened = !opened;
    if (!opened && !over) emit({ type: 'browser_failed', url });
  });
  return arrival;
}

async function finish<T>(
  parts: SignInParts,
  transaction: Transaction,
  arrival: Arrival,
  use: (callback: AuthorizedCallback) => Promise<T>,
): Promise<T> {
  try {
    if ((await parts.transactions.take(transaction.state)) === undefined) {
      throw usedCallback();
    }
    const result = await use({ transaction, arrival });
    await arrival.respond({ ok: true });
    return result;
  } catch (error) {
    const detail = isMcpOAuthError(error) ? error.message : 'An unexpected error occurred in the application.';
    await arrival.respond({ ok: false, title: 'Sign-in failed', detail });
    throw error;
  }
}

/** Why the sign-in was ended from outside, with what to try next where it ran out of time. */
async function explainEnd(
  parts: SignInParts,
  { client, unopened }: Attempt,
  signal: AbortSignal,
): Promise<McpOAuthError> {
  const error = abortError(signal, 'authorization');
  if (error.code !== 'sign_in_timeout' || client === undefined) return error;
  if (client.kind === 'dynamic' && client.reused) {
    // A server that forgot a registration shows a page and never calls back: the next sign-in registers anew.
    await parts.registrations.markSuspect(client.issuer, client.client.client_id).catch(() => undefined);
  }
  const explained = `${error.message} ${remedyFor(client)}`;
  const ended = new McpOAuthError('sign_in_timeout', explained, { stage: 'authorization' });
  return unopened === true && parts.options.onEvent === undefined ? unseen(ended, 'authorization_url') : ended;
}

/** A server that shows an error page never calls back; what may have been on it. */
function remedyFor({ kind }: ResolvedClient): string {
  if (kind === 'cimd') {
    return "If the browser showed that the redirect URI or the client is not accepted, try registration: 'dynamic', or a fixed loopback.port that the metadata document lists.";
  }
  return 'If the browser showed an error instead of a sign-in, compare the redirect URI with the one that is registered (loopback, redirectUrl), and set `scope` or `resource` to what the server knows.';
}
