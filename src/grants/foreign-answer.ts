import { McpOAuthError } from '../errors.js';
import { describeAnswer, isPage, readObject } from '../oauth-error.js';
import type { Exchange } from './authenticated-request.js';

/**
 * What an answer means that is not the authorization server's own words: a page in the place of JSON comes from a proxy, a captive
 * portal or a gateway, and a success that is no JSON object was cut off or changed on the way. Nothing was decided about a credential.
 *
 * @param afterTemporary - What to tell the user, a sentence.
 * @returns `server_unavailable`, or `undefined` where the answer is the server's own.
 */
export async function foreignAnswer(
  { response, refusal }: Exchange,
  afterTemporary: string,
): Promise<McpOAuthError | undefined> {
  if (refusal?.error !== undefined) return undefined;
  const { status } = response;
  if (await isPage(response)) {
    const said = refusal === undefined ? `HTTP ${status}` : describeAnswer(refusal);
    return temporary(
      status,
      `A web page came in place of the authorization server's answer: ${said}. It may be from a proxy, or the sign-in page of this network. ${afterTemporary} Where it stays although the network is fine, sign in again by authorize().`,
    );
  }
  if (refusal !== undefined || (await readObject(response)) !== undefined) return undefined;
  return temporary(status, `The token endpoint answered with no JSON object (HTTP ${status}). ${afterTemporary}`);
}

function temporary(status: number, message: string): McpOAuthError {
  return new McpOAuthError('server_unavailable', message, { stage: 'token', status });
}
