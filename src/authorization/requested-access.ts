import type { Discovery } from '../discovery/index.js';
import type { ResolvedOptions } from '../options.js';
import { selectScope, unionScopes, withOfflineAccess } from '../scope.js';
import type { SignInRequest } from './sign-in-parts.js';

/** What a sign-in asks the authorization server for. */
export interface RequestedAccess {
  readonly scope: readonly string[];
  /** The resource indicator, verbatim; `undefined` where it is omitted on purpose. */
  readonly resource: string | undefined;
  /** The `prompt` that `offline_access` needs. */
  readonly prompt: string | undefined;
  /** Whether `offline_access` was added to what is wanted. */
  readonly addedOfflineAccess: boolean;
}

/**
 * Selects scopes and resource.
 *
 * @param offlineAccess - Whether `offline_access` is added where it is offered.
 * @see MCP authorization, "Scope Selection Strategy"
 */
export function requestedAccess(
  options: ResolvedOptions,
  { request, discovery, offlineAccess }: { request: SignInRequest; discovery: Discovery; offlineAccess: boolean },
): RequestedAccess {
  const selected = request.scope ?? selectedScope(request, discovery, options);
  const wanted = unionScopes(selected, request.additionalScope);
  const { scope, prompt } = offlineAccess
    ? withOfflineAccess(wanted, discovery.authorizationServer)
    : { scope: wanted, prompt: undefined };
  const resource = options.resource === false ? undefined : (options.resource ?? discovery.resource);
  return { scope, prompt, resource, addedOfflineAccess: scope.length > wanted.length };
}

function selectedScope(request: SignInRequest, discovery: Discovery, options: ResolvedOptions): string[] {
  const challengeScope = request.challenge?.parameters['scope'];
  const scopesSupported = discovery.resourceMetadata?.scopes_supported;
  return selectScope({
    ...(challengeScope === undefined ? {} : { challengeScope }),
    ...(scopesSupported === undefined ? {} : { scopesSupported }),
    ...(options.scope === undefined ? {} : { scope: options.scope }),
  });
}
