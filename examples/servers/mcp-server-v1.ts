import express from 'express';
import { listenOnLoopback, pathOf } from './loopback-server.js';
import { createMcpAppV1 } from './mcp-app-v1.js';
import {
  createProtection,
  createTrust,
  type ProtectedServer,
  type ProtectedServerOptions,
} from './protected-resource.js';
import type { TrustedIssuer } from './token-verifier.js';

export interface McpServerV1Options extends ProtectedServerOptions {
  /** Whose tokens are taken; an `AuthorizationServer` fits. */
  authorizationServer: TrustedIssuer;
}

export interface McpServerV1 extends ProtectedServer {
  /** The legacy SSE endpoint, a protected resource of its own. */
  readonly sseUrl: string;
  /** Names and trusts another authorization server from now on. */
  setAuthorizationServer(next: TrustedIssuer): void;
}

/**
 * Starts a protected MCP server on `@modelcontextprotocol/sdk` v1 in external mode: Streamable HTTP with sessions at
 * `/mcp`, legacy SSE at `/sse`, JWTs of the given authorization server.
 */
export async function startMcpServerV1(options: McpServerV1Options): Promise<McpServerV1> {
  const trust = createTrust(options.authorizationServer);
  const protection = createProtection(options, trust.issuer, trust.verifierFor);
  const app = express();
  app.disable('x-powered-by');
  const server = await listenOnLoopback(async (request, response) => {
    protection.counter.observe(response, `${request.method} ${pathOf(request)}`);
    if ((await options.intercept?.(request, response)) !== true) app(request, response);
  }, options.port);
  const mcp = protection.endpoint(server.origin, '/mcp');
  const sse = protection.endpoint(server.origin, '/sse');
  const { closeSessions } = createMcpAppV1({ mcp, sse }, app);
  return {
    url: `${server.origin}/mcp`,
    sseUrl: `${server.origin}/sse`,
    origin: server.origin,
    port: server.port,
    counts: protection.counter,
    rejectToken: (token) => void protection.rejected.add(token),
    setAuthorizationServer: trust.set,
    async close() {
      await closeSessions();
      await server.close();
    },
  };
}
