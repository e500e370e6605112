import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import type { Intercept } from '../../examples/servers/loopback-server.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { getAuthProvider } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import {
  closers,
  FOUR,
  isSse,
  type Options,
  oauthErrorIn,
  open,
  person,
  STREAMABLE,
  signingIn,
  urlFor,
} from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

async function connected(kind: (typeof FOUR)[number], options: Partial<Options> = {}, intercept?: Intercept) {
  const server = closing(await startInternalMcpServerV1(intercept === undefined ? {} : { intercept }));
  const who = closing(person());
  const opened = closing(open(kind, urlFor(kind, server), { ...signingIn(who), ...options }));
  await opened.connect();
  const provider = getAuthProvider(opened.transport)!;
  const expire = async () => {
    const tokens = (await provider.tokens.current())!;
    await provider.tokens.setTokens({ ...tokens, expiresAt: Date.now() - 1_000 });
  };
  return { server, who, opened, provider, expire };
}

describe.each(FOUR)('$name: in the middle of a session', (kind) => {
  it('F24: goes on across an expiry and an early revocation without asking anyone', async () => {
    const { server, who, opened, expire } = await connected(kind);
    await expire();
    expect(await opened.call('echo', { text: 'after expiry' })).toBe('after expiry');
    server.revokeAllAccessTokens();
    expect(await opened.call('echo', { text: 'after revocation' })).toBe('after revocation');
    expect(server.counts.count('POST /token')).toBe(3);
    expect(who.tabs).toHaveLength(1);
  });

  it('F26: steps up for a tool, and a refused step-up is a typed error for each caller and is asked once', async () => {
    const allowed: boolean[] = [];
    const { who, opened } = await connected(kind, {
      onStepUp: ({ tool }) => {
        allowed.push(tool !== 'delete_repo');
        return tool !== 'delete_repo';
      },
    });
    expect(await opened.call('create_issue', { title: 'a' })).toBe('created: a');
    const refused = await Promise.all(
      Array.from({ length: 5 }, () => rejection(opened.call('delete_repo', { name: 'r' }))),
    );
    refused.push(await rejection(opened.call('delete_repo', { name: 'r' })));
    for (const error of refused) {
      expect(oauthErrorIn(error)).toMatchObject({ code: 'step_up_denied', stage: 'step-up', status: 403 });
    }
    expect(allowed).toEqual([true, false]);
    expect(who.tabs).toHaveLength(2);
    expect(await opened.call('create_issue', { title: 'b' })).toBe('created: b');
  });

  it('F21: a session that ends where nobody may be asked is interaction_required for every call, however many', async () => {
    const may = { ask: true };
    const { server, who, opened, provider } = await connected(kind, { interactive: () => may.ask });
    may.ask = false;
    server.revokeAllAccessTokens();
    const { refreshToken: _, ...rest } = (await provider.tokens.current())!;
    await provider.tokens.setTokens(rest);
    for (let call = 0; call < 5; call += 1) {
      const error = oauthErrorIn(await rejection(opened.call('echo', { text: 'x' })));
      expect(error).toMatchObject({ code: 'interaction_required' });
    }
    expect(who.tabs).toHaveLength(1);
    may.ask = true;
    expect(await opened.call('echo', { text: 'asked again' })).toBe('asked again');
  });

  it('F4: an authorization server that is out of order loses nothing and asks nobody', async () => {
    const down = { token: false };
    const { who, opened, expire, provider } = await connected(kind, {}, (request, response) => {
      if (!down.token || request.url !== '/token') return false;
      response.writeHead(503, { 'retry-after': '0' }).end();
      return true;
    });
    down.token = true;
    await expire();
    const error = oauthErrorIn(await rejection(opened.call('echo', { text: 'x' })));
    expect(error).toMatchObject({ code: 'server_unavailable', retryable: true });
    down.token = false;
    expect(await opened.call('echo', { text: 'later' })).toBe('later');
    expect((await provider.session()).signedIn).toBe(true);
    expect(who.tabs).toHaveLength(1);
  });

  it('an MCP server that refuses every token is token_rejected, and the loop ends', async () => {
    const rejecting = { on: false };
    const { server, who, opened } = await connected(kind, {}, (request, response) => {
      if (!rejecting.on || request.headers.authorization === undefined || request.url === '/token') return false;
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
      return true;
    });
    rejecting.on = true;
    server.counts.reset();
    const error = oauthErrorIn(await rejection(opened.call('echo', { text: 'x' })));
    expect(error).toMatchObject({ code: 'token_rejected', status: 401 });
    expect(server.counts.total()).toBeLessThan(15);
    expect(who.tabs).toHaveLength(2);
  });

  it('a call to a server that went away is a network_error', async () => {
    const { server, opened } = await connected(kind);
    await server.close();
    const error = await rejection(opened.call('echo', { text: 'x' }));
    expect(oauthErrorIn(error)).toMatchObject({ code: 'network_error', retryable: true });
  });
});

describe.each(STREAMABLE)('$name: F27', (kind) => {
  it('a 401 on the GET stream and on DELETE is dealt with like one on POST', async () => {
    const refuse = new Set<string>();
    const { server, who, opened } = await connected(kind, { transport: { fetch } }, (request, response) => {
      if (request.url !== '/mcp' || !refuse.delete(String(request.method))) return false;
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
      return true;
    });
    await expect.poll(() => server.counts.count('GET /mcp', 200)).toBe(1);
    refuse.add('DELETE');
    await opened.transport.terminateSession();
    expect(server.counts.count('DELETE /mcp', 401)).toBe(1);
    expect(server.counts.count('DELETE /mcp', 200)).toBe(1);

    refuse.add('GET');
    const again = closing(open(kind, server.url, { authProvider: getAuthProvider(opened.transport)! }));
    await again.connect();
    await expect.poll(() => server.counts.count('GET /mcp', 200)).toBe(2);
    expect(server.counts.count('GET /mcp', 401)).toBe(1);
    expect(server.counts.count('POST /token')).toBe(3);
    expect(who.tabs).toHaveLength(1);
  });

  it('a 403 insufficient_scope on the GET stream steps up', async () => {
    const demanding = { on: true };
    const { server, who } = await connected(kind, {}, (request, response) => {
      if (!demanding.on || request.url !== '/mcp' || request.method !== 'GET') return false;
      demanding.on = false;
      response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="mcp:write"' }).end();
      return true;
    });
    await expect.poll(() => server.counts.count('GET /mcp', 200)).toBe(1);
    expect(who.tabs).toHaveLength(2);
  });

  it('never presents a rotated refresh token again, however the calls fall', async () => {
    const server = closing(await startRotatingServer());
    const opened = closing(open(kind, server.url, signingIn(closing(person()))));
    await opened.connect();
    for (let round = 0; round < 5; round += 1) {
      server.revokeAllAccessTokens();
      await Promise.all(Array.from({ length: 5 }, () => opened.call('echo', { text: 'x' })));
    }
    expect(server.counts.count('token:refresh_token')).toBe(5);
    expect(server.familiesRevoked).toBe(0);
  });
});

describe('the kinds', () => {
  it('are four', () => expect(FOUR.filter(isSse)).toHaveLength(2));
});
