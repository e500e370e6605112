import type { Discovery } from '../discovery/index.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { type ResolvedClient, resolveClient } from '../registration/index.js';
import type { Refusal, SignInParts, SignInRequest } from './sign-in-parts.js';

/** What the attempts of one sign-in tell each other. */
export interface Attempt {
  /** Whether `offline_access` is added where it is offered. */
  offlineAccess: boolean;
  /** Whether a registration that the server had forgotten was replaced. */
  reregistered: boolean;
  /** Whether `offline_access` was added to what is wanted. */
  addedOfflineAccess?: boolean;
  client?: ResolvedClient;
  /** Whether no browser opened for the person. */
  unopened?: boolean;
  /** What was found before the first attempt, for that one alone. */
  discovery: Discovery | undefined;
}

/** A sign-in that may need more than one attempt. */
export interface AttemptPlan<T> {
  readonly signal: AbortSignal;
  /** What was found already. */
  readonly discovery?: Discovery | undefined;
  readonly run: (attempt: Attempt) => Promise<T>;
  /** Why the sign-in was ended from outside. */
  readonly ended: (attempt: Attempt) => Promise<McpOAuthError>;
  /** Whether no other attempt is to be made after this error. */
  readonly isFinal?: (error: unknown) => boolean;
}

/** Makes another attempt, in another way, where that may help; each way is tried once. */
export async function withAttempts<T>(parts: SignInParts, plan: AttemptPlan<T>): Promise<T> {
  const attempt: Attempt = { offlineAccess: true, reregistered: false, discovery: plan.discovery };
  for (;;) {
    try {
      return await plan.run(attempt);
    } catch (error) {
      if (plan.signal.aborted) throw await plan.ended(attempt);
      if (plan.isFinal?.(error) !== true && (await canTryAgain(parts, attempt, error))) continue;
      if (!isNoneOfDiscovery(error)) parts.discovery.drop();
      throw error;
    }
  }
}

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

/** Finds resource and authorization server, unless that was done before this attempt. */
export async function discoverFor(
  parts: SignInParts,
  request: SignInRequest,
  signal: AbortSignal,
  attempt?: Attempt,
): Promise<Discovery> {
  const known = attempt?.discovery;
  if (attempt !== undefined) attempt.discovery = undefined;
  if (known !== undefined) return known;
  return parts.discovery.load({
    challenge: request.challenge,
    preferredIssuer: await parts.preferredIssuer(),
    fresh: request.reason === 'unauthorized',
    signal,
    async accept({ hasMetadata }) {
      if (request.unchallenged !== undefined && !hasMetadata) throw noSignInHere(await request.unchallenged.refusal);
    },
  });
}

/** The last resort of 2025-03-26 would take any web server for an authorization server. */
function noSignInHere(refusal: Refusal | undefined): McpOAuthError {
  const { status, said = '' } = refusal ?? {};
  const words = said === '' ? '' : `: ${said.replace(/\.$/, '')}`;
  const answer = status === undefined ? '' : ` It answered ${status}${words}.`;
  return new McpOAuthError(
    'authorization_server_not_found',
    `The MCP server did not ask for a token, and there is no metadata that says where to sign in: either it wants no sign-in, or the path of \`serverUrl\` is wrong.${answer}`,
    { stage: 'discovery', status },
  );
}

/** How {@link findClient} looks for a client. */
export interface ClientWanted {
  readonly signal: AbortSignal;
  /** Absent for a sign-in by device code. */
  readonly redirectUri?: string;
  /** Whether the client is to present assertions, which nobody is redirected for. */
  readonly forAssertions?: boolean;
  /** Whether the application may be asked for a client. Default true. */
  readonly mayAsk?: boolean;
}

/** The client id for the authorization server that was found. A new one counts, whether or not it was got. */
export async function findClient(
  parts: SignInParts,
  discovery: Discovery,
  wanted: ClientWanted,
): Promise<ResolvedClient> {
  try {
    const client = await resolveWanted(parts, discovery, wanted);
    if (!client.reused && (client.kind === 'dynamic' || client.kind === 'asked')) parts.newClient();
    return client;
  } catch (error) {
    // A redirect may be the sign-in page of the network.
    const isLasting =
      isMcpOAuthError(error) && error.stage === 'registration' && !error.retryable && error.code !== 'redirect_refused';
    if (isLasting && !wanted.signal.aborted) parts.newClient();
    throw error;
  }
}

function resolveWanted(
  parts: SignInParts,
  discovery: Discovery,
  { mayAsk = true, ...wanted }: ClientWanted,
): Promise<ResolvedClient> {
  const { options, http, store, emit } = parts;
  const { clientInformation, clientMetadataUrl, initialAccessToken, clientKey } = options;
  const usable = clientInformation !== undefined && (mayAsk || typeof clientInformation === 'object');
  return resolveClient({
    http,
    store,
    ...wanted,
    issuer: discovery.issuer,
    authorizationServer: discovery.authorizationServer,
    serverUrl: options.server.href,
    clock: options.clock,
    onEvent: emit,
    mode: options.registration,
    clientMetadata: options.clientMetadata,
    ...(usable ? { clientInformation } : {}),
    ...(clientMetadataUrl === undefined ? {} : { clientMetadataUrl }),
    ...(initialAccessToken === undefined ? {} : { initialAccessToken }),
    ...(clientKey === undefined ? {} : { clientKey }),
  });
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

function isOAuthError(error: unknown, oauthError: string): boolean {
  return isMcpOAuthError(error) && error.oauthError === oauthError;
}

/** What a person, or time, decided. */
const NOT_BY_SERVER: ReadonlySet<string> = new Set(['access_denied', 'authorization_required', 'sign_in_timeout']);

/** Whether an error says nothing against what was discovered. */
function isNoneOfDiscovery(error: unknown): boolean {
  return isMcpOAuthError(error) && (error.retryable || NOT_BY_SERVER.has(error.code));
}
