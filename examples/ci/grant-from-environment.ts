import { bearerToken, clientCredentials, type Grant, jwtBearer, privateKeyJwt } from 'mcp-oauth-client';
import { gitHubToken } from './github-token.js';
import { type Environment, SettingError, settingsOf } from './settings.js';

const CHOICES =
  'set MCP_CLIENT_ID and MCP_CLIENT_SECRET; or MCP_CLIENT_ID, MCP_PRIVATE_KEY and MCP_KEY_ALGORITHM; or MCP_ASSERTION_FILE; ' +
  'or MCP_OIDC_AUDIENCE (GitHub Actions); or MCP_TOKEN. examples/ci/README.md explains them.';

/** The grant that the environment has the credentials for. Secrets are read when they are needed, and never printed. */
export function grantFrom(environment: Environment): Grant {
  const setting = settingsOf(environment);
  const clientId = setting('MCP_CLIENT_ID');
  const issuer = setting('MCP_ISSUER');
  const pinned = issuer === undefined ? {} : { issuer };
  const named = clientId === undefined ? {} : { clientId };
  if (clientId !== undefined && setting('MCP_CLIENT_SECRET') !== undefined) {
    return clientCredentials({ clientId, clientSecret: () => setting('MCP_CLIENT_SECRET') ?? '', ...pinned });
  }
  if (clientId !== undefined && setting('MCP_PRIVATE_KEY') !== undefined) {
    // Where a variable can have one line only, the line breaks of a PEM are written as \n.
    const privateKey = () => (setting('MCP_PRIVATE_KEY') ?? '').replaceAll('\\n', '\n');
    return privateKeyJwt({ clientId, privateKey, ...algorithmFrom(setting('MCP_KEY_ALGORITHM')), ...pinned });
  }
  const file = setting('MCP_ASSERTION_FILE');
  if (file !== undefined) return jwtBearer({ assertion: { file }, ...named, ...pinned });
  const audience = setting('MCP_OIDC_AUDIENCE');
  if (audience !== undefined) return jwtBearer({ assertion: gitHubToken(environment, audience), ...named, ...pinned });
  if (setting('MCP_TOKEN') !== undefined) return bearerToken(() => setting('MCP_TOKEN') ?? '');
  const half =
    clientId === undefined ? '' : 'MCP_CLIENT_ID is set, but neither MCP_CLIENT_SECRET nor MCP_PRIVATE_KEY: ';
  throw new SettingError(`There are no credentials in the environment: ${half}${CHOICES}`);
}

type Algorithm = NonNullable<Parameters<typeof privateKeyJwt>[0]['algorithm']>;

const ALGORITHMS: readonly string[] = ['RS256', 'PS256', 'ES256', 'EdDSA'] satisfies Algorithm[];

function algorithmFrom(value: string | undefined): { algorithm?: Algorithm } {
  if (value === undefined) return {};
  if (ALGORITHMS.includes(value)) return { algorithm: value as Algorithm };
  throw new SettingError(`MCP_KEY_ALGORITHM has to be one of ${ALGORITHMS.join(', ')}.`);
}
