import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { MachineGrant } from '../grant.js';
import { type MachineClient, machineClient, NO_CLIENT, type TokenResult } from '../grants/index.js';
import { bindPreRegistered } from '../registration/index.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { RegistrationKind } from '../types.js';
import { requestByMachine } from './machine-request.js';
import { withContext } from './redeem.js';
import { requestedAccess } from './requested-access.js';
import { readContext, writeContext } from './session-context.js';
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
  try {
    const tokens = await obtain(parts, grant, request, signal);
    parts.prompted(request.reason);
    return tokens;
  } catch (error) {
    if (isLasting(grant, error)) parts.prompted(request.reason);
    throw error;
  }
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
  return withContext(result.tokens, context, learntClient(result, client));
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
  const brought = machineClient(grant);
  // How its credentials had to be presented is remembered beside the id; the secret is asked for each time.
  const client =
    brought === undefined
      ? { client: context.client }
      : { ...brought, client: { ...context.client, ...brought.client } };
  const dpop = await parts.dpop.keyToRenew(context.dpop, authorizationServer);
  const prover = dpop && (await parts.dpop.prover(dpop));
  const asked = { authorizationServer, client, scope, resource, dpop: prover };
  const result = await requestByMachine(parts, grant, { ...asked, occasion: { reason: 'renewal' } }, signal);
  const next = { ...context, client: learntClient(result, client), ...(dpop && { dpop }) };
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
    const { client, kind } = await findClient(parts, discovery, { signal });
    return { client: { client }, registration: kind };
  }
  const { store, emit: onEvent } = parts;
  const { issuer } = discovery;
  // A workload that names no client is bound by its grant alone.
  const id = brought.client.client_id === NO_CLIENT.client_id ? grant.type : brought.client.client_id;
  const named = { client_id: id, ...(grant.issuer === undefined ? {} : { issuer: grant.issuer }) };
  await bindPreRegistered(named, { issuer, store, onEvent, signal });
  return { client: brought, registration: 'pre-registered' };
}

/** The client without anything secret, as it had to be presented. */
function learntClient(result: TokenResult, { client }: MachineClient): MachineClient['client'] {
  const { client_secret: _secret, ...learnt } = result.client ?? client;
  return learnt as MachineClient['client'];
}

function notOurs(): McpOAuthError {
  return new McpOAuthError(
    'authorization_failed',
    'These tokens were not obtained by this grant, so it cannot renew them. Call authorize().',
    { stage: 'token' },
  );
}
