import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AuthEvent,
  type AuthProviderOptions,
  clientCredentials,
  createAuthProvider,
  type Grant,
  listSessions,
  MemoryTokenStore,
  privateKeyJwt,
} from '../../src/index.js';
import { failure } from '../support/failure.js';
import { JOB_SECRET, startJobServers } from './job-support.js';
import { callTool, closers, rpc, TestClock } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A machine at its servers. */
async function place(client: Record<string, unknown> = {}) {
  const { as, server } = closing(await startJobServers(client));
  const store = new MemoryTokenStore();
  const clock = new TestClock();
  const events: AuthEvent[] = [];
  const opened: string[] = [];
  const open = (grant: Grant, options: Partial<AuthProviderOptions> = {}) =>
    closing(
      createAuthProvider({
        serverUrl: server.url,
        grant,
        store,
        clock,
        interactive: false,
        openBrowser: (url) => void opened.push(url),
        onEvent: (event) => void events.push(event),
        ...options,
      }),
    );
  const tokenRequests = () => as.counts.count('token');
  return { as, server, store, clock, events, opened, open, tokenRequests };
}

const secret = (clientSecret: string | (() => string) = JOB_SECRET, clientId = 'job') =>
  clientCredentials({ clientId, clientSecret });

/** Calls a tool without a session of MCP, as far as the authorization goes. */
const status = async (promise: Promise<Response>) => (await promise).status;

