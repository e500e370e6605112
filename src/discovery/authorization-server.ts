import { McpOAuthError } from '../errors.js';
import { type Http, resolveHttp } from '../http/index.js';
import type { JsonObject } from '../http/json.js';
import { displayUrl, excerpt } from '../http/text.js';
import type { AuthorizationServerMetadata, IssuerException } from '../types.js';
import { checkEndpoints } from './endpoints.js';
import {
  type Absent,
  type DiscoveryRequestOptions,
  type DocumentContext,
  documentContext,
  fetchDocument,
} from './fetch-document.js';
import { authorizationServerLocations } from './well-known.js';
import { parseWrittenUrl } from './written-url.js';

/** Options of {@link discoverAuthorizationServer}. */
export interface AuthorizationServerOptions extends DiscoveryRequestOptions {
  /** What is allowed for this issuer although the specification forbids it. */
  exception?: IssuerException | undefined;
}

const LONGEST_ISSUER = 2048;

/**
 * Finds the metadata of an authorization server, in the order of the MCP specification: RFC 8414 with path insertion,
 * OpenID Connect Discovery with path insertion, OpenID Connect Discovery with the path in front.
 *
 * A 4xx and an answer that is not JSON count as absent. The `issuer` of the document must be identical, character by
 * character, to `issuer` (or to the exception's `metadataIssuer`).
 *
 * @param issuer - the issuer identifier, exactly as it was listed
 * @param options - the exception that is allowed for this issuer, and how to make requests
 * @returns the metadata with every endpoint checked by the address rule, or `undefined` where no location has any
 * @throws {@link McpOAuthError} `issuer_mismatch` where the document names another issuer; `invalid_response` where it is invalid
 * JSON or lacks what is needed, or where `issuer` is no issuer identifier; `server_unavailable`, `timeout` or `network_error`
 * where trying again later may help; `address_refused`, `redirect_refused` or `response_too_large` where a rule forbids the way
 * there; `aborted`
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414.html#section-3 | RFC 8414 section 3}
 * @see {@link https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation | OpenID Connect Discovery 1.0 section 4.3}
 */
export async function discoverAuthorizationServer(
  issuer: string,
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServerMetadata | undefined> {
  return readAuthorizationServer(issuer, options);
}

/** The same, which tells `onAbsent` what each location without metadata answered. */
export async function readAuthorizationServer(
  issuer: string,
  options: AuthorizationServerOptions,
  onAbsent?: (answer: Absent) => void,
): Promise<AuthorizationServerMetadata | undefined> {
  const url = parseIssuer(issuer);
  const context = documentContext(resolveHttp(url, options), options);
  context.http.assertDiscoveredUrl(issuer, 'discovery');
  const { metadataIssuer } = options.exception ?? {};
  return findMetadata(url, [issuer, ...(metadataIssuer === undefined ? [] : [metadataIssuer])], context, onAbsent);
}

/** Asks the locations that belong to `issuer` for metadata whose `issuer` is one of `accepted`. */
export async function findMetadata(
  issuer: URL,
  accepted: readonly string[],
  context: DocumentContext,
  onAbsent: (answer: Absent) => void = () => {},
): Promise<AuthorizationServerMetadata | undefined> {
  let refusal: McpOAuthError | undefined;
  for (const url of authorizationServerLocations(issuer)) {
    const answer = await fetchDocument(url, context);
    if (answer.kind === 'document') return readDocument(answer.document, url, accepted, context.http);
    if (answer.kind === 'malformed') throw malformed(url, `it answered ${answer.detail}`);
    if (answer.kind === 'absent') onAbsent(answer);
    if (answer.kind === 'refused') refusal ??= answer.error;
  }
  if (refusal !== undefined) throw refusal;
  return undefined;
}

function readDocument(
  document: Readonly<JsonObject>,
  url: string,
  accepted: readonly string[],
  http: Http,
): AuthorizationServerMetadata {
  const { issuer: found } = document;
  if (typeof found !== 'string') throw malformed(url, 'the document has no `issuer` string');
  if (!accepted.includes(found)) throw mismatch(url, found, accepted);
  return checkEndpoints(document, found, http);
}

/**
 * Reads an issuer identifier: an http(s) URL without credentials, query and fragment (RFC 8414 section 2). One in letters of another
 * alphabet is none: a person who reads it could take it for another company's.
 */
function parseIssuer(issuer: string): URL {
  const isShaped = issuer.length <= LONGEST_ISSUER && !/[?#]/.test(issuer);
  const url = isShaped ? parseWrittenUrl(issuer) : undefined;
  if (url !== undefined) return url;
  const message =
    `"${excerpt(issuer)}" is no issuer identifier of an authorization server: it has to be an https URL without ` +
    'credentials, query and fragment (RFC 8414 section 2). Whoever runs the MCP server has to correct its metadata.';
  throw new McpOAuthError('invalid_response', message, { stage: 'discovery' });
}

function malformed(url: string, why: string): McpOAuthError {
  const message =
    `The authorization server metadata at ${displayUrl(url)} cannot be used: ${why}. ` +
    'Whoever runs the authorization server has to correct it.';
  return new McpOAuthError('invalid_response', message, { stage: 'discovery', status: 200, url: displayUrl(url) });
}

function mismatch(url: string, found: string, accepted: readonly string[]): McpOAuthError {
  const names = accepted.map((name) => `"${excerpt(name)}"`).join(' or ');
  const message =
    `The authorization server metadata at ${displayUrl(url)} names the issuer "${excerpt(found)}" where ${names} ` +
    'was asked for; the two have to be identical (RFC 8414 section 3.3). If you trust this server, allow this one name ' +
    'with the option `issuerExceptions` (`metadataIssuer`), filed under the issuer that was asked for.';
  return new McpOAuthError('issuer_mismatch', message, { stage: 'discovery', url: displayUrl(url) });
}
