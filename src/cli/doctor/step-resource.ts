import { discoverProtectedResource, type ProtectedResource } from '../../discovery/index.js';
import { canonicalResource } from '../../discovery/server-url.js';
import { isMcpOAuthError, type McpOAuthError } from '../../errors.js';
import { excerpt } from '../../http/index.js';
import type { Drawn, Examination } from './examination.js';
import { judgeResource } from './judge-resource.js';
import { shownList } from './members.js';
import { NORMS } from './norms.js';
import type { Norm, Step } from './report.js';
import { StepLog } from './step-log.js';

/** What the library found: a resource, that there is none, or an error. */
export interface ResourceResult {
  readonly step: Step;
  readonly resource: ProtectedResource | undefined;
  readonly failed: boolean;
}

/** Reads the resource metadata as `connect()` does: at the URL that was named, else at each well-known location. */
export async function stepResource(examination: Examination, drawn: Drawn): Promise<ResourceResult> {
  const log = new StepLog({
    id: 'resource-metadata',
    title: 'Resource metadata',
    specification: NORMS.resourceMetadata,
  });
  const { recorder, server, options } = examination;
  const { clock, signal, resourceMetadataUrl } = options;
  const request = { http: recorder.http, clock, signal };
  try {
    const resource = await discoverProtectedResource(server, {
      ...request,
      challenge: drawn.challenge,
      resourceMetadataUrl,
    });
    if (resource === undefined) judgeAbsence(log, drawn);
    else judgeFound(log, resource, examination, drawn);
    return { step: log.finish(recorder.take()), resource, failed: false };
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    const isNamed = (resourceMetadataUrl ?? drawn.challenge?.parameters['resource_metadata']) !== undefined;
    const elsewhere = isNamed && !error.retryable ? await lookElsewhere(examination) : undefined;
    log.refused('resource-metadata', error, normFor(error), remedyFor(error, elsewhere));
    return { step: log.finish(recorder.take()), resource: undefined, failed: true };
  }
}

/** Where the URL that was named does not do: whether a well-known location, which `connect()` does not ask then, would. */
async function lookElsewhere({ recorder, server, options }: Examination): Promise<string | undefined> {
  const { clock, signal } = options;
  try {
    return (await discoverProtectedResource(server, { http: recorder.http, clock, signal }))?.metadataUrl;
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    return undefined;
  }
}

function judgeAbsence(log: StepLog, { challenge, open }: Drawn): void {
  if (challenge === undefined && open) {
    const message = 'No well-known location has metadata, and no token was wanted: there is nothing to sign in to.';
    log.add('note', 'resource-metadata', message, NORMS.resourceMetadata);
    return;
  }
  const message =
    'No well-known location has metadata. What is left are the forms of 2025-03-26, with the server itself as the ' +
    'authorization server.';
  const remedy =
    'The operator has to publish resource metadata. If it is elsewhere, name its URL in the option `resourceMetadataUrl`.';
  log.add('warning', 'resource-metadata', message, NORMS.resourceMetadata, { remedy });
}

function judgeFound(
  log: StepLog,
  resource: ProtectedResource,
  { server, recorder, options }: Examination,
  drawn: Drawn,
) {
  const { metadata, metadataUrl, authorizationServers } = resource;
  log.fact('resource', excerpt(resource.resource));
  log.fact('authorization_servers', shownList(authorizationServers));
  log.fact('scopes_supported', shownList(metadata.scopes_supported));
  log.fact('bearer_methods_supported', shownList(metadata['bearer_methods_supported']));
  log.fact('dpop_bound_access_tokens_required', metadata.dpop_bound_access_tokens_required === true || undefined);
  log.fact('resource_name', typeof metadata.resource_name === 'string' ? excerpt(metadata.resource_name) : undefined);
  const challenged = drawn.challenge?.parameters['resource_metadata'];
  const where =
    options.resourceMetadataUrl !== undefined
      ? 'at the URL that --resource-metadata-url names'
      : challenged !== undefined
        ? 'at the URL that the challenge names'
        : 'at a well-known location';
  log.add('ok', 'resource-metadata', `The metadata was found ${where}.`, NORMS.resourceLocation);
  if (options.resourceMetadataUrl !== undefined && options.resourceMetadataUrl !== challenged) {
    const message = 'An application needs the same URL in its option `resourceMetadataUrl`.';
    log.add('note', 'resource-metadata-url', message, NORMS.resourceLocation);
  }
  judgeResource(log, resource, {
    canonical: canonicalResource(server),
    raw: recorder.documentAt(metadataUrl),
    challengeHasScope: drawn.challenge?.parameters['scope'] !== undefined,
  });
}

function normFor({ code }: McpOAuthError): Norm {
  if (code === 'resource_mismatch') return NORMS.resourceIdentical;
  if (code === 'address_refused' || code === 'redirect_refused') return NORMS.addresses;
  return code === 'invalid_response' ? NORMS.resourceMembers : NORMS.resourceMetadata;
}

function remedyFor({ code, retryable }: McpOAuthError, elsewhere: string | undefined): string | undefined {
  if (elsewhere !== undefined) {
    return `Name the URL that has valid metadata in the option \`resourceMetadataUrl\` (here: --resource-metadata-url), or have the challenge corrected: ${excerpt(elsewhere)}`;
  }
  if (retryable) return undefined;
  switch (code) {
    case 'resource_mismatch':
      return 'Connect with the URL that the metadata names, or the operator has to set `resource` to the URL of the MCP endpoint.';
    case 'address_refused':
      return 'The operator has to name a URL that this server is entitled to. If you trust it, the option `network` can allow the host.';
    case 'redirect_refused':
      return 'The operator has to serve the metadata itself at this URL, or to name the final one in the challenge.';
    case 'response_too_large':
      return 'The operator has to publish metadata of less than 1 MiB.';
    default:
      return 'The operator has to answer 200 with the JSON document, or 404 where there is none.';
  }
}