describe('clientCredentials()', () => {
  it('F21: gets a token without a person, with resource and scope, and one for a burst of calls', async () => {
    const { open, server, tokenRequests, opened, store } = await place();
    const provider = open(secret());
    const calls = Array.from({ length: 100 }, () => status(provider.fetch(server.url, rpc('ping'))));
    for (const code of await Promise.all(calls)) expect([401, 403]).not.toContain(code);
    expect(tokenRequests()).toBe(1);
    expect(opened).toEqual([]);
    expect(await provider.session()).toMatchObject({
      signedIn: true,
      refreshable: true,
      clientId: 'job',
      registration: 'pre-registered',
      resource: server.url,
      scope: ['mcp:read'],
    });
    for (const key of await store.list('')) expect(await store.get(key)).not.toContain('the-secret');
  });

  it('1,000 calls at once after expiry cost one token request, and discovery none', async () => {
    const { open, server, tokenRequests, clock } = await place();
    const provider = open(secret());
    await provider.fetch(server.url, rpc('ping'));
    const found = server.counts.total();
    clock.advance(3_600_000);
    const calls = Array.from({ length: 1_000 }, () => provider.tokens.getAccessToken());
    expect(new Set(await Promise.all(calls)).size).toBe(1);
    expect(tokenRequests()).toBe(2);
    expect(server.counts.total()).toBe(found);
  });

  it('is renewed ahead of time in the background, and by one of several windows', async () => {
    const { open, server, tokenRequests, clock } = await place();
    const [one, two] = [open(secret()), open(secret())];
    await one.fetch(server.url, rpc('ping'));
    await two.fetch(server.url, rpc('ping'));
    expect(tokenRequests()).toBe(1);
    clock.advance(3_600_000 - 30_000);
    const before = await one.tokens.getAccessToken();
    await two.tokens.getAccessToken();
    await expect.poll(async () => (await one.tokens.reload())?.accessToken).not.toBe(before);
    expect(await two.tokens.getAccessToken()).toBe(await one.tokens.getAccessToken());
    expect(tokenRequests()).toBe(2);
  });

  it('a token that was revoked early is replaced once for all', async () => {
    const { open, as, server, tokenRequests } = await place();
    const provider = open(secret());
    await provider.fetch(server.url, rpc('ping'));
    as.revokeAllAccessTokens();
    const calls = Array.from({ length: 20 }, () => status(provider.fetch(server.url, rpc('ping'))));
    for (const code of await Promise.all(calls)) expect(code).not.toBe(401);
    expect(tokenRequests()).toBe(2);
  });

  it('the secret comes from a function, asked for each token request, so that it may change', async () => {
    const { open, server, clock } = await place();
    let asked = 0;
    const provider = open(
      secret(() => {
        asked += 1;
        return JOB_SECRET;
      }),
    );
    await provider.fetch(server.url, rpc('ping'));
    await provider.fetch(server.url, rpc('ping'));
    expect(asked).toBe(1);
    clock.advance(3_600_000);
    await provider.tokens.getAccessToken();
    expect(asked).toBe(2);
  });

  it('an expired secret is an error that says so, at once and at renewal, and no other grant is tried', async () => {
    const { open, server, clock, opened, as } = await place();
    let value = 'an-old-secret-that-was-replaced';
    const provider = open(secret(() => value));
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'invalid_client', stage: 'token' });
    expect(JSON.stringify(error)).not.toContain(value);
    expect(as.counts.count('token')).toBe(1);
    value = JOB_SECRET;
    expect(await status(provider.fetch(server.url, rpc('ping')))).not.toBe(401);
    value = 'an-old-secret-that-was-replaced';
    clock.advance(3_600_000);
    expect(await failure(provider.tokens.getAccessToken())).toMatchObject({ code: 'invalid_client' });
    expect([opened, as.counts.count('authorization'), as.counts.count('registration')]).toEqual([[], 0, 0]);
  });

  it('a step-up asks for the union of scopes, without a browser', async () => {
    const { open, server, opened } = await place();
    const provider = open(secret());
    await provider.fetch(server.url, rpc('ping'));
    expect(await status(provider.fetch(server.url, callTool('create_issue', { title: 'x' })))).not.toBe(403);
    expect([...((await provider.session()).scope ?? [])].sort()).toEqual(['mcp:read', 'mcp:write']);
    expect(opened).toEqual([]);
  });

  it('two clients, and a person, keep sessions of their own in one store', async () => {
    const { open, server, store } = await place();
    await open(secret()).fetch(server.url, rpc('ping'));
    expect((await open(secret('x', 'other')).session()).signedIn).toBe(false);
    expect((await open({ type: 'authorization_code' }).session()).signedIn).toBe(false);
    expect((await listSessions(store)).map(({ accountKey }) => accountKey)).toEqual(['client_credentials:job']);
  });

  it('a client of another issuer is not presented', async () => {
    const { open, server, tokenRequests } = await place();
    const grant = clientCredentials({ clientId: 'job', clientSecret: 's', issuer: 'https://elsewhere.example.com' });
    expect(await failure(open(grant).fetch(server.url, rpc('ping')))).toMatchObject({ code: 'client_mismatch' });
    expect(tokenRequests()).toBe(0);
  });

  it('F4: a server that is away is said to be so, and nothing is lost', async () => {
    const { open, server, as, clock } = await place();
    const provider = open(secret());
    await provider.fetch(server.url, rpc('ping'));
    clock.advance(3_600_000);
    await as.close();
    expect(await failure(provider.tokens.getAccessToken())).toMatchObject({ retryable: true });
    expect((await provider.session()).signedIn).toBe(true);
  });

  it('F43: signOut() revokes the token', async () => {
    const { open, server, as } = await place();
    const provider = open(secret());
    await provider.fetch(server.url, rpc('ping'));
    expect(await provider.signOut()).toMatchObject({ registrationDeleted: false, registrationForgotten: false });
    expect(as.counts.count('revocation')).toBe(1);
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  });
});

describe('privateKeyJwt()', () => {
  it('signs for each token request, and keeps the key out of the store', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), kid: 'k1', alg: 'ES256' };
    const { as, open, server, tokenRequests, store } = await place({
      client_secret: undefined,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] },
    });
    const provider = open(privateKeyJwt({ clientId: 'job', privateKey: jwk as JsonWebKey }));
    expect(await status(provider.fetch(server.url, rpc('ping')))).not.toBe(401);
    expect(tokenRequests()).toBe(1);
    for (const key of await store.list('')) expect(await store.get(key)).not.toContain(jwk.d);
    await provider.tokens.refresh((await provider.tokens.getAccessToken()) ?? '');
    expect(tokenRequests()).toBe(2);
    // This server keeps no JWT that it could revoke, and says so only to a client that it recognises.
    expect(await provider.signOut()).toEqual({
      revoked: false,
      registrationDeleted: false,
      registrationForgotten: false,
    });
    expect(as.counts.count('revocation', 400)).toBe(1);
  });
});
