import { assertPkceSupported, type Discovery } from '../discovery/index.js';
import { abortError, isMcpOAuthError, McpOAuthError } from '../errors.js';
import { openInBrowser } from '../loopback/index.js';
import type { ResolvedOptions } from '../options.js';
import { type ResolvedClient, resolveClient } from '../registration/index.js';
import { usedCallback } from './callback-claim.js';
import { openTransaction } from './open-transaction.js';
import { type Arrival, externalRedirect, loopbackRedirect, type RedirectTarget } from './redirect-target.js';
import { authorizationRequired } from './session-errors.js';
import type { AuthorizedCallback, SignInParts, SignInRequest } from './sign-in-parts.js';
import type { Turn } from './sign-in-turn.js';
import type { Transaction } from './transaction.js';

/** What the attempts of one sign-in tell each other. */
interface Attempt {
  /** Whether `offline_access` is added where it is offered. */
  offlineAccess: boolean;
  /** Whether a registration that the server had forgotten was replaced. */
  reregistered: boolean;
  /** Whether `offline_access` was added to what is wanted. */
  addedOfflineAccess?: boolean;
  client?: ResolvedClient;
}

/**
 * Brings a person to the authorization server and waits until the browser comes back.
 * Nothing is left behind whichever way it ends: the listener is closed and the transaction is gone.
 *
 * @param use - Works with the callback while the browser still waits for its page.
 */
export async function authorizeInBrowser<T>(
  parts: SignInParts,
  request: SignInRequest,
  turn: Turn,
  use: (callback: AuthorizedCallback) => Promise<T>,
): Promise<T> {
  const { signal } = turn;
  const attempt: Attempt = { offlineAccess: true, reregistered: false };
  for (;;) {
    try {
      return await attemptAuthorization(parts, request, attempt, turn, use);
    } catch (error) {
      if (signal.aborted) throw await explainEnd(parts, attempt.client, signal);
      if (await canTryAgain(parts, attempt, error)) continue;
      if (!isNoneOfDiscovery(error)) parts.discovery.drop();
      throw error;
    }
  }
}

/** Whether another attempt, made in another way, may succeed; each way is tried once. */
async function canTryAgain(parts: SignInParts, attempt: Attempt, error: unknown): Promise<boolean> {
  if (attempt.offlineAccess && attempt.addedOfflineAccess === true && isOAuthError(error, 'invalid_scope')) {
    attempt.offlineAccess = false;
    return true;
  }
  // A registration of this very sign-in cannot have been forgotten.
  if (attempt.reregistered || attempt.client?.reused !== true) return false;
  if (!(await forgetRefusedRegistration(parts, attempt.client, error))) return false;
  attempt.reregistered = true;
  return true;
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
  const discovery = await parts.discovery.load({
    challenge: request.challenge,
    preferredIssuer: await parts.preferredIssuer(),
    fresh: request.reason === 'unauthorized',
    signal,
  });
  // Before a client is registered that could never be used.
  assertPkceSupported(discovery, options.issuerExceptions?.[discovery.issuer]);
  const target = await openTarget(parts, discovery.issuer, signal);
  try {
    const client = await findClient(parts, discovery, target.redirectUri, signal);
    attempt.client = client;
    const { offlineAccess } = attempt;
    const facts = { request, discovery, client, redirectUri: target.redirectUri, offlineAccess };
    const { transaction, browserUrl, addedOfflineAccess } = await openTransaction(parts, facts);
    attempt.addedOfflineAccess = addedOfflineAccess;
    if (options.redirectUrl !== undefined && options.openBrowser === undefined) {
      // Nobody waits: the transaction stays in the store until finishAuthorization() or its expiry.
      throw authorizationRequired(browserUrl);
    }
    try {
      parts.prompted(request.reason);
      turn.presented(browserUrl);
      const arrival = await presentAndWait(parts, target, transaction, browserUrl, signal);
      turn.arrived();
      parts.pending.arrived(transaction.state);
      return await finish(parts, transaction, arrival, use);
    } finally {
      await transactions.drop(transaction.state).catch(() => undefined);
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

function findClient(
  parts: SignInParts,
  discovery: Discovery,
  redirectUri: string,
  signal: AbortSignal,
): Promise<ResolvedClient> {
  const { options, http, store, emit } = parts;
  const { clientInformation, clientMetadataUrl, initialAccessToken } = options;
  return resolveClient({
    http,
    signal,
    store,
    redirectUri,
    issuer: discovery.issuer,
    authorizationServer: discovery.authorizationServer,
    serverUrl: options.server.href,
    clock: options.clock,
    onEvent: emit,
    mode: options.registration,
    clientMetadata: options.clientMetadata,
    ...(clientInformation === undefined ? {} : { clientInformation }),
    ...(clientMetadataUrl === undefined ? {} : { clientMetadataUrl }),
    ...(initialAccessToken === undefined ? {} : { initialAccessToken }),
  });
}

async function presentAndWait(
  parts: SignInParts,
  target: RedirectTarget,
  transaction: Transaction,
  url: string,
  signal: AbortSignal,
): Promise<Arrival> {
  const { options, emit } = parts;
  // The wait begins before the browser is opened, so that a fast redirect finds it.
  const arrival = target.waitForCallback({ state: transaction.state, signal });
  emit({ type: 'authorization_url', url, redirectUri: transaction.redirectUri });
  void openBrowser(options, url).then((opened) => {
    if (!opened) emit({ type: 'browser_failed', url });
  });
  return arrival;
}

async function openBrowser(options: ResolvedOptions, url: string): Promise<boolean> {
  try {
    return (await (options.openBrowser ?? openInBrowser)(url)) !== false;
  } catch {
    // Never fatal: the URL has been offered, and the person may open it elsewhere.
    return false;
  }
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

function isOAuthError(error: unknown, oauthError: string): boolean {
  return isMcpOAuthError(error) && error.oauthError === oauthError;
}

/** Whether an error says nothing against what was discovered. */
function isNoneOfDiscovery(error: unknown): boolean {
  return (
    isMcpOAuthError(error) && (error.retryable || ['access_denied', 'authorization_required'].includes(error.code))
  );
}

/** A registration that the server no longer knows is dropped, so that the next attempt registers anew. */
export async function forgetRefusedRegistration(
  parts: SignInParts,
  client: Pick<ResolvedClient, 'issuer' | 'kind' | 'client'>,
  error: unknown,
): Promise<boolean> {
  if (client.kind !== 'dynamic') return false;
  if (!isOAuthError(error, 'invalid_client') && !isOAuthError(error, 'unauthorized_client')) return false;
  await parts.registrations.remove(client.issuer, client.client.client_id);
  return true;
}

/** Why the sign-in was ended from outside, with what to try next where it ran out of time. */
async function explainEnd(
  parts: SignInParts,
  client: ResolvedClient | undefined,
  signal: AbortSignal,
): Promise<McpOAuthError> {
  const error = abortError(signal, 'authorization');
  if (error.code !== 'sign_in_timeout' || client === undefined) return error;
  if (client.kind === 'dynamic' && client.reused) {
    // A server that forgot a registration shows a page and never calls back: the next sign-in registers anew.
    await parts.registrations.markSuspect(client.issuer, client.client.client_id).catch(() => undefined);
  }
  if (client.kind !== 'cimd') return error;
  const message = `${error.message} If the browser showed that the redirect URI or the client is not accepted, try registration: 'dynamic', or a fixed loopback.port that the metadata document lists.`;
  return new McpOAuthError('sign_in_timeout', message, { stage: 'authorization' });
}
