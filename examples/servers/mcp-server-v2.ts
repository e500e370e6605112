import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { judge, sendRefusal } from './bearer-guard.js';
import { listenOnLoopback, pathOf, readJson, sendJson } from './loopback-server.js';
import {
  createProtection,
  createTrust,
  type ProtectedServer,
  type ProtectedServerOptions,
} from './protected-resource.js';
import type { TrustedIssuer } from './token-verifier.js';
import { TOOLS } from './tools.js';

export interface McpServerV2Options extends ProtectedServerOptions {
  /** Whose tokens are taken; an `AuthorizationServer` fits. */
  authorizationServer: TrustedIssuer;
  /** The 2025-11-25 wire: `stateless` (default; no sessions, GET and DELETE are answered with 405) or refused. */
  legacy?: 'stateless' | 'reject';
}

export interface McpServerV2 extends ProtectedServer {
  /** Names and trusts another authorization server from now on. */
  setAuthorizationServer(next: TrustedIssuer): void;
  /** Tells every open `subscriptions/listen` stream that the tools changed. */
  notifyToolsChanged(): void;
}

/** Starts a protected MCP server on `@modelcontextprotocol/server` v2: Streamable HTTP at `/mcp`, both wires. */
export async function startMcpServerV2(options: McpServerV2Options): Promise<McpServerV2> {
  const trust = createTrust(options.authorizationServer);
  const protection = createProtection(options, trust.issuer, trust.verifierFor);
  const closing = new AbortController();
  const handler = createMcpHandler(() => createMcpServerV2(closing.signal), { legacy: options.legacy ?? 'stateless' });
  const serve = toNodeHandler(handler);

  const server = await listenOnLoopback(async (request, response) => {
    const path = pathOf(request);
    protection.counter.observe(response, `${request.method} ${path}`);
    if ((await options.intercept?.(request, response)) === true) return;
    const metadata = path === endpoint.metadataPath ? endpoint.metadata() : undefined;
    if (metadata !== undefined) return sendJson(response, 200, metadata);
    if (path !== '/mcp') return sendJson(response, 404, { error: 'not_found' });

    const body = request.method === 'POST' ? await readJson(request) : undefined;
    const verdict = await judge(request.headers.authorization, body, endpoint.guard);
    if ('refusal' in verdict) return sendRefusal(response, verdict.refusal);
    await serve(Object.assign(request, { auth: verdict.caller }) as NodeIncomingMessageLike, response, body);
  }, options.port);
  const endpoint = protection.endpoint(server.origin, '/mcp');

  return {
    url: `${server.origin}/mcp`,
    origin: server.origin,
    port: server.port,
    counts: protection.counter,
    rejectToken: (token) => void protection.rejected.add(token),
    setAuthorizationServer: trust.set,
    notifyToolsChanged: () => handler.notify.toolsChanged(),
    async close() {
      closing.abort();
      await handler.close();
      await server.close();
    },
  };
}

function createMcpServerV2(closing: AbortSignal): McpServer {
  const server = new McpServer({ name: 'example-v2', version: '1.0.0' });
  for (const tool of TOOLS) {
    const { name, description, input } = tool;
    server.registerTool(name, { description, inputSchema: input }, async (args, { http, mcpReq }) => {
      const context = { caller: http?.authInfo, signal: AbortSignal.any([mcpReq.signal, closing]) };
      return { content: [{ type: 'text', text: await tool.run(args, context) }] };
    });
  }
  return server;
}
