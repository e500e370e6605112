import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { MachineGrant } from '../grant.js';
import { type MachineClient, machineClient, NO_CLIENT, type TokenResult } from '../grants/index.js';
import { assertIssuer, bindPreRegistered } from '../registration/index.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { RegistrationKind } from '../types.js';
import { type AttemptLimiter, attemptLimiter } from './attempt-limiter.js';
import { documentKey } from './client-credentials-of.js';
import { requestByMachine } from './machine-request.js';
import { withContext } from './redeem.js';
import { requestedAccess } from './requested-access.js';
import { readContext, type SessionContext, writeContext } from './session-context.js';
import { discoverFor, findClient } from './sign-in-attempts.js';
import { occasionOf, type SignInParts, type SignInRequest } from './sign-in-parts.js';

/**
 * Finds the authorization server and gets the first tokens by a grant without a person. What was refused is neither tried again nor
 * replaced by another grant.
 *
 * @throws McpOAuthError of discovery and of the grant; `client_mismatch` where the client belongs to another issuer
 */
export async function authorizeMachine(
  parts: SignInParts,
  grant: MachineGrant,
  request: SignInRequest,
  signal: AbortSignal,
): Promise<TokenSet> {
  if (request.reason === 'authorize') attempted.delete(grant);
  const attempts = attemptsOf(grant, parts);
  if (attempts.last !== undefined && !attempts.limiter.allows('')) throw attempts.last;
  try {
    const tokens = await obtain(parts, grant, request, signal);
    parts.prompted(request.reason);
    return tokens;
  } catch (error) {
    if (isLasting(grant, error)) {
      parts.prompted(request.reason);
    } else if (isMcpOAuthError(error) && !error.retryable) {
      attempts.last = error;
      attempts.limiter.take('');
    }
    throw error;
  }
}

/** What each grant was refused lately; however often it is called, so many attempts in {@link WINDOW_MS} are enough. */
const MOST_ATTEMPTS = 30;
const WINDOW_MS = 60_000;
const attempted = new WeakMap<MachineGrant, Attempts>();

interface Attempts {
  readonly limiter: AttemptLimiter;
  last: McpOAuthError | undefined;
}

function attemptsOf(grant: MachineGrant, { options }: SignInParts): Attempts {
  const limiter = () => attemptLimiter(options.clock, MOST_ATTEMPTS, WINDOW_MS);
  const known = attempted.get(grant) ?? { limiter: limiter(), last: undefined };
  attempted.set(grant, known);
  return known;
}

/** Whether a failure says that the next attempt fails too. Otherwise those after it are not counted: nobody is asked in vain. */
function isLasting({ type }: MachineGrant, error: unknown): boolean {
  if (!isMcpOAuthError(error) || error.retryable) return false;
  // What the platform has not written yet, or will replace; an assertion that was refused is not presented again anyway.
  return error.code !== 'invalid_options' && !(type === 'jwt_bearer' && error.oauthError === 'invalid_grant');
}

async function obtain(
  parts: SignInParts,
  grant: MachineGrant,
  request: SignInRequest,
  signal: AbortSignal,
): Promise<TokenSet> {
  const discovery = await discoverFor(parts, request, signal);
  const { issuer, authorizationServer } = discovery;
  const { withoutProofs } = request;
  const dpop = await parts.dpop.keyFor({ discovery, adds: occasionOf(request).addsToSession, withoutProofs });
  const { client, registration } = await clientFor(parts, grant, discovery, signal);
  const { scope, resource } = requestedAccess(parts.options, { request, discovery, offlineAccess: false });
  const prover = dpop && (await parts.dpop.prover(dpop));
  const { reason, parameters } = request;
  const asked = { occasion: { reason, parameters }, authorizationServer, client, scope, resource, dpop: prover };
  const result = await requestByMachine(parts, grant, asked, signal);
  const context = {
    issuer,
    authorizationServer,
    registration,
    scope,
    ...(dpop && { dpop }),
    ...(resource === undefined ? {} : { resource }),
  };
  return withContext(result.tokens, context, learntClient(grant, result, client));
}

/**
 * Gets new tokens in place of those that are over, from the server that gave them.
 *
 * @throws McpOAuthError of the grant
 */
