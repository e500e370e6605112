import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ProtectedServer, startAuthorizationServer } from '../../examples/protected-server/servers.js';
import { playPerson } from '../../examples/servers/person.js';
import { deviceCode, getAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { bearer, INITIALIZE, rpc } from '../servers/plain-flow.js';
import { rejection } from '../support/failure.js';
import { closers, oauthErrorIn, STREAMABLE } from '../with-oauth/support.js';
import { admin, signIn, start, turn, warmUp } from './protected-server-support.js';

const { closing, closeAll } = closers();
beforeAll(warmUp, 60_000);
afterEach(closeAll);

const server = async () => closing(await start());
const client = async (...args: Parameters<typeof signIn>) => closing(await signIn(...args));
const search = ['search_repos', { query: 'hello' }] as const;
const FOUND = '["hello-world"]';
const refresh = async (at: ProtectedServer, token: string | undefined) => {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: token ?? '',
    client_id: clients.get(at) ?? '',
  });
  return (await fetch(`${at.origin}/token`, { method: 'POST', body })).status;
};
const clients = new WeakMap<ProtectedServer, string>();

describe('a switch', () => {
  it('sets how long access tokens live', async () => {
    const at = await server();
    await turn(at, { accessTokenSeconds: 7 });
    const alice = await client(at);
    const session = await getAuthProvider(alice.transport)?.session();
    expect((session?.expiresAt ?? 0) - Date.now()).toBeLessThanOrEqual(7_000);
  });

  it.each([
    ['always', 400, true],
    ['grace', 200, true],
    ['never', 200, false],
  ] as const)('rotates refresh tokens: %s', async (rotation, again, changes) => {
    const at = await server();
    await turn(at, { rotation });
    const alice = await client(at);
    for (const event of alice.events) if (event.type === 'registered') clients.set(at, event.clientId);
    const before = (await alice.tokens()).refreshToken;
    await alice.expire();
    expect(await alice.call(...search)).toBe(FOUND);
    expect((await alice.tokens()).refreshToken !== before).toBe(changes);
    expect(await refresh(at, before)).toBe(again);
    await turn(at, { graceSeconds: 0, rotation: rotation === 'grace' ? 'always' : rotation });
    expect(await refresh(at, before)).toBe(changes ? 400 : 200);
  });

  it.each(['resource', 'authorization-server', 'all'] as const)('hides metadata: %s', async (missingMetadata) => {
    const at = await server();
    await turn(at, { missingMetadata });
    const { challenge, found } = await metadataOf(at);
    expect(found).toEqual({
      resource: missingMetadata === 'authorization-server',
      server: missingMetadata === 'resource',
    });
    expect(challenge.includes('resource_metadata')).toBe(missingMetadata === 'authorization-server');
    if (missingMetadata === 'resource') {
      // A server of 2025-03-26: its own origin is the authorization server.
      const alice = await client(at);
      expect(await alice.call(...search)).toBe(FOUND);
    } else if (missingMetadata === 'authorization-server') {
      expect(oauthErrorIn(await rejection(client(at)))?.stage).toBe('discovery');
    }
    await turn(at, { missingMetadata: 'none' });
    expect((await metadataOf(at)).found).toEqual({ resource: true, server: true });
  });

  it.each(STREAMABLE)('lets the token endpoint fail for a while, which asks nobody: $name', async (kind) => {
    const at = await server();
    const alice = await client(at, { kind });
    await alice.expire();
    await turn(at, { outage: { path: '/token', status: 503, times: 1, retryAfter: 0 } });
    expect(await alice.call(...search)).toBe(FOUND);
    expect(alice.tabs).toHaveLength(1);
  });

  it('ends an outage after its seconds', async () => {
    const at = await server();
    await turn(at, { outage: { path: '*', status: 500, seconds: 0.2 } });
    expect((await fetch(at.url)).status).toBe(500);
    await expect.poll(async () => (await fetch(at.url)).status, { timeout: 3_000, interval: 50 }).toBe(401);
  });

  it('asks for more scopes for a tool, all of them at once', async () => {
    const at = await server();
    const alice = await client(at);
    await turn(at, { stepUp: { search_repos: ['mcp:admin', 'github:issues'] } });
    const required: unknown[] = [];
    const bob = await client(at, { account: 'bob', onStepUp: (request) => required.push(request.required) > 0 });
    expect(await bob.call(...search)).toBe(FOUND);
    expect(required).toEqual([['mcp:read', 'mcp:admin', 'github:issues']]);
    const refused = await rpc(
      at.url,
      'tools/call',
      { name: 'search_repos' },
      bearer((await alice.tokens()).accessToken),
    );
    expect(refused.headers.get('www-authenticate')).toContain('scope="mcp:read mcp:admin github:issues"');
  });

  it('revokes one access token, and a refresh token with its family', async () => {
    const at = await server();
    const alice = await client(at);
    const { accessToken, refreshToken } = await alice.tokens();
    expect((await admin(at, 'revoke', { token: accessToken })).status).toBe(204);
    expect((await rpc(at.url, 'initialize', INITIALIZE, bearer(accessToken))).status).toBe(401);
    expect(await alice.call(...search)).toBe(FOUND);
    const renewed = await alice.tokens();
    expect(renewed.refreshToken).not.toBe(refreshToken);
    expect(alice.tabs).toHaveLength(1);

    await admin(at, 'revoke', { token: renewed.refreshToken });
    expect(await alice.call(...search)).toBe(FOUND);
    expect(alice.tabs).toHaveLength(2);
  });

  it('offers the device grant', async () => {
    const at = await server();
    expect(oauthErrorIn(await rejection(client(at, { grant: deviceCode() })))).toBeDefined();
    expect((await fetch(`${at.origin}/device`)).status).toBe(404);
    await turn(at, { deviceGrant: true });
    const visits: Promise<unknown>[] = [];
    const alice = await client(at, {
      grant: deviceCode(),
      onEvent(event) {
        if (event.type !== 'device_code') return;
        visits.push(playPerson(event.verificationUri, { userCode: event.userCode, account: 'alice' }));
      },
    });
    await Promise.all(visits);
    expect(await alice.call(...search)).toBe(FOUND);
  });

  it('offers or requires tokens that are bound to a key', async () => {
    const at = await server();
    await turn(at, { dpop: 'offered' });
    let sent = new Headers();
    const watch: typeof fetch = (url, init) => {
      if (init?.method === 'POST') sent = new Headers(init.headers);
      return fetch(url, init);
    };
    const alice = await client(at, { dpop: 'auto', transport: { fetch: watch } });
    expect(await alice.call(...search)).toBe(FOUND);
    const replayed = await rpc(at.url, 'ping', {}, Object.fromEntries(sent));
    expect([replayed.status, await replayed.json()]).toEqual([401, { error: 'invalid_dpop_proof' }]);
    const { accessToken } = await alice.tokens();
    for (const headers of [bearer(accessToken), { authorization: `DPoP ${accessToken}` }]) {
      const refused = await rpc(at.url, 'initialize', INITIALIZE, headers);
      expect([refused.status, await refused.json()]).toEqual([
        401,
        { error: headers.authorization?.startsWith('DPoP') ? 'invalid_dpop_proof' : 'invalid_token' },
      ]);
    }
    const bob = await client(at, { account: 'bob' });
    expect(await bob.call(...search)).toBe(FOUND);

    await turn(at, { dpop: 'required' });
    expect(await alice.call(...search)).toBe(FOUND);
    const unbound = await rpc(at.url, 'initialize', INITIALIZE, bearer((await bob.tokens()).accessToken));
    expect([unbound.status, unbound.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/^DPoP .*algs=/),
    ]);
    expect(alice.tabs).toHaveLength(1);
  });

  it('trusts another issuer, whose alice is somebody else', async () => {
    const at = await server();
    const other = closing(await startAuthorizationServer({ resources: [at.url] }));
    const store = new MemoryTokenStore();
    const reconnected = async () => {
      const alice = await client(at, { store });
      return { alice, issuer: (await getAuthProvider(alice.transport)?.session())?.issuer };
    };
    const first = await reconnected();
    await first.alice.call('delete_repo', { repo: 'hello-world' });
    await turn(at, { authorizationServer: other.origin });
    // Her MCP session is the first alice's, and is not found for the second.
    expect(String(await rejection(first.alice.call(...search)))).toContain('Session not found');
    const second = await reconnected();
    expect(await second.alice.call(...search)).toBe(FOUND);

    await turn(at, { authorizationServer: null });
    await rejection(second.alice.call(...search));
    const third = await reconnected();
    expect(await third.alice.call(...search)).toBe('[]');
    expect([first.issuer, second.issuer, third.issuer]).toEqual([at.origin, other.origin, at.origin]);
  });
});

async function metadataOf({ origin, url }: ProtectedServer) {
  const ok = async (path: string) => (await fetch(`${origin}/.well-known/${path}`)).ok;
  return {
    challenge: (await fetch(url)).headers.get('www-authenticate') ?? '',
    found: {
      resource: await ok('oauth-protected-resource/mcp'),
      server: (await ok('oauth-authorization-server')) && (await ok('openid-configuration')),
    },
  };
}
