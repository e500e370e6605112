import { randomUUID } from 'node:crypto';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import express, { type Express, type RequestHandler, type Response } from 'express';
import { currentUser } from './user-context.js';

interface Session<T> {
  readonly transport: T;
  readonly userId: string;
}

const MAX_SESSIONS = 100;

/** Mounts Streamable HTTP at `/mcp` and the legacy SSE transport at `/sse` with `/message`. A session belongs to its user. */
export function mountTransports(
  app: Express,
  guards: { readonly mcp: RequestHandler; readonly sse: RequestHandler },
  createServer: () => McpServer,
): { close(): Promise<void> } {
  const sessions = new Map<string, Session<StreamableHTTPServerTransport>>();
  const streams = new Map<string, Session<SSEServerTransport>>();
  const json = express.json({ limit: '1mb' });

  app.all('/mcp', json, guards.mcp, async (request, response) => {
    const id = request.get('mcp-session-id');
    const known = id === undefined ? undefined : own(sessions, id);
    if (id !== undefined && known === undefined) return rpcError(response, 404, 'Session not found');
    if (known === undefined && (request.method !== 'POST' || !isInitializeRequest(request.body))) {
      return rpcError(response, 400, 'No session: initialize first');
    }
    const transport = known ?? (await openSession(sessions, createServer()));
    await transport.handleRequest(request, response, request.body);
  });

  app.get('/sse', guards.sse, async (_, response) => {
    const transport = new SSEServerTransport('/message', response);
    await remember(streams, transport.sessionId, transport);
    response.on('close', () => streams.delete(transport.sessionId));
    await createServer().connect(transport);
  });

  app.post('/message', json, guards.sse, async (request, response) => {
    const transport = own(streams, String(request.query['sessionId']));
    if (transport === undefined) return rpcError(response, 404, 'Session not found');
    await transport.handlePostMessage(request, response, request.body);
  });

  return {
    async close() {
      await Promise.all([...sessions.values(), ...streams.values()].map(({ transport }) => transport.close()));
    },
  };
}

async function openSession(
  sessions: Map<string, Session<StreamableHTTPServerTransport>>,
  server: McpServer,
): Promise<StreamableHTTPServerTransport> {
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => remember(sessions, id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await server.connect(transport as Parameters<McpServer['connect']>[0]);
  return transport;
}

/** The session, where it is this user's: a session id is no proof of anything. */
function own<T>(sessions: ReadonlyMap<string, Session<T>>, id: string): T | undefined {
  const session = sessions.get(id);
  return session?.userId === currentUser().userId ? session.transport : undefined;
}

/** Adds a session of the current user; the oldest one goes where there are too many. */
async function remember<T extends { close(): Promise<void> }>(
  sessions: Map<string, Session<T>>,
  id: string,
  transport: T,
): Promise<void> {
  sessions.set(id, { transport, userId: currentUser().userId });
  const [oldest] = sessions;
  if (sessions.size <= MAX_SESSIONS || oldest === undefined) return;
  sessions.delete(oldest[0]);
  await oldest[1].transport.close();
}

function rpcError(response: Response, status: number, message: string): void {
  response.status(status).json({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null });
}