export async function renewByMachine(
  parts: SignInParts,
  grant: MachineGrant,
  tokens: TokenSet,
  signal: AbortSignal,
): Promise<TokenSet> {
  const context = readContext(tokens);
  if (context === undefined) throw notOurs();
  const { authorizationServer, resource, requestedScope: scope } = context;
  const client = await clientToRenew(parts, grant, context, signal);
  const dpop = await parts.dpop.keyToRenew(context.dpop, authorizationServer, tokens);
  const prover = dpop && (await parts.dpop.prover(dpop));
  const asked = { authorizationServer, client, scope, resource, dpop: prover };
  const result = await requestByMachine(parts, grant, { ...asked, occasion: { reason: 'renewal' } }, signal);
  const next = { ...context, client: learntClient(grant, result, client), ...(dpop && { dpop }) };
  return { ...result.tokens, context: writeContext(next) };
}

async function clientFor(
  parts: SignInParts,
  grant: MachineGrant,
  discovery: Parameters<typeof findClient>[1],
  signal: AbortSignal,
): Promise<{ client: MachineClient; registration: RegistrationKind }> {
  const brought = machineClient(grant);
  if (brought === undefined) {
    assertIssuer(grant.issuer, discovery.issuer, 'grant');
    const { clientKey: _key, ...options } = parts.options;
    const key = documentKey(parts.options);
    const keyed = { ...parts, options: { ...options, ...(key && { clientKey: key }) } };
    const { client, kind } = await findClient(keyed, discovery, { forAssertions: true, signal });
    return { client: { client, ...(key && { clientKey: key }) }, registration: kind };
  }
  await bind(parts, grant, brought, discovery.issuer, signal);
  return { client: brought, registration: 'pre-registered' };
}

/** @throws McpOAuthError `client_mismatch` where the client that the grant brought belongs to another issuer */
async function bind(
  { store, emit: onEvent, options }: SignInParts,
  { issuer: pinned }: MachineGrant,
  { client: { client_id } }: MachineClient,
  issuer: string,
  signal: AbortSignal,
): Promise<void> {
  const { origin, pathname, search } = options.server;
  // A workload that names no client is bound by the MCP server that it works for.
  const id = client_id === NO_CLIENT.client_id ? `jwt_bearer ${origin}${pathname}${search}` : client_id;
  const named = { client_id: id, ...(pinned === undefined ? {} : { issuer: pinned }) };
  await bindPreRegistered(named, { issuer, store, onEvent, signal, givenIn: 'grant' });
}

/**
 * The client of stored tokens with what proves who it is, once it is certain that this belongs to their issuer.
 *
 * @throws McpOAuthError `client_mismatch` where the tokens are of another client, or of another issuer than the grant's
 */
async function clientToRenew(
  parts: SignInParts,
  grant: MachineGrant,
  { issuer, client, registration }: SessionContext,
  signal: AbortSignal,
): Promise<MachineClient> {
  assertIssuer(grant.issuer, issuer, 'grant');
  const brought = machineClient(grant);
  if (brought !== undefined) {
    if (brought.client.client_id !== client.client_id) throw ofAnotherClient();
    await bind(parts, grant, brought, issuer, signal);
    // How its credentials had to be presented is remembered beside the id; the secret is asked for each time.
    return { ...brought, client: { ...client, ...brought.client } };
  }
  const key = documentKey(parts.options);
  const { clientInformation: given } = parts.options;
  const isGiven =
    registration === 'pre-registered' && typeof given === 'object' && given.client_id === client.client_id;
  // A secret that was changed there must not be shadowed by the stored one.
  const current = isGiven
    ? { ...client, ...(await bindPreRegistered(given, { ...bindingIn(parts, signal), issuer })) }
    : client;
  return { client: current, ...(key && { clientKey: key }) };
}

function bindingIn({ store, emit: onEvent }: SignInParts, signal: AbortSignal) {
  return { store, onEvent, signal };
}

/** The client as it had to be presented, without a secret that the grant brings each time. */
function learntClient(grant: MachineGrant, result: TokenResult, { client }: MachineClient): MachineClient['client'] {
  const { client_secret: secret, ...learnt } = result.client ?? client;
  const isKept = secret !== undefined && machineClient(grant) === undefined;
  return (isKept ? { ...learnt, client_secret: secret } : learnt) as MachineClient['client'];
}

function ofAnotherClient(): McpOAuthError {
  return new McpOAuthError(
    'client_mismatch',
    'The stored tokens are of another client than the one in `grant`, so it was not presented for them. The next call gets its own.',
    { stage: 'token' },
  );
}

function notOurs(): McpOAuthError {
  return new McpOAuthError(
    'authorization_failed',
    'These tokens were not obtained by this grant, so it cannot renew them. Call authorize().',
    { stage: 'token' },
  );
}
