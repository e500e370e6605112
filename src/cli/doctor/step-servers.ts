import { stringList } from '../../discovery/fetch-document.js';
import { assertPkceSupported, type Discovery, type ProtectedResource } from '../../discovery/index.js';
import { authorizationServerLocations } from '../../discovery/well-known.js';
import type { McpOAuthError } from '../../errors.js';
import { excerpt } from '../../http/index.js';
import type { AuthorizationServerMetadata } from '../../types.js';
import type { Drawn, Examination } from './examination.js';
import { decide, type FoundServer, findServers, type Outcome } from './find-servers.js';
import { judgeMetadata } from './judge-metadata.js';
import { shownList } from './members.js';
import { NORMS } from './norms.js';
import type { Recorder } from './recorder.js';
import type { Norm, Step } from './report.js';
import { StepLog } from './step-log.js';

/** The steps about the authorization servers, and what `discover()` decides. */
export interface ServersResult extends Outcome {
  readonly steps: readonly Step[];
}

/** Examines each authorization server that the resource lists; without resource metadata, the forms of 2025-03-26. */
export async function stepServers(
  examination: Examination,
  drawn: Drawn,
  resource: ProtectedResource | undefined,
): Promise<ServersResult> {
  if (resource === undefined) {
    const outcome = await decide(examination, drawn, false);
    return { ...outcome, steps: [legacyStep(examination, outcome)] };
  }
  const found = await findServers(examination, resource);
  const outcome = await decide(examination, drawn, true);
  return { ...outcome, steps: found.map((one) => serverStep(examination, one, outcome)) };
}

function serverStep(examination: Examination, found: FoundServer, { discovery, error }: Outcome): Step {
  const { issuer, metadata } = found;
  const log = new StepLog({
    id: 'authorization-server',
    title: 'Authorization server',
    subject: excerpt(issuer),
    specification: NORMS.serverMetadata,
  });
  const isChosen = discovery?.issuer === issuer;
  if (found.error !== undefined) {
    // Another one is used, so this one is in nobody's way.
    const verdict = discovery === undefined ? 'problem' : 'warning';
    log.refused('metadata', found.error, normFor(found.error), remedyFor(found, examination), verdict);
  } else if (metadata === undefined) {
    judgeAbsence(log, found, error);
  } else {
    judgeFound(log, found, metadata, examination);
    if (!isChosen && discovery !== undefined) {
      log.add('note', 'not-chosen', `Another one comes first: ${excerpt(discovery.issuer)}.`, NORMS.severalServers);
    }
  }
  return log.finish(found.exchanges);
}

function judgeAbsence(log: StepLog, { issuer }: FoundServer, error: McpOAuthError | undefined): void {
  const message = `None of the well-known locations of ${excerpt(issuer)} has metadata, so its endpoints are not known.`;
  const remedy = 'The operator of the authorization server has to publish metadata at one of the locations above.';
  if (error === undefined) {
    log.add('warning', 'metadata', `${message} It is passed over.`, NORMS.serverMetadata, { remedy });
  } else {
    log.add('problem', 'metadata', message, NORMS.serverMetadata, { remedy, code: 'authorization_server_not_found' });
  }
}

function judgeFound(
  log: StepLog,
  { issuer, exchanges }: FoundServer,
  metadata: AuthorizationServerMetadata,
  { recorder }: Examination,
): void {
  const from = locationWithDocument(issuer, recorder);
  const raw = from === undefined ? undefined : recorder.documentAt(from);
  factsOf(log, metadata);
  log.add('ok', 'issuer', 'The issuer is identical to the one that is listed.', NORMS.issuerIdentical);
  if (from?.includes('/openid-configuration')) {
    log.add('ok', 'openid', 'It was found by OpenID Connect Discovery.', NORMS.serverMetadata);
  }
  judgePassedOver(
    log,
    exchanges.slice(0, -1).map(({ status }) => status),
  );
  judgeMetadata(log, { metadata, raw, http: recorder.http, issuer, hasMetadata: true });
}

/** Other answers than 404 at the locations before the one that has the metadata. */
function judgePassedOver(log: StepLog, statuses: readonly (number | undefined)[]): void {
  const odd = [...new Set(statuses.filter((status) => status !== undefined && status !== 404 && status < 500))];
  if (odd.length === 0) return;
  const message = `A location before it answered ${odd.join(', ')} where 404 says that there is nothing. It was passed over.`;
  log.add('note', 'passed-over', message, NORMS.serverMetadata);
}

