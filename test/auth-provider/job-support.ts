import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { type McpServerV1, startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';

/** The secret of the client `job`. */
export const JOB_SECRET = 'the-secret-of-the-job-is-long-enough';

export interface JobServers {
  readonly as: AuthorizationServer;
  readonly server: McpServerV1;
  close(): Promise<void>;
}

/**
 * A certified authorization server with the client `job` of a machine, and a protected MCP server.
 *
 * @param client - Further members of the client, or other ones.
 */
export async function startJobServers(client: Readonly<Record<string, unknown>> = {}): Promise<JobServers> {
  const as = await startAuthorizationServer({
    clients: [
      {
        client_id: 'job',
        client_secret: JOB_SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: 'mcp:read mcp:write',
        ...client,
      },
    ],
    features: { clientCredentials: { enabled: true } },
  });
  const server = await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' });
  return {
    as,
    server,
    async close() {
      await server.close();
      await as.close();
    },
  };
}
