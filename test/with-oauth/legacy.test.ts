import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { type AuthEvent, getAuthProvider } from '../../src/index.js';
import { closers, FOUR, open, person, signingIn, urlFor } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe.each(FOUR)('$name at a server of 2025-03-26', (kind) => {
  it.each([
    ['with metadata at its origin', true],
    ['with the default endpoints', false],
  ])('F31: %s: signs in, calls tools, refreshes, and is silent at the next start', async (_, authorizationServerMetadata) => {
    const server = closing(await startInternalMcpServerV1({ resourceMetadata: false, authorizationServerMetadata }));
    const who = closing(person());
    const events: AuthEvent[] = [];
    const options = { ...signingIn(who), onEvent: (event: AuthEvent) => void events.push(event) };
    const first = closing(open(kind, urlFor(kind, server), options));
    await first.connect();
    expect(await first.call('echo', { text: 'hi' })).toBe('hi');
    expect(events).toContainEqual(expect.objectContaining({ type: 'discovered', legacy: true }));
    expect(
      server.counts.count('GET /.well-known/oauth-authorization-server', authorizationServerMetadata ? 200 : 404),
    ).toBe(1);
    expect(server.counts.count('POST /register', 201)).toBe(1);
    expect(who.tabs).toHaveLength(1);
    expect(new URL(who.tabs[0] as string).pathname).toBe('/authorize');

    server.revokeAllAccessTokens();
    expect(await first.call('echo', { text: 'refreshed' })).toBe('refreshed');
    expect(server.counts.count('POST /token', 200)).toBe(2);
    expect(await getAuthProvider(first.transport)?.session()).toMatchObject({
      signedIn: true,
      registration: 'dynamic',
    });
    await first.close();

    server.counts.reset();
    const second = closing(open(kind, urlFor(kind, server), options));
    await second.connect();
    expect(await second.call('echo', { text: 'again' })).toBe('again');
    expect(who.tabs).toHaveLength(1);
    expect(server.counts.count('POST /token')).toBe(0);
    expect(
      server.counts.recent().filter((request) => request.includes('.well-known') || request.endsWith(' 401')),
    ).toEqual([]);
  });
});
