import { bearerToken, clientCredentials, type Grant, jwtBearer, privateKeyJwt } from 'mcp-oauth-client';

/** Where the job's settings come from: `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment lacks something, or holds something that does not fit; the message says what to set. */
export class SettingError extends Error {}

const CHOICES = `Set one of:
  MCP_CLIENT_ID and MCP_CLIENT_SECRET                      a client with a secret
  MCP_CLIENT_ID and MCP_PRIVATE_KEY, MCP_KEY_ALGORITHM     a client with a key (PKCS #8 in PEM; RS256, PS256, ES256, EdDSA)
  MCP_ASSERTION_FILE                                       a token file that the platform keeps up to date (Kubernetes)
  MCP_OIDC_AUDIENCE                                        in GitHub Actions, with "permissions: id-token: write"
  MCP_TOKEN                                                a token or API key that someone else issued`;

/** The grant that the environment has the credentials for. Secrets are read when they are needed, and never printed. */
export function grantFrom(environment: Environment): Grant {
  const setting = (name: string) => environment[name]?.trim() || undefined;
  const clientId = setting('MCP_CLIENT_ID');
  const issuer = setting('MCP_ISSUER');
  const pinned = issuer === undefined ? {} : { issuer };
  if (clientId !== undefined && setting('MCP_CLIENT_SECRET') !== undefined) {
    return clientCredentials({ clientId, clientSecret: () => setting('MCP_CLIENT_SECRET') ?? '', ...pinned });
  }
  if (clientId !== undefined && setting('MCP_PRIVATE_KEY') !== undefined) {
    const privateKey = () => setting('MCP_PRIVATE_KEY') ?? '';
    return privateKeyJwt({ clientId, privateKey, ...algorithmFrom(setting('MCP_KEY_ALGORITHM')), ...pinned });
  }
  const file = setting('MCP_ASSERTION_FILE');
  if (file !== undefined) return jwtBearer({ assertion: { file }, ...(clientId && { clientId }), ...pinned });
  const audience = setting('MCP_OIDC_AUDIENCE');
  if (audience !== undefined) {
    return jwtBearer({ assertion: () => gitHubToken(environment, audience), ...(clientId && { clientId }), ...pinned });
  }
  if (setting('MCP_TOKEN') !== undefined) return bearerToken(() => setting('MCP_TOKEN') ?? '');
  throw new SettingError(`There are no credentials in the environment. ${CHOICES}`);
}

type Algorithm = NonNullable<Parameters<typeof privateKeyJwt>[0]['algorithm']>;

const ALGORITHMS: readonly string[] = ['RS256', 'PS256', 'ES256', 'EdDSA'] satisfies Algorithm[];

function algorithmFrom(value: string | undefined): { algorithm?: Algorithm } {
  if (value === undefined) return {};
  if (!ALGORITHMS.includes(value))
    throw new SettingError(`MCP_KEY_ALGORITHM has to be one of ${ALGORITHMS.join(', ')}.`);
  return { algorithm: value as Algorithm };
}

/** The identity that GitHub gives a job of a workflow, as a JWT that is good for some minutes. */
async function gitHubToken(environment: Environment, audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = environment;
  if (!url || !token) {
    throw new SettingError('MCP_OIDC_AUDIENCE needs a GitHub Actions job with "permissions: id-token: write".');
  }
  const request = new URL(url);
  request.searchParams.set('audience', audience);
  const response = await fetch(request, { headers: { authorization: `Bearer ${token}` } });
  const { value } = (await response.json()) as { value?: string };
  if (!response.ok || value === undefined)
    throw new SettingError(`GitHub gave no identity token (HTTP ${response.status}).`);
  return value;
}
