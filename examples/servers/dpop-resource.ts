import { judge, sendRefusal } from './bearer-guard.js';
import { createDpopGuard, type DpopGuard, type DpopGuardSettings } from './dpop-guard.js';
import { listenOnLoopback, pathOf, readJson, sendJson } from './loopback-server.js';
import {
  createProtection,
  createTrust,
  type ProtectedServer,
  type ProtectedServerOptions,
} from './protected-resource.js';
import type { TrustedIssuer } from './token-verifier.js';

export interface DpopResourceOptions extends Omit<ProtectedServerOptions, 'intercept' | 'metadataMembers'> {
  /** Whose tokens are taken; an `AuthorizationServer` fits. */
  authorizationServer: TrustedIssuer;
  dpop?: Partial<DpopGuardSettings>;
  /** Further members of the resource metadata; default: it requires bound tokens and names the algorithms. */
  metadataMembers?: Readonly<Record<string, unknown>>;
}

export interface DpopResource extends ProtectedServer {
  readonly guard: DpopGuard;
}

/**
 * Starts a small protected resource that takes DPoP-bound tokens: POST `/mcp` answers JSON-RPC without sessions, GET opens a stream of
 * events, DELETE ends nothing, and `/mcp/moved` redirects to `/mcp`.
 */
export async function startDpopResource(options: DpopResourceOptions): Promise<DpopResource> {
  const trust = createTrust(options.authorizationServer);
  const guard = createDpopGuard(options.dpop);
  const metadataMembers = options.metadataMembers ?? guard.metadata;
  const protection = createProtection({ ...options, metadataMembers }, trust.issuer, trust.verifierFor);
  const server = await listenOnLoopback(async (request, response) => {
    const path = pathOf(request);
    protection.counter.observe(response, `${request.method} ${path}`);
    if ((await guard.intercept(request, response)) === true) return;
    if (path === endpoint.metadataPath) return sendJson(response, 200, endpoint.metadata());
    if (path !== '/mcp' && path !== '/mcp/moved') return sendJson(response, 404, { error: 'not_found' });
    const body = request.method === 'POST' ? await readJson(request) : undefined;
    const verdict = await judge(request.headers.authorization, body, endpoint.guard);
    if ('refusal' in verdict) return sendRefusal(response, verdict.refusal);
    if (path === '/mcp/moved') return void response.writeHead(307, { location: '/mcp?moved=1' }).end();
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return void response.write('data: hello\n\n');
    }
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    sendJson(response, 200, { jsonrpc: '2.0', id: (body as { id?: unknown } | undefined)?.id ?? null, result: {} });
  }, options.port);
  const endpoint = protection.endpoint(server.origin, '/mcp');
  return {
    url: `${server.origin}/mcp`,
    origin: server.origin,
    port: server.port,
    counts: protection.counter,
    guard,
    rejectToken: (token) => void protection.rejected.add(token),
    close: server.close,
  };
}
