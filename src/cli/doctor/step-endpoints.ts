import { stringList } from '../../discovery/fetch-document.js';
import type { Discovery } from '../../discovery/index.js';
import { isMcpOAuthError } from '../../errors.js';
import { DEVICE_CODE_GRANT } from '../../grant.js';
import { excerpt } from '../../http/index.js';
import { isNoEndpoint } from '../../oauth-error.js';
import type { AuthorizationServerMetadata, ResourceMetadata } from '../../types.js';
import type { Examination } from './examination.js';
import { isUnavailable, judgeTokenAnswer } from './judge-token-answer.js';
import { shownList } from './members.js';
import { NORMS } from './norms.js';
import type { Step } from './report.js';
import { StepLog } from './step-log.js';

/** Looks whether something is behind the endpoints, by requests that begin nothing, and what the others are good for. */
export async function stepEndpoints(examination: Examination, discovery: Discovery): Promise<Step> {
  const log = new StepLog({ id: 'endpoints', title: 'Endpoints', specification: NORMS.tokenError });
  const { authorizationServer: metadata, resourceMetadata, hasMetadata } = discovery;
  if (metadata.authorization_endpoint !== undefined) {
    await askAuthorizationEndpoint(log, metadata.authorization_endpoint, examination);
  }
  if (metadata.token_endpoint !== undefined) await askTokenEndpoint(log, metadata.token_endpoint, examination);
  judgeRevocation(log, metadata);
  judgeDevice(log, metadata);
  if (hasMetadata) judgeDpop(log, metadata, resourceMetadata);
  return log.finish(examination.recorder.take());
}

/** As a browser asks, without parameters: nothing can begin, but something has to be there. */
async function askAuthorizationEndpoint(log: StepLog, url: string, { recorder, options }: Examination): Promise<void> {
  const status = await recorder.http
    // As a revocation, since that follows no redirect.
    .request('revocation', url, { method: 'GET', headers: { accept: 'text/html' }, signal: options.signal })
    .then(
      (response) => response.status,
      (error: unknown) => {
        if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
        if (error.code === 'redirect_refused' && error.status !== undefined) return error.status;
        const remedy = error.retryable ? undefined : 'The operator has to serve it where a browser can reach it.';
        log.refused('authorization-endpoint', error, NORMS.authorizationEndpoint, remedy);
        return undefined;
      },
    );
  if (status === undefined) return;
  const says = `The authorization endpoint answers a GET without parameters with ${status}`;
  if (isNoEndpoint(status)) {
    const remedy = 'The operator of the authorization server has to correct authorization_endpoint.';
    log.add(
      'problem',
      'authorization-endpoint',
      `${says}: a browser would find nothing there.`,
      NORMS.authorizationEndpoint,
      {
        remedy,
      },
    );
  } else if (isUnavailable(status)) {
    log.add('problem', 'authorization-endpoint', `${says}: it is not available.`, NORMS.authorizationEndpoint, {
      remedy: 'Run it again later.',
      temporary: true,
    });
  } else if (status >= 500) {
    const message = `${says}. It may work with parameters; an error page is what belongs there.`;
    log.add('warning', 'authorization-endpoint', message, NORMS.authorizationEndpoint);
  } else log.add('ok', 'authorization-endpoint', `${says}: it is there.`, NORMS.authorizationEndpoint);
}

async function askTokenEndpoint(log: StepLog, url: string, { recorder, options }: Examination): Promise<void> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  try {
    const init = { method: 'POST', headers, body: '', signal: options.signal };
    await judgeTokenAnswer(log, await recorder.http.request('token', url, init));
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    const remedy = error.retryable ? undefined : 'The operator has to answer at the token endpoint itself.';
    log.refused('token-endpoint', error, NORMS.tokenEndpoint, remedy);
  }
}

function judgeRevocation(
  log: StepLog,
  { revocation_endpoint: endpoint, token_endpoint }: AuthorizationServerMetadata,
): void {
  log.fact('revocation_endpoint', typeof endpoint === 'string' ? excerpt(endpoint) : undefined);
  if (endpoint === undefined) {
    const message =
      'There is no revocation endpoint: signOut() forgets the tokens here, but there they live until they expire.';
    log.add('note', 'revocation', message, NORMS.revocation, { remedy: 'The operator can offer one (RFC 7009).' });
  } else if (endpoint === token_endpoint) {
    const message = 'The revocation endpoint is the token endpoint. signOut() revokes there.';
    log.add('note', 'revocation', message, NORMS.revocation);
  } else log.add('ok', 'revocation', 'It is there: signOut() revokes the tokens. It was not asked.', NORMS.revocation);
}

function judgeDevice(log: StepLog, metadata: AuthorizationServerMetadata): void {
  const { device_authorization_endpoint: endpoint, grant_types_supported: supported } = metadata;
  log.fact('device_authorization_endpoint', typeof endpoint === 'string' ? excerpt(endpoint) : undefined);
  if (endpoint === undefined) {
    const message =
      'There is no sign-in by device code. Without a browser on this machine the URL is shown, and the redirect is pasted back.';
    log.add('note', 'device', message, NORMS.device);
    return;
  }
  const grants = stringList(supported);
  if (grants !== undefined && !grants.includes(DEVICE_CODE_GRANT)) {
    const message = 'It names a device authorization endpoint, but does not list the device_code grant.';
    log.add('note', 'device', message, NORMS.device, { remedy: 'The operator should list the grant.' });
    return;
  }
  const message =
    'It offers sign-in by device code, for machines without a browser: `grant: deviceCode()`. It was not asked.';
  log.add('ok', 'device', message, NORMS.device);
}

function judgeDpop(log: StepLog, metadata: AuthorizationServerMetadata, resource: ResourceMetadata | undefined): void {
  const algorithms = stringList(metadata.dpop_signing_alg_values_supported);
  const atResource = stringList(resource?.['dpop_signing_alg_values_supported']);
  log.fact('dpop_signing_alg_values_supported', shownList(algorithms));
  if (algorithms === undefined && atResource === undefined) return;
  const both = algorithms !== undefined && atResource !== undefined;
  const who = both
    ? 'Both servers offer'
    : `Only the ${algorithms === undefined ? 'MCP' : 'authorization'} server offers`;
  const asks = both ? "With `dpop: 'auto'` a sign-in asks for them." : 'A sign-in asks for Bearer tokens.';
  log.add('note', 'dpop', `${who} DPoP-bound tokens. ${asks}`, NORMS.dpop);
}
