import { discoverAuthorizationServer, discoverProtectedResource } from '../discovery/index.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { classifyRefreshFailure, refreshTokens } from '../grants/index.js';
import type { ResolvedOptions } from '../options.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { AuthorizationServerMetadata } from '../types.js';
import { clientCredentialsOf } from './client-credentials-of.js';
import { withIdToken } from './redeem.js';
import { keptMetadata, readContext, type SessionContext, writeContext } from './session-context.js';
import type { SignInParts } from './sign-in-parts.js';

/** What a refresh of a session needs. */
export type RefreshParts = Pick<SignInParts, 'options' | 'http' | 'registrations' | 'dpop'>;

/**
 * Refreshes with what is stored beside the tokens: issuer, client and resource. Where a refresh token has lost its
 * meaning, it fails with `invalid_grant`, which is definitive.
 *
 * @throws McpOAuthError as {@link refreshTokens}
 */
export async function refreshSession(parts: RefreshParts, tokens: TokenSet, signal: AbortSignal): Promise<TokenSet> {
  const context = readContext(tokens);
  if (context === undefined || tokens.refreshToken === undefined) {
    throw over('These tokens cannot be refreshed. Sign in again.');
  }
  try {
    return await present(parts, context, tokens, signal);
  } catch (error) {
    const authorizationServer = await movedEndpoint(parts, context, error, signal);
    if (authorizationServer === undefined) throw await explained(parts, context, error, signal);
    return present(parts, { ...context, authorizationServer }, tokens, signal);
  }
}

async function present(
  parts: RefreshParts,
  context: SessionContext,
  tokens: TokenSet,
  signal: AbortSignal,
): Promise<TokenSet> {
  const { tokenParameters, clock, requestTimeoutMs: timeoutMs } = parts.options;
  const client = currentClient(parts.options, context);
  const key = await parts.dpop.keyToRenew(context.dpop, context.authorizationServer, tokens);
  const result = await refreshTokens(
    {
      authorizationServer: context.authorizationServer,
      client,
      ...clientCredentialsOf(parts.options),
      refreshToken: tokens.refreshToken ?? '',
      dpop: key && (await parts.dpop.prover(key)),
      ...(context.resource === undefined ? {} : { resource: context.resource }),
      ...(tokens.scope === undefined ? {} : { previousScope: tokens.scope }),
      ...(tokenParameters === undefined ? {} : { tokenParameters }),
    },
    { http: parts.http, signal, clock, timeoutMs },
  );
  const bound = key === undefined ? {} : { dpop: key };
  const next = { ...context, client: result.client ?? client, ...bound };
  return withIdToken(parts.options, { ...result.tokens, context: writeContext(next) }, result);
}

/** With these an authorization server says that it is busy: its endpoint is where it was. */
const BUSY: ReadonlySet<number> = new Set([429, 503]);

/** The issuer's metadata, where it names another token endpoint by now than the one that gave no usable answer. */
async function movedEndpoint(
  { options, http }: RefreshParts,
  { issuer, authorizationServer }: SessionContext,
  error: unknown,
  signal: AbortSignal,
): Promise<AuthorizationServerMetadata | undefined> {
  const kind = classifyRefreshFailure(error);
  if (signal.aborted || (kind !== 'temporary' && kind !== 'other')) return undefined;
  if (isMcpOAuthError(error) && BUSY.has(error.status ?? 0)) return undefined;
  try {
    const exception = options.issuerExceptions?.[issuer] ?? {};
    const now = await discoverAuthorizationServer(issuer, { http, signal, clock: options.clock, exception });
    const hasMoved = now?.token_endpoint !== undefined && now.token_endpoint !== authorizationServer.token_endpoint;
    return hasMoved ? keptMetadata(now) : undefined;
  } catch {
    return undefined;
  }
}

async function explained(
  parts: RefreshParts,
  context: SessionContext,
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const kind = classifyRefreshFailure(error);
  if (kind === 'client' && context.registration === 'dynamic') {
    // The server forgot the registration: it goes, and with it the refresh token that was bound to it.
    await parts.registrations.remove(context.issuer, context.client.client_id);
    return over('The authorization server no longer knows this client. Sign in again.', error);
  }
  if (kind === 'temporary' && (await hasMoved(parts, context, signal))) {
    return over('The MCP server names another authorization server now. Sign in again.', error);
  }
  return error;
}

/** Whether the MCP server definitively says that the authorization server that cannot be reached is no longer its own. */
async function hasMoved(
  { options, http }: RefreshParts,
  context: SessionContext,
  signal: AbortSignal,
): Promise<boolean> {
  const { server, clock, resourceMetadataUrl } = options;
  try {
    const resource = await discoverProtectedResource(server, { http, signal, clock, resourceMetadataUrl });
    const named = resource?.authorizationServers ?? [];
    return named.length > 0 && !named.includes(context.issuer);
  } catch {
    return false;
  }
}

/** The application's own client where it brings one: a secret that was changed there must not be shadowed by the stored one. */
function currentClient(options: ResolvedOptions, context: SessionContext): SessionContext['client'] {
  const given = options.clientInformation;
  if (context.registration !== 'pre-registered' || typeof given !== 'object') return context.client;
  const { issuer, ...client } = given;
  // Its secret belongs to its issuer: a session of a former one goes on with what it had.
  const isSame = client.client_id === context.client.client_id && (issuer ?? context.issuer) === context.issuer;
  return isSame ? { ...context.client, ...client } : context.client;
}

function over(message: string, cause?: unknown): McpOAuthError {
  return new McpOAuthError('token_request_failed', message, { stage: 'token', cause, oauthError: 'invalid_grant' });
}
