import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import {
  type AuthProviderOptions,
  authorizationCode,
  clientCredentials,
  createAuthProvider,
  type Grant,
  jwtBearer,
  listSessions,
  MemoryTokenStore,
  type TokenSet,
} from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, rpc, TestClock } from './support.js';
import { startWorkloadServer } from './workload-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SECRET = 'the-secret-of-the-job-is-long-enough';
const ELSEWHERE = 'https://elsewhere.example.com';
const job = { clientId: 'job', clientSecret: SECRET };

/** A machine's client at an authorization server, and what is sent to another one. */
async function place() {
  const registered = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'mcp:read' };
  const client = { client_id: 'job', client_secret: SECRET, ...registered };
  const features = { clientCredentials: { enabled: true } };
  const as = closing(await startAuthorizationServer({ clients: [client], features }));
  const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
  const store = new MemoryTokenStore();
  const clock = new TestClock();
  const elsewhere: string[] = [];
  const open = (grant: Grant, options: Partial<AuthProviderOptions> = {}) =>
    closing(
      createAuthProvider({
        serverUrl: server.url,
        grant,
        store,
        clock,
        interactive: false,
        fetch: async (input, init) => {
          if (!String(input).startsWith(ELSEWHERE)) return fetch(input, init);
          elsewhere.push(JSON.stringify([String(input), [...new Headers(init?.headers)], String(init?.body)]));
          return Response.json({ access_token: 'elsewhere', token_type: 'Bearer', expires_in: 60 });
        },
        ...options,
      }),
    );
  const call = async (provider: ReturnType<typeof open>) => (await provider.fetch(server.url, rpc('ping'))).status;
  const tokenRequests = () => as.counts.count('token');
  return { as, server, store, clock, elsewhere, open, call, tokenRequests };
}

/** The session as one that is over, and of other circumstances. */
function overAndOf(tokens: TokenSet | undefined, change: Record<string, unknown>, now: number): TokenSet {
  if (tokens === undefined) throw new Error('there is no session');
  return { ...tokens, accessToken: 'foreign', expiresAt: now - 1, context: { ...tokens.context, ...change } };
}

const foreign = { issuer: ELSEWHERE, authorizationServer: { issuer: ELSEWHERE, token_endpoint: `${ELSEWHERE}/token` } };

describe('a machine`s secret and the issuer it belongs to', () => {
  it.each([
    ['the grant names its issuer', true, foreign],
    ['the store has bound it', false, foreign],
    ['the tokens are of another client', true, { client: { client_id: 'another' } }],
  ])('is not presented for tokens of another one, where %s; the next call gets its own', async (_, named, change) => {
    const { as, clock, elsewhere, open, call, tokenRequests } = await place();
    const provider = open(clientCredentials({ ...job, ...(named ? { issuer: as.issuer } : {}) }));
    await call(provider);
    await provider.tokens.setTokens(overAndOf(await provider.tokens.current(), change, clock.now()));
    expect(await provider.tokens.getAccessToken()).toBeUndefined();
    expect([elsewhere, tokenRequests()]).toEqual([[], 1]);
    expect(await call(provider)).not.toBe(401);
    expect(await provider.session()).toMatchObject({ issuer: as.issuer, clientId: 'job' });
    expect([elsewhere, tokenRequests()]).toEqual([[], 2]);
  });

  it('a session of another issuer is none for a grant that names its own', async () => {
    const { open, call, server, tokenRequests } = await place();
    await call(open(clientCredentials(job)));
    const pinned = open(clientCredentials({ ...job, issuer: ELSEWHERE }));
    expect((await pinned.session()).signedIn).toBe(false);
    const error = await failure(pinned.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'client_mismatch' });
    expect(error.message).toMatch(/client in `grant` .*`grant\.issuer`/);
    expect(tokenRequests()).toBe(1);
  });

  it('with one `account`, a machine has neither a person`s session nor that of another client', async () => {
    const { open, call, store } = await place();
    await call(open(clientCredentials(job), { account: 'work' }));
    for (const grant of [authorizationCode(), clientCredentials({ clientId: 'other', clientSecret: 'x' })]) {
      expect((await open(grant, { account: 'work' }).session()).signedIn).toBe(false);
    }
    expect((await listSessions(store)).map(({ accountKey }) => accountKey)).toEqual(['work']);
  });

  it('two workloads without a client, of two MCP servers and their issuers, share a store', async () => {
    const clock = new TestClock();
    const store = new MemoryTokenStore();
    for (const server of [await startWorkloadServer(clock), await startWorkloadServer(clock)]) {
      closing(server);
      const grant = jwtBearer({ assertion: () => server.assertion() });
      const provider = closing(createAuthProvider({ serverUrl: server.url, grant, store, clock }));
      expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    }
  });
});

describe('a refusal that is asked for again and again', () => {
  it('at renewal costs a few token requests a minute, whoever calls, and none is made again until authorize() or 60 s', async () => {
    const { clock, open, call, tokenRequests } = await place();
    let clientSecret = SECRET;
    const provider = open(clientCredentials({ clientId: 'job', clientSecret: () => clientSecret }));
    await call(provider);
    clock.advance(HOUR);
    clientSecret = 'an-old-secret-that-was-replaced';
    for (let second = 0; second < 60; second += 1) {
      const calls = Array.from({ length: 20 }, () => failure(provider.tokens.getAccessToken()));
      for (const { code } of await Promise.all(calls)) expect(code).toBe('invalid_client');
      clock.advance(1_000);
    }
    // A pause may have ended with the last second, and by chance: the next one begins here.
    await failure(provider.tokens.getAccessToken());
    expect(tokenRequests()).toBeLessThanOrEqual(1 + 7);
    clientSecret = SECRET;
    const before = tokenRequests();
    expect(await failure(provider.tokens.getAccessToken())).toMatchObject({ code: 'invalid_client' });
    expect(tokenRequests()).toBe(before);
    expect((await provider.authorize()).signedIn).toBe(true);
    expect(tokenRequests()).toBe(before + 1);
  });

  it('a rotated secret works by itself within 60 s', async () => {
    const { clock, open, call } = await place();
    let clientSecret = SECRET;
    const provider = open(clientCredentials({ clientId: 'job', clientSecret: () => clientSecret }));
    await call(provider);
    clock.advance(HOUR);
    clientSecret = 'an-old-secret-that-was-replaced';
    for (let round = 0; round < 10; round += 1) {
      await failure(provider.tokens.getAccessToken());
      clock.advance(60_000);
    }
    clientSecret = SECRET;
    expect(await provider.tokens.getAccessToken()).toBeTypeOf('string');
  });

  it('at a workload`s sign-in too, where each assertion is another one', async () => {
    const clock = new TestClock();
    const server = closing(await startWorkloadServer(clock));
    server.settings.trusts = false;
    const grant = jwtBearer({ assertion: () => server.assertion() });
    const provider = closing(
      createAuthProvider({ serverUrl: server.url, grant, store: new MemoryTokenStore(), clock }),
    );
    const call = () => provider.fetch(server.url, rpc('ping'));
    for (let attempt = 0; attempt < 60; attempt += 1) {
      expect(await failure(call())).toMatchObject({ oauthError: 'invalid_grant' });
    }
    expect(server.presented).toHaveLength(30);
    server.settings.trusts = true;
    clock.advance(60_000);
    expect((await call()).status).toBe(200);
  });
});
