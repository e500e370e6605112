import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProvider, getAuthProvider } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { closers, FOUR, isSse, open, person, STREAMABLE, signingIn, urlFor } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe.each(FOUR)('$name at real servers', (kind) => {
  let as: AuthorizationServer;
  beforeAll(async () => {
    as = await startAuthorizationServer({ issueRefreshToken: 'always' });
  });
  afterAll(() => as.close());

  it('connect signs a person in, tools work, and the next start is silent', async () => {
    const server = closing(await startMcpServerV1({ authorizationServer: as, scopesSupported: ['mcp:read'] }));
    const who = closing(person());
    const options = signingIn(who);
    const first = closing(open(kind, urlFor(kind, server), options));
    await first.connect();
    expect(await first.call('echo', { text: 'hi' })).toBe('hi');
    expect(who.tabs).toHaveLength(1);
    await first.close();

    const before = as.counts.total();
    server.counts.reset();
    const second = closing(open(kind, urlFor(kind, server), options));
    await second.connect();
    expect(await second.call('echo', { text: 'again' })).toBe('again');
    expect(who.tabs).toHaveLength(1);
    expect(as.counts.total()).toBe(before);
    expect(server.counts.recent().filter((request) => request.endsWith(' 401'))).toEqual([]);
  });
});

describe.each(FOUR)('$name', (kind) => {
  it('F24: a person who takes longer than the request timeout still gets connected', async () => {
    const server = closing(await startInternalMcpServerV1());
    const who = closing(person({ delayMs: 500 }));
    const opened = closing(open(kind, urlFor(kind, server), signingIn(who)));
    await opened.connect({ timeout: 300 });
    expect(await opened.call('echo', { text: 'patience' })).toBe('patience');
    expect(who.tabs).toHaveLength(1);
  });

  it('closes the provider that withOAuth made, and not one that was given', async () => {
    const server = closing(await startInternalMcpServerV1());
    const url = urlFor(kind, server);
    const own = open(kind, url, signingIn(closing(person())));
    await own.connect();
    const made = getAuthProvider(own.transport);
    expect(made).toBeDefined();
    await own.close();
    expect(await rejection(made!.fetch(url))).toMatchObject({ code: 'closed' });

    const given = closing(createAuthProvider({ serverUrl: url, ...signingIn(closing(person())) }));
    const opened = open(kind, url, { authProvider: given });
    await opened.connect();
    expect(getAuthProvider(opened.transport)).toBe(given);
    await opened.close();
    expect(await given.session()).toMatchObject({ signedIn: true });
    expect(getAuthProvider({})).toBeUndefined();
  });

  it("F41: transport.fetch and requestInit lie underneath, and our Authorization wins over requestInit's", async () => {
    const server = closing(await startInternalMcpServerV1());
    const seen: { method: string; authorization: string | null; custom: string | null }[] = [];
    const recording =
      (name: string): typeof fetch =>
      (input, init) => {
        const headers = new Headers(init?.headers);
        seen.push({
          method: `${name} ${init?.method ?? 'GET'}`,
          authorization: headers.get('authorization'),
          custom: headers.get('x-custom'),
        });
        return fetch(input, init);
      };
    const opened = closing(
      open(kind, urlFor(kind, server), {
        ...signingIn(closing(person())),
        transport: {
          fetch: recording('fetch'),
          requestInit: { headers: { 'x-custom': 'kept', Authorization: 'Bearer stale' } },
          ...(isSse(kind) ? { eventSourceInit: { fetch: recording('events') } } : {}),
        },
      }),
    );
    await opened.connect();
    await opened.call('echo', { text: 'hi' });
    const provider = getAuthProvider(opened.transport)!;
    const token = `Bearer ${await provider.tokens.getAccessToken()}`;
    expect(seen.every(({ custom }) => custom === 'kept')).toBe(true);
    expect(seen.filter(({ authorization }) => authorization === token).length).toBeGreaterThanOrEqual(3);
    expect(seen.at(-1)).toMatchObject({ method: 'fetch POST', authorization: token });
    if (isSse(kind)) expect(seen.filter(({ method }) => method === 'events GET').length).toBeGreaterThanOrEqual(1);
    const last = seen.filter(({ authorization }) => authorization === token);
    // Once the token is there, nothing goes out with the other one.
    expect(seen.slice(seen.indexOf(last[0]!)).every(({ authorization }) => authorization === token)).toBe(true);
  });
});

describe('requests until the first result', () => {
  it.each(
    STREAMABLE,
  )('$name: 9 cold, of which 5 authorize; none extra with a stored token; one with an expired one', async (kind) => {
    const server = closing(await startRotatingServer());
    const who = closing(person());
    const options = signingIn(who);
    const cold = closing(open(kind, server.url, options));
    await cold.connect();
    await cold.call('echo', { text: 'hi' });
    const withoutBrowser = () =>
      server.counts.total() - server.counts.count('authorize') - server.counts.count('mcp:GET');
    expect(withoutBrowser()).toBe(8);
    // The ninth is the transport's own attempt at a stream.
    await expect.poll(() => server.counts.count('mcp:GET')).toBe(1);
    expect(server.counts.snapshot()).toMatchObject({
      'resource-metadata': 1,
      'server-metadata': 1,
      register: 1,
      token: 1,
    });
    await cold.close();

    server.counts.reset();
    const warm = closing(open(kind, server.url, options));
    await warm.connect();
    await warm.call('echo', { text: 'hi' });
    expect(withoutBrowser()).toBe(3);
    await warm.close();

    server.revokeAllAccessTokens();
    const provider = closing(createAuthProvider({ serverUrl: server.url, ...options }));
    const tokens = (await provider.tokens.current())!;
    await provider.tokens.setTokens({ ...tokens, expiresAt: Date.now() - 1_000 });
    server.counts.reset();
    const expired = closing(open(kind, server.url, options));
    await expired.connect();
    await expired.call('echo', { text: 'hi' });
    expect(withoutBrowser()).toBe(4);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(who.tabs).toHaveLength(1);
  });

  it.each(STREAMABLE)('$name: one less with a Client ID Metadata Document', async (kind) => {
    const server = closing(await startRotatingServer({ cimd: true }));
    const opened = closing(
      open(kind, server.url, {
        ...signingIn(closing(person())),
        clientMetadataUrl: 'https://client.example.com/oauth/client.json',
      }),
    );
    await opened.connect();
    expect(server.counts.count('register')).toBe(0);
    const authorization = ['resource-metadata', 'server-metadata', 'token'].map((kindOf) =>
      server.counts.count(kindOf),
    );
    expect(authorization).toEqual([1, 1, 1]);
    expect(server.counts.count('mcp', 401)).toBe(1);
  });
});
