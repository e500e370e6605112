import { McpOAuthError } from 'mcp-oauth-client';
import { type Environment, SettingError } from './settings.js';

const LONGEST_WAIT_MS = 10_000;

/**
 * Asks GitHub for the identity of this job, a JWT that is good for some minutes.
 *
 * @see {@link https://docs.github.com/en/actions/reference/security/oidc | GitHub Actions, OpenID Connect reference}
 */
export function gitHubToken(environment: Environment, audience: string): () => Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = environment;
  if (!url || !token) {
    throw new SettingError('MCP_OIDC_AUDIENCE needs a GitHub Actions job with "permissions: id-token: write".');
  }
  const request = new URL(url);
  request.searchParams.set('audience', audience);
  return async () => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(request, { headers, signal: AbortSignal.timeout(LONGEST_WAIT_MS) }).catch(() => {
      throw failed('could not be reached', 'network_error');
    });
    if (response.status >= 500) throw failed(`answered HTTP ${response.status}`, 'server_unavailable');
    const { value } = (await response.json().catch(() => ({}))) as { value?: unknown };
    if (response.ok && typeof value === 'string') return value;
    throw failed(`gave no identity token (HTTP ${response.status})`, 'authorization_failed');
  };
}

/** An error of the library's own kind goes through to the job as it is, and says whether to try again. */
function failed(what: string, code: 'network_error' | 'server_unavailable' | 'authorization_failed'): McpOAuthError {
  return new McpOAuthError(code, `GitHub's token service ${what}.`, { stage: 'token' });
}
