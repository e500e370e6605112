import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import express from 'express';
import { createInternalProvider } from './internal-provider.js';
import { listenOnLoopback, pathOf } from './loopback-server.js';
import { createMcpAppV1 } from './mcp-app-v1.js';
import { createProtection, type ProtectedServer, type ProtectedServerOptions } from './protected-resource.js';
import { InvalidTokenError } from './token-verifier.js';

export interface InternalMcpServerV1Options extends Omit<ProtectedServerOptions, 'resource'> {
  /** Serves authorization server metadata; default true. Without it and without resource metadata: the 2025-03-26 default endpoints. */
  authorizationServerMetadata?: boolean;
  /** Lifetime of access tokens in whole seconds; default 3600. */
  accessTokenTtlSeconds?: number;
  /** The scopes of a client that asks for none; default `mcp:read`. */
  defaultScopes?: readonly string[];
}

export interface InternalMcpServerV1 extends ProtectedServer {
  readonly sseUrl: string;
  /** With a slash at the end: the SDK writes it so. */
  readonly issuer: string;
  setAccessTokenTtl(seconds: number): void;
  revokeAllAccessTokens(): void;
  forgetClients(): void;
}

/**
 * Starts a protected MCP server on `@modelcontextprotocol/sdk` v1 that is its own authorization server, by the SDK's
 * `mcpAuthRouter`: no `iss`, no login page. With `resourceMetadata: false` it is a server of 2025-03-26.
 */
export async function startInternalMcpServerV1(options: InternalMcpServerV1Options = {}): Promise<InternalMcpServerV1> {
  const app = express();
  app.disable('x-powered-by');
  const server = await listenOnLoopback(async (request, response) => {
    protection.counter.observe(response, `${request.method} ${pathOf(request)}`);
    if ((await options.intercept?.(request, response)) !== true) app(request, response);
  }, options.port);

  const { origin } = server;
  const issuer = `${origin}/`;
  const provider = createInternalProvider({
    accessTokenTtlSeconds: options.accessTokenTtlSeconds ?? 3_600,
    defaultScopes: options.defaultScopes ?? ['mcp:read'],
    // Clients of 2025-03-26 have no metadata to take a resource from; some send the origin.
    resources: [`${origin}/mcp`, `${origin}/sse`, issuer],
  });
  const protection = createProtection(
    options,
    () => issuer,
    (resource) => async (token) => {
      const caller = await provider.verifyAccessToken(token);
      const audience = caller.resource?.href;
      if (audience === undefined || audience === resource || audience === issuer) return caller;
      throw new InvalidTokenError('a token for another resource');
    },
  );
  const mcp = protection.endpoint(origin, '/mcp');
  const sse = protection.endpoint(origin, '/sse');
  const { closeSessions } = createMcpAppV1({ mcp, sse }, app);

  if (options.authorizationServerMetadata === false) {
    app.use('/.well-known/oauth-authorization-server', (_, response) => void response.sendStatus(404));
  }
  app.use('/.well-known/oauth-protected-resource', (_, response) => void response.sendStatus(404));
  const unlimited = { rateLimit: false } as const;
  app.use(
    mcpAuthRouter({
      provider,
      issuerUrl: new URL(issuer),
      resourceServerUrl: new URL(`${origin}/mcp`),
      ...(options.scopesSupported === undefined ? {} : { scopesSupported: [...options.scopesSupported] }),
      authorizationOptions: unlimited,
      tokenOptions: unlimited,
      revocationOptions: unlimited,
      clientRegistrationOptions: unlimited,
    }),
  );
  return {
    url: `${origin}/mcp`,
    sseUrl: `${origin}/sse`,
    origin,
    port: server.port,
    issuer,
    counts: protection.counter,
    rejectToken: (token) => void protection.rejected.add(token),
    setAccessTokenTtl: provider.setAccessTokenTtl,
    revokeAllAccessTokens: provider.revokeAllAccessTokens,
    forgetClients: provider.forgetClients,
    async close() {
      await closeSessions();
      await server.close();
    },
  };
}
