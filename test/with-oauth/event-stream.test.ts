import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { type AuthProvider, getAuthProvider } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import {
  closers,
  hastyReconnects,
  type Kind,
  type Options,
  oauthErrorIn,
  open,
  person,
  roundTrips,
  SSE,
  signingIn,
} from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A session on a stream that the test can drop; the client comes back at once. */
async function connected(kind: Kind, options: Partial<Options> = {}) {
  hastyReconnects();
  const streams: ServerResponse[] = [];
  const state = { tokenEndpoint: 'up' };
  const server = closing(
    await startInternalMcpServerV1({
      intercept(request, response) {
        if (request.url === '/sse' && request.method === 'GET') streams.push(response);
        if (request.url !== '/token' || state.tokenEndpoint === 'up') return false;
        response.writeHead(503, { 'retry-after': '0' }).end();
        return true;
      },
    }),
  );
  const who = closing(person());
  const opened = closing(open(kind, server.sseUrl, { ...signingIn(who), ...options }));
  await opened.connect();
  const provider = getAuthProvider(opened.transport)!;
  const drop = () => void streams.at(-1)!.end();
  return { server, who, opened, provider, drop, state };
}

async function loseRefreshToken(provider: AuthProvider): Promise<void> {
  const { refreshToken: _, ...rest } = (await provider.tokens.current())!;
  await provider.tokens.setTokens(rest);
}

describe.each(SSE)('$name: F27', (kind) => {
  it('a stream that comes back with a refused token refreshes it', async () => {
    const { server, who, opened, drop } = await connected(kind);
    server.revokeAllAccessTokens();
    server.counts.reset();
    drop();
    await expect.poll(() => server.counts.count('GET /sse', 200)).toBe(1);
    expect(server.counts.count('GET /sse', 401)).toBe(1);
    expect(server.counts.count('POST /token')).toBe(1);
    await expect.poll(() => opened.call('echo', { text: 'back' }).catch(() => undefined)).toBe('back');
    expect(who.tabs).toHaveLength(1);
  });

  it('a terminal failure closes the stream, is reported with its cause and ends the calls that wait', async () => {
    const may = { ask: true };
    const { server, who, opened, provider, drop } = await connected(kind, { interactive: () => may.ask });
    const waiting = rejection(opened.call('slow', { ms: 60_000 }));
    await expect.poll(() => server.counts.count('POST /message', 202)).toBeGreaterThanOrEqual(3);
    may.ask = false;
    server.revokeAllAccessTokens();
    await loseRefreshToken(provider);
    server.counts.reset();
    drop();
    expect(String(await waiting)).toContain('closed');
    const reported = opened.errors.map(oauthErrorIn).filter((error) => error !== undefined);
    expect(reported.at(-1)).toMatchObject({ code: 'interaction_required' });
    expect(opened.errors.at(-1)!.name).not.toBe('McpOAuthError');
    await roundTrips(server);
    expect(server.counts.count('GET /sse')).toBe(1);
    expect(who.tabs).toHaveLength(1);
  });

  it('a terminal failure ends the reconnects of a transport that nobody listens to', async () => {
    const may = { ask: true };
    const { server, opened, provider, drop } = await connected(kind, { interactive: () => may.ask });
    opened.transport.onerror = undefined;
    may.ask = false;
    server.revokeAllAccessTokens();
    await loseRefreshToken(provider);
    server.counts.reset();
    drop();
    await expect.poll(() => server.counts.count('GET /sse')).toBe(1);
    await roundTrips(server);
    expect(server.counts.count('GET /sse')).toBe(1);
  });

  it('F4: an authorization server that is out of order does not end the stream: it comes back later', async () => {
    const { server, opened, provider, drop, state } = await connected(kind);
    server.revokeAllAccessTokens();
    state.tokenEndpoint = 'down';
    drop();
    const reported = () => opened.errors.map(oauthErrorIn).find((error) => error !== undefined);
    await expect.poll(reported, { timeout: 4_000 }).toMatchObject({ code: 'server_unavailable' });
    state.tokenEndpoint = 'up';
    server.counts.reset();
    await expect.poll(() => server.counts.count('GET /sse', 200), { timeout: 4_000 }).toBe(1);
    expect((await provider.session()).signedIn).toBe(true);
    await expect.poll(() => opened.call('echo', { text: 'later' }).catch(() => undefined)).toBe('later');
  });

  it('F27: closing the provider ends the stream, and a call that waits on it does not wait for its timeout', async () => {
    const { server, opened, provider } = await connected(kind);
    const call = rejection(opened.call('slow', { ms: 20_000 }, { timeout: 20_000 }));
    await expect.poll(() => server.counts.count('POST /message')).toBeGreaterThan(2);
    server.counts.reset();
    await provider.close();
    expect(String(await call)).toMatch(/closed/i);
    await roundTrips(server);
    expect(server.counts.count('GET /sse')).toBe(0);
  });

  it('F43: a sign-out ends the stream and it does not come back', async () => {
    const { server, who, opened, provider, drop } = await connected(kind);
    await provider.signOut();
    server.counts.reset();
    drop();
    await roundTrips(server);
    expect(server.counts.count('GET /sse')).toBe(0);
    expect(oauthErrorIn(await rejection(opened.call('echo', { text: 'x' })))?.code ?? 'closed').toMatch(
      /signed_out|closed/,
    );
    expect(who.tabs).toHaveLength(1);
  });
});
