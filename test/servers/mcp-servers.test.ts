import { Client as ClientV2, StreamableHTTPClientTransport as StreamableV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as StreamableV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import type { ProtectedServerOptions } from '../../examples/servers/protected-resource.js';
import { bearer, CONSENT, INITIALIZE, type PlainFlow, rpc, startPlainFlow } from './plain-flow.js';

let as: AuthorizationServer;
let flow: PlainFlow;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  as = await startAuthorizationServer();
  flow = await startPlainFlow(as.metadataUrl);
});
afterAll(async () => {
  await flow.close();
  await as.close();
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

function closing<T extends { close(): Promise<void> }>(resource: T): T {
  closers.unshift(() => resource.close());
  return resource;
}

async function tokenFor(resource: string, scope = 'mcp:read'): Promise<string> {
  return String((await flow.signIn({ scope, resource, ...CONSENT }))['access_token']);
}

function toolText(result: unknown): string {
  return String((result as { content: { text?: string }[] }).content[0]?.text);
}

const SERVERS = {
  v1: (options: ProtectedServerOptions = {}) => startMcpServerV1({ authorizationServer: as, ...options }),
  v2: (options: ProtectedServerOptions = {}) => startMcpServerV2({ authorizationServer: as, ...options }),
};

describe.each(Object.entries(SERVERS))('the example MCP server on %s', (name, startServer) => {
  it('answers 401 with a challenge, and the metadata lies where the challenge says (RFC 9728)', async () => {
    const server = closing(
      await startServer({ challengeScope: 'mcp:read', scopesSupported: ['mcp:read', 'mcp:write'] }),
    );
    for (const method of ['POST', 'GET', 'DELETE']) {
      const response = await fetch(server.url, { method });
      expect(response.status).toBe(401);
      const metadataUrl = `${server.origin}/.well-known/oauth-protected-resource/mcp`;
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer scope="mcp:read", resource_metadata="${metadataUrl}"`,
      );
      expect(await (await fetch(metadataUrl)).json()).toEqual({
        resource: server.url,
        authorization_servers: [as.issuer],
        bearer_methods_supported: ['header'],
        scopes_supported: ['mcp:read', 'mcp:write'],
      });
    }
    expect(server.counts.count('POST /mcp', 401)).toBe(1);
    expect(server.counts.count('DELETE /mcp', 401)).toBe(1);
  });

  it('can leave metadata out of the challenge, put it at the root, or serve none', async () => {
    const silent = closing(await startServer({ challengeMetadata: false }));
    expect((await fetch(silent.url)).headers.get('www-authenticate')).toBe('Bearer');
    expect((await fetch(`${silent.origin}/.well-known/oauth-protected-resource/mcp`)).status).toBe(200);

    const root = closing(await startServer({ resourceMetadata: 'root', resource: (url) => new URL(url).origin }));
    const document = await (await fetch(`${root.origin}/.well-known/oauth-protected-resource`)).json();
    expect(document).toMatchObject({ resource: root.origin });
    expect((await rpc(root.url, 'initialize', INITIALIZE, bearer(await tokenFor(root.origin)))).status).toBe(200);

    const none = closing(await startServer({ resourceMetadata: false }));
    expect((await fetch(none.url)).headers.get('www-authenticate')).toBe('Bearer');
    expect((await fetch(`${none.origin}/.well-known/oauth-protected-resource/mcp`)).status).toBe(404);
  });

  it('refuses a token for another audience, a rejected, an early revoked, a foreign and a query token', async () => {
    const server = closing(await startServer());
    const statusOf = async (token: string) => (await rpc(server.url, 'initialize', INITIALIZE, bearer(token))).status;
    const good = await tokenFor(server.url);
    expect(await statusOf(good)).toBe(200);
    expect(await statusOf(await tokenFor(`${server.origin}/other`))).toBe(401);
    expect(await statusOf('not-a-token')).toBe(401);
    expect((await rpc(`${server.url}?access_token=${good}`, 'initialize', INITIALIZE)).status).toBe(401);
    server.rejectToken(good);
    expect(await statusOf(good)).toBe(401);
    const next = await tokenFor(server.url);
    as.revokeAccessToken(next);
    const refused = await rpc(server.url, 'initialize', INITIALIZE, bearer(next));
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('answers 403 with every scope that the call needs, and refuses a tool without a rule', async () => {
    const server = closing(
      await startServer({ toolScopes: { echo: ['mcp:read'], delete_repo: ['mcp:write', 'mcp:admin'] } }),
    );
    const token = bearer(await tokenFor(server.url));
    const call = (tool: string) => rpc(server.url, 'tools/call', { name: tool, arguments: {} }, token);
    const refused = await call('delete_repo');
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", scope="mcp:write mcp:admin", ' +
        `resource_metadata="${server.origin}/.well-known/oauth-protected-resource/mcp"`,
    );
    for (const tool of ['create_issue', 'toString']) {
      const closed = await call(tool);
      expect([closed.status, closed.headers.get('www-authenticate')]).toEqual([403, null]);
    }
  });

  it('serves the SDK clients with a token', async () => {
    const server = closing(await startServer());
    const token = await tokenFor(server.url, 'mcp:read mcp:write');
    const requestInit = { headers: bearer(token) };
    const v1 = closing(new ClientV1({ name: 'v1', version: '1.0.0' }));
    await v1.connect(new StreamableV1(new URL(server.url), { requestInit }) as Parameters<typeof v1.connect>[0]);
    expect(toolText(await v1.callTool({ name: 'echo', arguments: { text: 'hi' } }))).toBe('hi');
    expect(JSON.parse(toolText(await v1.callTool({ name: 'whoami', arguments: {} })))).toMatchObject({
      clientId: flow.clientId,
      scopes: ['mcp:read', 'mcp:write'],
      extra: { userId: 'alice' },
    });

    const v2 = closing(new ClientV2({ name: 'v2', version: '1.0.0' }));
    await v2.connect(new StreamableV2(new URL(server.url), { requestInit }));
    expect((await v2.listTools()).tools.map((tool) => tool.name)).toContain('slow');
    expect(toolText(await v2.callTool({ name: 'slow', arguments: { ms: 1 } }))).toBe('waited 1 ms');
    await expect.poll(() => server.counts.count('GET /mcp', name === 'v1' ? 200 : 405)).toBeGreaterThan(0);
  });

  it('names another authorization server from one request to the next', async () => {
    const server = closing(await startServer());
    const other = closing(await startAuthorizationServer());
    const token = await tokenFor(server.url);
    (server as Awaited<ReturnType<typeof startMcpServerV1>>).setAuthorizationServer(other);
    expect((await rpc(server.url, 'initialize', INITIALIZE, bearer(token))).status).toBe(401);
    const document = await (await fetch(`${server.origin}/.well-known/oauth-protected-resource/mcp`)).json();
    expect(document).toMatchObject({ authorization_servers: [other.issuer] });
  });
});

describe('the wires of the example MCP servers', () => {
  it('v2 speaks the stateless wire of 2026-07-28', async () => {
    const server = closing(await startMcpServerV2({ authorizationServer: as }));
    const client = closing(new ClientV2({ name: 'v2', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } }));
    const requestInit = { headers: bearer(await tokenFor(server.url)) };
    await client.connect(new StreamableV2(new URL(server.url), { requestInit }));
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    expect(toolText(await client.callTool({ name: 'echo', arguments: { text: 'new' } }))).toBe('new');
  });

  it('v1 serves legacy SSE as a resource of its own, with 401 on the stream and 403 on the message', async () => {
    const server = closing(await startMcpServerV1({ authorizationServer: as }));
    const refused = await fetch(server.sseUrl);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('/.well-known/oauth-protected-resource/sse"');

    const client = closing(new ClientV1({ name: 'sse', version: '1.0.0' }));
    const requestInit = { headers: bearer(await tokenFor(server.sseUrl)) };
    await client.connect(new SSEClientTransport(new URL(server.sseUrl), { requestInit }));
    expect(toolText(await client.callTool({ name: 'echo', arguments: { text: 'old' } }))).toBe('old');
    await expect(client.callTool({ name: 'create_issue', arguments: { title: 'x' } })).rejects.toThrow('403');
    expect(server.counts.count('POST /message', 403)).toBe(1);
    expect(server.counts.count('GET /sse', 200)).toBe(1);
  });

  it('v1 ends a session on DELETE and does not know it any more', async () => {
    const server = closing(await startMcpServerV1({ authorizationServer: as }));
    const token = bearer(await tokenFor(server.url));
    const opened = await rpc(server.url, 'initialize', INITIALIZE, token);
    const session = { ...token, 'mcp-session-id': String(opened.headers.get('mcp-session-id')) };
    await opened.text();
    expect((await fetch(server.url, { method: 'DELETE', headers: session })).status).toBe(200);
    expect((await rpc(server.url, 'tools/list', {}, session)).status).toBe(404);
    expect((await rpc(server.url, 'tools/list', {}, token)).status).toBe(400);
  });
});

describe('the example MCP server with mcpAuthRouter', () => {
  const start = async (options: Parameters<typeof startInternalMcpServerV1>[0] = {}) => {
    const server = closing(await startInternalMcpServerV1(options));
    return { server, flow: closing(await startPlainFlow(`${server.origin}/.well-known/oauth-authorization-server`)) };
  };

  it('is its own authorization server, with rotation and no iss', async () => {
    const { server, flow: internal } = await start();
    expect(internal.metadata['issuer']).toBe(`${server.origin}/`);
    const document = await (await fetch(`${server.origin}/.well-known/oauth-protected-resource/mcp`)).json();
    expect(document).toMatchObject({ resource: server.url, authorization_servers: [server.issuer] });
    const { person } = await internal.authorize({ scope: 'mcp:read', resource: server.url });
    expect(person).toMatchObject({ redirected: true, status: 200 });
    expect(new URL(person.url).searchParams.has('iss')).toBe(false);

    const tokens = await internal.signIn({ scope: 'mcp:read', resource: server.url });
    expect((await rpc(server.url, 'initialize', INITIALIZE, bearer(tokens['access_token']))).status).toBe(200);
    const call = { name: 'create_issue', arguments: { title: 'x' } };
    expect((await rpc(server.url, 'tools/call', call, bearer(tokens['access_token']))).status).toBe(403);
    expect((await rpc(server.sseUrl, 'ping', {}, bearer(tokens['access_token']))).status).toBe(404);
    expect((await fetch(server.sseUrl, { headers: bearer(tokens['access_token']) })).status).toBe(401);

    const form = { grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) };
    const refreshed = await internal.token(form);
    expect(refreshed.status).toBe(200);
    expect((await internal.token(form)).body['error']).toBe('invalid_grant');
    const access = bearer(refreshed.body['access_token']);
    expect((await rpc(server.url, 'initialize', INITIALIZE, access)).status).toBe(401);
  });

  it('can be a server of 2025-03-26: no resource metadata, metadata at the origin or default endpoints', async () => {
    const { server, flow: legacy } = await start({ resourceMetadata: false });
    expect((await fetch(server.url)).headers.get('www-authenticate')).toBe('Bearer');
    for (const path of ['', '/mcp']) {
      expect((await fetch(`${server.origin}/.well-known/oauth-protected-resource${path}`)).status).toBe(404);
    }
    const tokens = await legacy.signIn({});
    expect((await rpc(server.url, 'initialize', INITIALIZE, bearer(tokens['access_token']))).status).toBe(200);
    server.revokeAllAccessTokens();
    expect((await rpc(server.url, 'initialize', INITIALIZE, bearer(tokens['access_token']))).status).toBe(401);

    const bare = closing(
      await startInternalMcpServerV1({ resourceMetadata: false, authorizationServerMetadata: false }),
    );
    expect((await fetch(`${bare.origin}/.well-known/oauth-authorization-server`)).status).toBe(404);
    expect((await fetch(`${bare.origin}/register`, { method: 'POST' })).status).toBe(400);
  });
});
