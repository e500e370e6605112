import { stringList } from '../../discovery/fetch-document.js';
import { assertPkceSupported, assertPlainRequestsTaken } from '../../discovery/index.js';
import { isMcpOAuthError } from '../../errors.js';
import { excerpt, type Http } from '../../http/index.js';
import type { JsonObject } from '../../http/json.js';
import type { AuthorizationServerMetadata } from '../../types.js';
import { NORMS } from './norms.js';
import { judgeOddMembers } from './odd-members.js';
import { judgeProvider } from './providers.js';
import type { StepLog } from './step-log.js';

/** Valid metadata, and what it is judged with. */
export interface MetadataContext {
  readonly metadata: AuthorizationServerMetadata;
  /** The document as it was sent. */
  readonly raw: JsonObject | undefined;
  readonly http: Http;
  /** The issuer as it is listed. */
  readonly issuer: string;
  readonly hasMetadata: boolean;
}

/** What the members of the metadata mean for a sign-in. */
export function judgeMetadata(log: StepLog, context: MetadataContext): void {
  const { metadata, raw, issuer } = context;
  judgeEndpoints(log, context);
  judgePkce(log, context);
  judgeIss(log, metadata);
  judgeGrants(log, metadata);
  judgeRequests(log, context);
  judgeOddMembers(log, raw, NORMS.serverMembers);
  judgeProvider(log, issuer);
}

const LEFT_OUT = [
  'registration_endpoint',
  'revocation_endpoint',
  'device_authorization_endpoint',
  'pushed_authorization_request_endpoint',
];

function judgeEndpoints(log: StepLog, { metadata, raw, http }: MetadataContext): void {
  const dropped = LEFT_OUT.filter((name) => typeof raw?.[name] === 'string' && metadata[name] === undefined);
  for (const name of dropped) {
    const message = `${name} is not used: ${reasonAgainst(String(raw?.[name]), http)}`;
    const remedy =
      'The operator of the authorization server has to name an https URL without fragment and credentials.';
    log.add('warning', 'endpoint-left-out', message, NORMS.addresses, { remedy });
  }
  const endpoint = metadata.authorization_endpoint;
  if (endpoint === undefined) {
    const message = 'There is no authorization_endpoint, so nobody can sign in by a browser.';
    const remedy = 'The operator of the authorization server has to name it.';
    log.add('problem', 'authorization-endpoint', message, NORMS.serverMembers, { remedy, code: 'invalid_response' });
    return;
  }
  try {
    http.assertBrowserUrl(endpoint);
    log.add('ok', 'addresses', 'Its endpoints keep the address rule.', NORMS.addresses);
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    log.refused('authorization-endpoint', error, NORMS.endpointTls, 'The operator has to serve it by https.');
  }
}

function reasonAgainst(url: string, http: Http): string {
  try {
    http.assertDiscoveredUrl(url, 'discovery');
    return 'it has credentials or a fragment.';
  } catch (error) {
    return isMcpOAuthError(error) ? error.message : 'it is no URL.';
  }
}

function judgePkce(log: StepLog, { metadata, issuer, hasMetadata }: MetadataContext): void {
  try {
    assertPkceSupported({ authorizationServer: metadata, hasMetadata, issuer });
    log.add('ok', 'pkce', 'It lists S256.', NORMS.s256);
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    const option = `\`issuerExceptions: { ${JSON.stringify(excerpt(issuer))}: { assumeS256: true } }\``;
    const remedy = `The operator has to list S256 in code_challenge_methods_supported. If you know that it takes it: ${option}`;
    log.refused('pkce', error, NORMS.pkce, remedy);
  }
}

function judgeIss(
  log: StepLog,
  { authorization_response_iss_parameter_supported: sent }: AuthorizationServerMetadata,
): void {
  if (sent === true)
    log.add('ok', 'iss', 'Its callbacks name their issuer, and one that does not is refused.', NORMS.iss);
  else {
    const message = 'It does not promise iss in its callbacks. One that has it is checked, one without it is taken.';
    const remedy = 'The operator should send iss: it keeps another server from slipping in its code.';
    log.add('note', 'iss', message, NORMS.iss, { remedy });
  }
}

function judgeGrants(log: StepLog, metadata: AuthorizationServerMetadata): void {
  const grants = stringList(metadata.grant_types_supported);
  if (grants !== undefined && !grants.includes('authorization_code')) {
    const message = 'It does not list the authorization_code grant. It is tried all the same.';
    const remedy = 'The operator has to list it, or does not offer what MCP needs.';
    log.add('warning', 'grant-types', message, NORMS.serverMembers, { remedy });
  }
  if (grants !== undefined && !grants.includes('refresh_token')) {
    const message =
      'It does not list the refresh_token grant: when the access token ends, the user may have to sign in again.';
    log.add('note', 'refresh-token', message, NORMS.refreshTokens);
  }
  const types = stringList(metadata.response_types_supported);
  if (types !== undefined && !types.includes('code')) {
    const message = 'It does not list the response type code. It is asked for all the same.';
    log.add('warning', 'response-types', message, NORMS.serverMembers, { remedy: 'The operator has to list it.' });
  }
  if (stringList(metadata.scopes_supported)?.includes('offline_access') === true) {
    const message =
      'It offers offline_access, which is added to the scopes, if any, so that the session outlives its token.';
    log.add('ok', 'offline-access', message, NORMS.refreshTokens);
  }
}

/** Whether it takes an authorization request as the library sends it. */
function judgeRequests(log: StepLog, { metadata, issuer }: MetadataContext): void {
  try {
    assertPlainRequestsTaken({ authorizationServer: metadata, issuer });
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    const norm = metadata['require_pushed_authorization_requests'] === true ? NORMS.pushed : NORMS.signed;
    const remedy =
      'The operator can allow plain authorization requests. A sign-in by device code, where it is offered, needs none.';
    log.refused('pushed-requests', error, norm, remedy);
  }
}
