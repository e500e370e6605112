import { afterEach, describe, expect, it } from 'vitest';
import {
  createTestServer,
  type ScriptedUser,
  type TestServer,
  type TestServerOptions,
} from '../../src/testing/index.js';
import { HOUR } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { apps } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

describe('the switches of a test server', () => {
  it.each([
    ['metadataAt: openid', { metadataAt: 'openid' }],
    ['a resource metadata path that the challenge names', { resourceMetadataAt: '/here' }],
    ['form-encoded token answers', { tokenEncoding: 'form' }],
    ['errors with HTTP 200', { errorsWith200: true }],
    ['no rotation', { rotation: 'none' }],
    ['rotation with grace', { rotation: 'grace' }],
    ['no iss, not advertised', { callbackIssuer: 'unsupported' }],
    ['an issuer with a path', { issuer: 'https://auth.test/tenant' }],
    ['a scope in the challenge', { challengeScope: 'mcp:read mcp:write' }],
    ['one origin for both servers', { issuer: 'https://mcp.test' }],
    [
      'no metadata at all, as of 2025-03-26',
      { resourceMetadataAt: false, metadataAt: 'nowhere', issuer: 'https://mcp.test' },
    ],
    ['a challenge that names nothing', { silentChallenge: true }],
  ] satisfies [string, TestServerOptions][])('%s: a sign-in and a refresh work', async (_, switches) => {
    const { server, user, call } = app(switches);
    expect(await call()).toBe('echo');
    server.clock.advance(2 * HOUR);
    expect(await call()).toBe('echo');
    expect([user.tabs.length, server.count('token:refresh_token'), server.familiesRevoked]).toEqual([1, 1, 0]);
  });

  it.each([
    ['no S256', { s256: false }, 'pkce_unsupported'],
    ['a wrong iss', { callbackIssuer: 'wrong' }, 'issuer_mismatch'],
    ['a missing iss', { callbackIssuer: 'missing' }, 'issuer_mismatch'],
    ['no metadata of the authorization server', { metadataAt: 'nowhere' }, 'authorization_server_not_found'],
    ['no registration', { registration: false }, 'registration_unavailable'],
    ['another resource', { resourceMetadata: () => ({ resource: 'https://other.test/mcp' }) }, 'resource_mismatch'],
    ['tokens that the MCP server does not take', { takes: () => false }, 'token_rejected'],
    ['a refused authorization', { authorization: () => ({ error: 'server_error' }) }, 'authorization_failed'],
  ] satisfies [string, TestServerOptions, string][])('%s: %s is an error', async (_, switches, code) => {
    const { call, user } = app(switches, { timeouts: { signIn: 20_000 } });
    expect(await failure(call())).toMatchObject({ code });
    expect(user.errors).toEqual([]);
  });

  it('change at any time', async () => {
    const { server, user, call } = app({ refreshTokens: false });
    await call();
    server.settings.refreshTokens = true;
    server.clock.advance(2 * HOUR);
    await call();
    expect(user.tabs).toHaveLength(2);
    server.clock.advance(2 * HOUR);
    await call();
    expect(user.tabs).toHaveLength(2);
  });

  it('cimd: takes the URL of a client, and says so', async () => {
    const clientMetadataUrl = 'https://app.example.com/client.json';
    const { server, call } = app({ cimd: true }, { clientMetadataUrl });
    await call();
    expect(server.count('register')).toBe(0);
    expect(server.received('authorize')[0]?.parameters.get('client_id')).toBe(clientMetadataUrl);
  });

  it('strict rotation ends the family of a reused refresh token; grace takes it again', async () => {
    for (const [rotation, statuses, revoked] of [
      ['strict', [200, 400, 400], 1],
      ['grace', [200, 200, 200], 0],
    ] as const) {
      const { server, call, user } = app({ rotation });
      await call();
      const seen = server.received('token')[0]?.parameters.get('client_id') ?? '';
      const body = { grant_type: 'refresh_token', client_id: seen };
      const first = await tokensOf(server, user, seen);
      const renew = async (token: string) =>
        server.fetch(`${server.issuer}/token`, {
          method: 'POST',
          body: new URLSearchParams({ ...body, refresh_token: token }),
        });
      const renewed = await renew(first);
      const { refresh_token: next } = (await renewed.json()) as { refresh_token: string };
      expect([renewed.status, (await renew(first)).status, (await renew(next)).status]).toEqual(statuses);
      expect(server.familiesRevoked).toBe(revoked);
    }
  });
});

/** A refresh token of a client that the server knows, got by hand. */
async function tokensOf(server: TestServer, user: ScriptedUser, clientId: string): Promise<string> {
  const registered = new URL(user.tabs[0] ?? 'none:').searchParams;
  registered.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
  const callback = await server.visit(`${server.issuer}/authorize?${registered}`);
  const form = {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: new URL(callback ?? 'none:').searchParams.get('code') ?? '',
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    redirect_uri: registered.get('redirect_uri') ?? '',
    resource: registered.get('resource') ?? '',
  };
  const response = await server.fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
  return String(((await response.json()) as { refresh_token?: string }).refresh_token);
}

describe('a name that is misspelt', () => {
  it('of a setting is a TypeError that says it', () => {
    const settings = { rotations: 'strict' } as object;
    expect(() => createTestServer(settings)).toThrow(new TypeError('A test server has no setting "rotations".'));
  });

  it('of an endpoint is a TypeError that says it, and the right ones are none', () => {
    const server = createTestServer();
    const misspelt = 'tokn:refresh_token' as 'token';
    for (const use of [
      () => server.received(misspelt),
      () => server.count(misspelt),
      () => server.fail(misspelt, 'lost'),
    ]) {
      expect(use).toThrow(new TypeError('A test server has no endpoint "tokn".'));
    }
    expect([server.count('token:refresh_token'), server.received('device-page')]).toEqual([0, []]);
    expect(server.fail('any', 'lost')).toBeTypeOf('function');
  });
});
