/**
 * The client under test, as an application would write it: this SDK's public API, one of the two MCP SDKs, and nothing else.
 *
 * Usage: client.ts v1|v2 <server URL>
 */
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  type AuthProviderOptions,
  clientCredentials,
  enterpriseManaged,
  type Grant,
  isMcpOAuthError,
  jwtBearer,
  MemoryTokenStore,
  privateKeyJwt,
  withOAuth,
} from 'mcp-oauth-client';

const [sdk, serverUrl = ''] = process.argv.slice(2);
const scenario = process.env['MCP_CONFORMANCE_SCENARIO'];
const context: Readonly<Record<string, string | undefined>> = JSON.parse(
  process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}',
);
const grant = grantOf(scenario);
const { client_id, client_secret, issuer } = context;

const options: Omit<AuthProviderOptions, 'serverUrl'> = {
  clientMetadata: { client_name: 'Conformance client' },
  clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
  ...(grant && { grant }),
  ...(client_id &&
    !grant && {
      clientInformation: { client_id, ...(client_secret && { client_secret }), ...(issuer && { issuer }) },
    }),
  ...(scenario?.startsWith('auth/dpop') && { dpop: true }),
  store: new MemoryTokenStore(),
  // The person and the browser: the mock authorization server redirects back at once, and fetch follows.
  openBrowser: (url) => void fetch(url),
};

/** The grant of an extension's scenario, as the scenario's context has it; everywhere else a person signs in. */
function grantOf(name: string | undefined): Grant | undefined {
  const clientId = context['client_id'] ?? '';
  const clientSecret = context['client_secret'] ?? '';
  switch (name) {
    case 'auth/client-credentials-basic':
      return clientCredentials({ clientId, clientSecret });
    case 'auth/client-credentials-jwt': {
      const algorithm = context['signing_algorithm'] as NonNullable<Parameters<typeof privateKeyJwt>[0]['algorithm']>;
      return privateKeyJwt({ clientId, privateKey: context['private_key_pem'] ?? '', ...(algorithm && { algorithm }) });
    }
    case 'auth/wif-jwt-bearer':
      return jwtBearer({ clientId, assertion: () => context['valid_jwt'] ?? '' });
    case 'auth/enterprise-managed-authorization':
      return enterpriseManaged({
        clientId,
        clientSecret,
        identityProvider: { issuer: context['idp_issuer'] ?? '', clientId: context['idp_client_id'] ?? '' },
        subjectToken: () => context['idp_id_token'] ?? '',
      });
    default:
      return undefined;
  }
}

const info = { name: 'conformance-client', version: '1.0.0' };

async function connect(): Promise<ClientV1 | ClientV2> {
  if (sdk === 'v1') {
    const client = new ClientV1(info);
    await client.connect(withOAuth(TransportV1, serverUrl, options));
    return client;
  }
  const client = new ClientV2(info, { versionNegotiation: { mode: 'auto' } });
  await client.connect(withOAuth(TransportV2, serverUrl, options));
  return client;
}

try {
  const client = await connect();
  try {
    const { tools } = await client.listTools();
    for (const tool of tools) await client.callTool({ name: tool.name, arguments: {} });
  } finally {
    await client.close();
  }
} catch (error) {
  const refusal = [error, (error as Error).cause].find(isMcpOAuthError);
  if (refusal) console.error(`refused: ${refusal.code}`);
  console.error(error);
  // Not process.exit(): a listener or timer that was left open must show as a client that does not end.
  process.exitCode = 1;
}
