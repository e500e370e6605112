import type { Challenge } from '../challenge.js';
import { McpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import { resolveHttp } from '../http/index.js';
import type { JsonObject } from '../http/json.js';
import { displayUrl, excerpt } from '../http/text.js';
import type { ResourceMetadata } from '../types.js';
import {
  type DiscoveryRequestOptions,
  type DocumentContext,
  documentContext,
  fetchDocument,
  stringList,
  withoutBrokenLists,
} from './fetch-document.js';
import { isResourceOf } from './resource-match.js';
import { parseServerUrl } from './server-url.js';
import { resourceMetadataLocations } from './well-known.js';
import { parseWrittenUrl } from './written-url.js';

/** A protected MCP server as its metadata describes it. */
export interface ProtectedResource {
  /** The `resource` of the metadata, checked against the server URL; to be sent verbatim. */
  readonly resource: string;
  /** The whole document, without lists that are none. RFC 9728 section 2. */
  readonly metadata: ResourceMetadata;
  /** Where the metadata was found. */
  readonly metadataUrl: string;
  /** The issuer identifiers of `authorization_servers` in their order, each once; empty where none is listed. */
  readonly authorizationServers: readonly string[];
}

/** Options of {@link discoverProtectedResource}. */
export interface ProtectedResourceOptions extends DiscoveryRequestOptions {
  /** The challenge of the MCP server's 401 or 403; its `resource_metadata` names the metadata URL. */
  challenge?: Challenge | undefined;
  /** The metadata URL; wins over the challenge's. */
  resourceMetadataUrl?: string | undefined;
}

const LISTS = ['scopes_supported', 'bearer_methods_supported', 'resource_signing_alg_values_supported'];
const NAME_THE_LOCATION = 'If the metadata is elsewhere, name its URL in the option `resourceMetadataUrl`.';

/**
 * Finds the metadata of a protected MCP server: at the URL that `resourceMetadataUrl` or the challenge names, else at
 * the well-known URL with the server's path, else at the root.
 *
 * A URL that was named is the only one that is asked; its failure is an error. A guessed location may be absent (a 4xx),
 * but what it answers must be right: a malformed document is an error and never a reason to go on.
 *
 * @param serverUrl - the URL of the MCP endpoint
 * @param options - the challenge, the metadata URL, and how to make requests
 * @returns the resource, or `undefined` where every well-known location answered a definitive 4xx
 * @throws {@link McpOAuthError} `resource_metadata_failed` where the named URL does not answer with metadata; `invalid_response`
 * where a well-known location answers with something else than metadata; `resource_mismatch` where the metadata is for another
 * resource; `server_unavailable`, `timeout` or `network_error` where trying again later may help; `address_refused`,
 * `redirect_refused` or `response_too_large` where a rule forbids the way there; `aborted`; `invalid_options` where `serverUrl` is
 * no http(s) URL
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-3 | RFC 9728 sections 3 and 5}
 */
export async function discoverProtectedResource(
  serverUrl: string | URL,
  options: ProtectedResourceOptions = {},
): Promise<ProtectedResource | undefined> {
  const server = parseServerUrl(serverUrl);
  const context = documentContext(resolveHttp(server, options), options);
  const named = options.resourceMetadataUrl ?? options.challenge?.parameters.resource_metadata;
  return named === undefined ? probe(server, context) : readNamed(named, server, context);
}

async function readNamed(url: string, server: URL, context: DocumentContext): Promise<ProtectedResource> {
  if (!URL.canParse(url)) throw failed('resource_metadata_failed', url, 'it is not an absolute URL');
  const answer = await fetchDocument(url, context);
  if (answer.kind === 'document') return readDocument(answer.document, url, server, 'resource_metadata_failed');
  if (answer.kind === 'refused') throw answer.error;
  throw failed('resource_metadata_failed', url, `it answered ${answer.detail}`, answer.status);
}

async function probe(server: URL, context: DocumentContext): Promise<ProtectedResource | undefined> {
  let unclear: McpOAuthError | undefined;
  for (const url of resourceMetadataLocations(server)) {
    const answer = await fetchDocument(url, context);
    if (answer.kind === 'document') return readDocument(answer.document, url, server, 'invalid_response');
    if (answer.kind === 'absent') continue;
    const error =
      answer.kind === 'refused'
        ? answer.error
        : failed('invalid_response', url, `it answered ${answer.detail}`, answer.status);
    if (answer.kind === 'malformed') throw error;
    unclear ??= error;
  }
  // A page or a refused redirect does not prove that there is no metadata, and only proof may lead to the legacy forms.
  if (unclear !== undefined) throw unclear;
  return undefined;
}

function readDocument(
  document: Readonly<JsonObject>,
  metadataUrl: string,
  server: URL,
  malformed: McpOAuthErrorCode,
): ProtectedResource {
  const { resource, authorization_servers: listed } = document;
  if (typeof resource !== 'string') throw failed(malformed, metadataUrl, 'the document has no `resource` string', 200);
  if (!isResourceOf(resource, server)) throw mismatch(resource, server, metadataUrl);
  const authorizationServers = listed === undefined ? [] : stringList(listed);
  if (authorizationServers === undefined) {
    throw failed(malformed, metadataUrl, '`authorization_servers` is not a list of strings', 200);
  }
  return {
    resource,
    metadata: { ...withoutBrokenLists(document, LISTS), resource },
    metadataUrl,
    authorizationServers: [...new Set(authorizationServers)],
  };
}

function mismatch(resource: string, server: URL, metadataUrl: string): McpOAuthError {
  const problem =
    parseWrittenUrl(resource) === undefined
      ? 'which is written in a way that URL parsers have to repair (RFC 3986), so that it may be read as another one'
      : `which is neither ${displayUrl(server)} nor a parent of it`;
  const message =
    `The resource metadata at ${displayUrl(metadataUrl)} is for "${excerpt(resource)}", ${problem}, so a token for it must not ` +
    'be requested here. Connect with the URL that the metadata names, or have the server correct its metadata.';
  return new McpOAuthError('resource_mismatch', message, { stage: 'discovery', url: displayUrl(metadataUrl) });
}

function failed(code: McpOAuthErrorCode, url: string, why: string, status?: number): McpOAuthError {
  const message = `No OAuth resource metadata (RFC 9728) could be read from ${displayUrl(url)}: ${why}. ${NAME_THE_LOCATION}`;
  return new McpOAuthError(code, message, { stage: 'discovery', status, url: displayUrl(url) });
}
