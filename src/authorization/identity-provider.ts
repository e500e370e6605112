import { discoverAuthorizationServer } from '../discovery/index.js';
import { McpOAuthError } from '../errors.js';
import { createHttp, type Http } from '../http/index.js';
import type { ResolvedOptions } from '../options.js';
import type { AuthorizationServerMetadata } from '../types.js';

/** A way out for the identity provider alone: the application named it, so addresses are judged from there. */
export function identityProviderHttp(
  issuer: string,
  { clock, requestTimeoutMs, fetch, network }: ResolvedOptions,
): Http {
  return createHttp({ anchor: issuer, clock, timeoutMs: requestTimeoutMs, fetch, network });
}

/**
 * The metadata of the enterprise's identity provider.
 *
 * @throws McpOAuthError `authorization_server_not_found`, and what {@link discoverAuthorizationServer} throws
 */
export async function identityProviderMetadata(
  issuer: string,
  { clock, issuerExceptions }: ResolvedOptions,
  http: Http,
  signal: AbortSignal,
): Promise<AuthorizationServerMetadata> {
  const exception = issuerExceptions?.[issuer] ?? {};
  const metadata = await discoverAuthorizationServer(issuer, { http, signal, clock, exception });
  if (metadata !== undefined) return metadata;
  throw new McpOAuthError(
    'authorization_server_not_found',
    'The identity provider of enterpriseManaged() has no metadata at its well-known URLs. Check `identityProvider.issuer`.',
    { stage: 'discovery', url: issuer },
  );
}
