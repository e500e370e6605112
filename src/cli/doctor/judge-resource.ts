import { MOST_AUTHORIZATION_SERVERS } from '../../discovery/discover.js';
import { stringList } from '../../discovery/fetch-document.js';
import type { ProtectedResource } from '../../discovery/index.js';
import type { JsonObject } from '../../http/json.js';
import { NORMS } from './norms.js';
import { judgeOddMembers } from './odd-members.js';
import type { StepLog } from './step-log.js';

/** What the metadata is held against. */
export interface ResourceContext {
  readonly canonical: string;
  /** The document as it was sent. */
  readonly raw: JsonObject | undefined;
  readonly challengeHasScope: boolean;
}

/** What the members of valid resource metadata mean for a sign-in. */
export function judgeResource(log: StepLog, resource: ProtectedResource, context: ResourceContext): void {
  judgeIdentifier(log, resource.resource, context.canonical);
  judgeServers(log, resource.authorizationServers.length);
  judgeScopes(log, stringList(resource.metadata.scopes_supported), context.challengeHasScope);
  const methods = stringList(resource.metadata['bearer_methods_supported']);
  if (methods !== undefined && !methods.includes('header')) {
    const message =
      'It does not list the Authorization header among the ways to send a token, but that is how it is sent.';
    const remedy = 'The operator has to list `header` in bearer_methods_supported.';
    log.add('warning', 'bearer-methods', message, NORMS.bearerMethods, { remedy });
  }
  if (resource.metadata.dpop_bound_access_tokens_required === true) {
    const message = 'The server takes DPoP-bound tokens only; without the option a sign-in is refused.';
    const remedy = "Set `dpop: 'auto'` (or `true`); for the command, --dpop.";
    log.add('note', 'dpop-required', message, NORMS.dpopRequired, { remedy });
  }
  judgeOddMembers(log, context.raw, NORMS.resourceMembers);
}

function judgeIdentifier(log: StepLog, resource: string, canonical: string): void {
  if (resource === canonical) {
    log.add('ok', 'resource', 'The resource is this server.', NORMS.resourceIdentical);
    return;
  }
  if (withoutSlash(resource) === withoutSlash(canonical)) {
    const message =
      "The resource differs from the server's URL by a slash at the end. It is sent as the metadata has it.";
    log.add('note', 'resource', message, NORMS.resourceIdentical);
    return;
  }
  const message = "The resource is a parent of the server's URL: a token for it is good for everything under it.";
  const remedy =
    'The operator can name the MCP endpoint itself as the resource, so that a token is worth no more than needed.';
  log.add('note', 'resource', message, NORMS.resourceIdentical, { remedy });
}

function withoutSlash(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url;
}

function judgeServers(log: StepLog, count: number): void {
  if (count === 0) {
    const message = 'The metadata lists no authorization server, so there is nowhere to sign in.';
    const remedy = 'The operator has to list one in authorization_servers.';
    log.add('problem', 'authorization-servers', message, NORMS.resourceMetadata, {
      remedy,
      code: 'authorization_server_not_found',
    });
  } else if (count === 1) {
    log.add('ok', 'authorization-servers', 'It lists one authorization server.', NORMS.resourceMetadata);
  } else {
    const cut = count > MOST_AUTHORIZATION_SERVERS ? ` Only the first ${MOST_AUTHORIZATION_SERVERS} are tried.` : '';
    const message = `It lists ${count} authorization servers. The first that works is used.${cut}`;
    log.add('note', 'authorization-servers', message, NORMS.severalServers);
  }
}

function judgeScopes(log: StepLog, scopes: readonly string[] | undefined, challenged: boolean): void {
  if (scopes === undefined || scopes.length === 0) {
    if (challenged) return;
    const message =
      'Neither the challenge nor the metadata names a scope: none is asked for, and offline_access is not added.';
    const remedy = 'If the server wants scopes, the option is `scope`.';
    log.add('note', 'scopes', message, NORMS.scopeSelection, { remedy });
    return;
  }
  const use = challenged ? "The challenge's scope is asked for instead." : 'All of them are asked for.';
  log.add(
    'ok',
    'scopes',
    `It lists ${scopes.length === 1 ? 'one scope' : `${scopes.length} scopes`}. ${use}`,
    NORMS.scopeSelection,
  );
  if (scopes.includes('offline_access')) {
    const message = 'It lists offline_access, which is no need of a resource; the authorization server should list it.';
    log.add('note', 'offline-access', message, NORMS.refreshTokens);
  }
}