function legacyStep({ recorder, server }: Examination, { discovery, error }: Outcome): Step {
  const log = new StepLog({
    id: 'authorization-server',
    title: 'Authorization server (2025-03-26)',
    subject: discovery?.issuer ?? server.origin,
    specification: NORMS.legacy,
  });
  if (discovery === undefined) {
    if (error !== undefined) log.refused('metadata', error, NORMS.legacy);
    return log.finish(recorder.take());
  }
  judgeLegacy(log, discovery, recorder);
  return log.finish(recorder.take());
}

function judgeLegacy(log: StepLog, discovery: Discovery, recorder: Recorder): void {
  const { authorizationServer: metadata, issuer, hasMetadata } = discovery;
  factsOf(log, metadata);
  if (hasMetadata) {
    const message = "The server's origin has authorization server metadata at its root.";
    log.add('ok', 'metadata', message, NORMS.legacy);
    const from = locationWithDocument(issuer, recorder);
    const raw = from === undefined ? undefined : recorder.documentAt(from);
    judgeMetadata(log, { metadata, raw, http: recorder.http, issuer, hasMetadata });
    return;
  }
  assertPkceSupported(discovery);
  const message =
    'The origin has no metadata, so the default endpoints are used: /authorize, /token, /register. Whether it ' +
    'supports S256 cannot be verified; it is sent all the same.';
  const remedy = 'The operator has to publish resource metadata and authorization server metadata.';
  log.add('warning', 'metadata', message, NORMS.legacy, { remedy });
}

const SHOWN_TEXTS = ['issuer', 'authorization_endpoint', 'token_endpoint'] as const;
const SHOWN_LISTS = [
  'code_challenge_methods_supported',
  'grant_types_supported',
  'response_types_supported',
  'token_endpoint_auth_methods_supported',
  'scopes_supported',
] as const;

function factsOf(log: StepLog, metadata: AuthorizationServerMetadata): void {
  for (const name of SHOWN_TEXTS) {
    const value = metadata[name];
    log.fact(name, typeof value === 'string' ? excerpt(value) : undefined);
  }
  for (const name of SHOWN_LISTS) log.fact(name, shownList(stringList(metadata[name])));
  const iss = metadata.authorization_response_iss_parameter_supported;
  log.fact('authorization_response_iss_parameter_supported', typeof iss === 'boolean' ? iss : undefined);
}

function normFor({ code }: McpOAuthError): Norm {
  if (code === 'issuer_mismatch') return NORMS.issuerIdentical;
  if (code === 'address_refused' || code === 'redirect_refused') return NORMS.addresses;
  return code === 'invalid_response' ? NORMS.serverMembers : NORMS.serverMetadata;
}

function remedyFor({ issuer, error }: FoundServer, { recorder }: Examination): string | undefined {
  switch (error?.code) {
    case 'issuer_mismatch':
      return `The operator has to make the two identical. If you trust it: ${exceptionFor(issuer, recorder)}`;
    case 'address_refused':
      return 'The operator has to name endpoints in a network that is no more private than the MCP server. If you trust the host: `network.allowPrivateNetwork`, or `allowInsecureHttp` for plain http.';
    case 'redirect_refused':
      return 'The operator has to serve the metadata at the well-known URL itself.';
    case 'response_too_large':
      return 'The operator has to publish metadata of less than 1 MiB.';
    case 'invalid_response':
      return 'The operator of the authorization server has to correct its metadata.';
    default:
      return undefined;
  }
}

/** The exact option that allows the name which the metadata has. */
function exceptionFor(issuer: string, recorder: Recorder): string {
  const from = locationWithDocument(issuer, recorder);
  const found = from === undefined ? undefined : recorder.documentAt(from)?.['issuer'];
  const name = typeof found === 'string' ? excerpt(found) : '…';
  return `\`issuerExceptions: { ${JSON.stringify(excerpt(issuer))}: { metadataIssuer: ${JSON.stringify(name)} } }\``;
}

/** The first location of the issuer that answered with a document: the library looks no further. */
function locationWithDocument(issuer: string, { documentAt }: Recorder): string | undefined {
  if (!URL.canParse(issuer)) return undefined;
  return authorizationServerLocations(new URL(issuer)).find((url) => documentAt(url) !== undefined);
}
