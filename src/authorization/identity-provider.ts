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

/** How long what was discovered is used, in ms. What fails with it asks again at once. */
const KEPT_FOR_MS = 600_000;

/** Whether what was discovered is still used. A clock that was set back since says nothing about its age. */
export function isYoung<T extends { readonly at: number }>(discovered: T | undefined, now: number): discovered is T {
  return discovered !== undefined && now >= discovered.at && now - discovered.at < KEPT_FOR_MS;
}

/** What was found with these options, and not with others that may allow more. */
const found = new WeakMap<ResolvedOptions, { readonly metadata: AuthorizationServerMetadata; readonly at: number }>();

/**
 * Works with the metadata of the enterprise's identity provider: what was found lately, or what is found now.
 *
 * @throws McpOAuthError of {@link identityProviderMetadata} and of `use`
 */
export async function withIdentityProvider<T>(
  issuer: string,
  options: ResolvedOptions,
  { http, signal }: { http: Http; signal: AbortSignal },
  use: (metadata: AuthorizationServerMetadata) => Promise<T>,
): Promise<T> {
  const now = options.clock.now();
  const known = found.get(options);
  const isKept = isYoung(known, now);
  const metadata = isKept ? known.metadata : await identityProviderMetadata(issuer, options, http, signal);
  if (!isKept) found.set(options, { metadata, at: now });
  try {
    return await use(metadata);
  } catch (error) {
    found.delete(options);
    throw error;
  }
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
