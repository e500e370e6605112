import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { judge, sendRefusal } from './bearer-guard.js';
import type { Endpoint } from './protected-resource.js';
import type { Caller } from './token-verifier.js';
import { TOOLS } from './tools.js';

type AuthorizedRequest = Request & { auth?: Caller };

export interface McpAppV1 {
  readonly app: Express;
  /** Ends every session and stream. */
  closeSessions(): Promise<void>;
}

/** Mounts Streamable HTTP at `/mcp` and the legacy SSE transport at `/sse` with `/message`, each behind its guard. */
export function createMcpAppV1(endpoints: { readonly mcp: Endpoint; readonly sse: Endpoint }, app: Express): McpAppV1 {
  const closing = new AbortController();
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const streams = new Map<string, SSEServerTransport>();
  const json = express.json({ limit: '1mb' });

  for (const endpoint of [endpoints.mcp, endpoints.sse]) {
    app.get(endpoint.metadataPath, (_, response) => {
      const metadata = endpoint.metadata();
      if (metadata === undefined) response.status(404).json({ error: 'not_found' });
      else response.json(metadata);
    });
  }

  app.all('/mcp', json, guarded(endpoints.mcp), async (request: AuthorizedRequest, response: Response) => {
    const id = request.get('mcp-session-id');
    if (id !== undefined && !sessions.has(id)) return void sendRpcError(response, 404, 'Session not found');
    const transport =
      (id === undefined ? undefined : sessions.get(id)) ?? (await openSession(request, sessions, closing));
    if (transport === undefined) return void sendRpcError(response, 400, 'No session: initialize first');
    await transport.handleRequest(request, response, request.body);
  });

  app.get('/sse', guarded(endpoints.sse), async (_, response) => {
    const transport = new SSEServerTransport('/message', response);
    streams.set(transport.sessionId, transport);
    response.on('close', () => streams.delete(transport.sessionId));
    await createMcpServerV1(closing.signal).connect(transport);
  });

  app.post('/message', json, guarded(endpoints.sse), async (request: AuthorizedRequest, response: Response) => {
    const transport = streams.get(String(request.query['sessionId']));
    if (transport === undefined) return void sendRpcError(response, 404, 'Session not found');
    await transport.handlePostMessage(request, response, request.body);
  });

  return {
    app,
    async closeSessions() {
      closing.abort();
      await Promise.all([...sessions.values(), ...streams.values()].map((transport) => transport.close()));
    },
  };
}

async function openSession(
  request: AuthorizedRequest,
  sessions: Map<string, StreamableHTTPServerTransport>,
  closing: AbortController,
): Promise<StreamableHTTPServerTransport | undefined> {
  const messages: unknown[] = Array.isArray(request.body) ? request.body : [request.body];
  if (request.method !== 'POST' || !messages.some((message) => isInitializeRequest(message))) return undefined;
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await createMcpServerV1(closing.signal).connect(transport as Parameters<McpServer['connect']>[0]);
  return transport;
}

function createMcpServerV1(closing: AbortSignal): McpServer {
  const server = new McpServer({ name: 'example-v1', version: '1.0.0' });
  for (const tool of TOOLS) {
    const { name, description, input } = tool;
    server.registerTool(name, { description, inputSchema: input }, async (args, { authInfo, signal }) => {
      const context = { caller: authInfo, signal: AbortSignal.any([signal, closing]) };
      return { content: [{ type: 'text', text: await tool.run(args, context) }] };
    });
  }
  return server;
}

function guarded(endpoint: Endpoint): RequestHandler {
  return async (request: AuthorizedRequest, response, next) => {
    const verdict = await judge(request.get('authorization'), request.body as unknown, endpoint.guard);
    if ('refusal' in verdict) return sendRefusal(response, verdict.refusal);
    request.auth = verdict.caller;
    next();
  };
}

function sendRpcError(response: Response, status: number, message: string): void {
  response.status(status).json({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null });
}
