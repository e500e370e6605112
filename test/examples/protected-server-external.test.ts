import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startAuthorizationServer } from '../../examples/protected-server/servers.js';
import { SettingError, settingsFrom } from '../../examples/protected-server/settings.js';
import { checkExternally } from '../../examples/protected-server/token-check.js';
import { listenOnLoopback, sendJson } from '../../examples/servers/loopback-server.js';
import { clientCredentials } from '../../src/index.js';
import { bearer, INITIALIZE, rpc } from '../servers/plain-flow.js';
import { closers, FOUR, urlFor } from '../with-oauth/support.js';
import { admin, signIn, start, turn, warmUp } from './protected-server-support.js';

const { closing, closeAll } = closers();
beforeAll(warmUp, 60_000);
afterEach(closeAll);

const INTROSPECTION = { clientId: 'protected-server', clientSecret: 'a secret of the MCP server' };
const search = ['search_repos', { query: 'hello' }] as const;
const FOUND = '["hello-world"]';

/** The MCP server needs the issuer and the authorization server its resources: a door whose port is known first. */
async function world(more: { introspection?: typeof INTROSPECTION; introspectionCacheMs?: number } = {}) {
  const resources: string[] = [];
  const as = closing(await startAuthorizationServer({ resources, ...more }));
  const at = closing(await start({ authServerUrl: as.origin, ...more }));
  resources.push(at.url, at.sseUrl);
  return { as, at };
}

describe('with an authorization server in another process', () => {
  it.each(FOUR)('JWTs are checked against its keys: $name', async (kind) => {
    const { as, at } = await world();
    const alice = closing(await signIn(at, { kind }));
    expect(await alice.call(...search)).toBe(FOUND);
    expect(await alice.call('create_issue', { repo: 'notes', title: 'x' })).toBe('{"number":1}');
    const { accessToken } = await alice.tokens();
    expect(decodeJwt(accessToken)).toMatchObject({ iss: as.origin, aud: urlFor(kind, at), email: 'alice@example.com' });
    expect((await fetch(`${at.origin}/token`)).status).toBe(404);
  });

  it('a JWT for another resource, and one that is revoked here, are refused', async () => {
    const { at } = await world();
    const alice = closing(await signIn(at));
    const { accessToken } = await alice.tokens();
    const status = async (url: string) => (await rpc(url, 'initialize', INITIALIZE, bearer(accessToken))).status;
    expect(await status(`${at.origin}/message`)).toBe(401);
    expect(await status(at.url)).toBe(200);
    await admin(at, 'revoke', { token: accessToken });
    expect(await status(at.url)).toBe(401);
    expect(await alice.call(...search)).toBe(FOUND);
    expect(alice.tabs).toHaveLength(1);
  });

  it('opaque tokens are introspected, with answers that hold for seconds', async () => {
    const { as, at } = await world({ introspection: INTROSPECTION, introspectionCacheMs: 60_000 });
    const alice = closing(await signIn(at));
    expect(await alice.call(...search)).toBe(FOUND);
    const { accessToken, refreshToken } = await alice.tokens();
    expect(accessToken).not.toContain('.');
    const status = async () => (await rpc(at.url, 'initialize', INITIALIZE, bearer(accessToken))).status;
    // The issuer has ended it; the answer of a moment ago still counts.
    await admin(as, 'revoke', { token: refreshToken });
    expect(await status()).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 });
    expect(await status()).toBe(401);
    vi.useRealTimers();
  });

  it('a machine signs in as itself', async () => {
    const client = {
      client_id: 'nightly',
      client_secret: 'a secret of the job',
      redirect_uris: [],
      response_types: [],
    };
    const at = closing(await start({ clients: [{ ...client, grant_types: ['client_credentials'] }] }));
    const grant = clientCredentials({ clientId: 'nightly', clientSecret: 'a secret of the job' });
    const job = closing(await signIn(at, { grant }));
    expect(await job.call(...search)).toBe(FOUND);
    expect(job.tabs).toHaveLength(0);
  });

  it('one that cannot be asked is a 503 and no 401: nobody is asked to sign in', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const { as, at } = await world({ introspection: INTROSPECTION, introspectionCacheMs: 0 });
    const alice = closing(await signIn(at));
    await turn(as, { outage: { path: '/token/introspection', status: 500 } });
    const { accessToken } = await alice.tokens();
    const refused = await rpc(at.url, 'initialize', INITIALIZE, bearer(accessToken));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await turn(as, { outage: null });
    expect(await alice.call(...search)).toBe(FOUND);
    expect(alice.tabs).toHaveLength(1);
    expect(log.mock.calls.length).toBeGreaterThan(0);
    expect(log.mock.calls.join(' ')).not.toContain(accessToken);
  });
});

describe('the check of a JWT', () => {
  it('takes none of another issuer, audience, time or key, and fetches the keys once', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const stranger = await generateKeyPair('ES256');
    const asked: string[] = [];
    const issuer = closing(
      await listenOnLoopback(async ({ url = '' }, response) => {
        asked.push(url);
        const keys = [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }];
        if (url === '/jwks') return sendJson(response, 200, { keys });
        // A provider that speaks OpenID Connect only.
        if (url !== '/.well-known/openid-configuration') return sendJson(response, 404, {});
        sendJson(response, 200, { issuer: issuer.origin, jwks_uri: `${issuer.origin}/jwks` });
      }),
    );
    const AUDIENCE = 'https://mcp.example.com/mcp';
    const sign = (claims: Record<string, unknown>, key = privateKey) =>
      new SignJWT({ iss: issuer.origin, aud: AUDIENCE, sub: 'alice', azp: 'c', scope: 'a b', exp: 4e9, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .sign(key);
    const check = checkExternally(issuer.origin, undefined);
    expect(await check(await sign({}), AUDIENCE)).toMatchObject({
      subject: 'alice',
      clientId: 'c',
      scopes: ['a', 'b'],
    });
    const bad = [
      { iss: 'https://elsewhere.example.com' },
      { aud: 'https://mcp.example.com' },
      { exp: 1 },
      { sub: undefined },
    ];
    const tokens = [...bad.map((claims) => sign(claims)), sign({}, stranger.privateKey), Promise.resolve('a.b.c')];
    for (const token of await Promise.all(tokens)) {
      await expect(check(token, AUDIENCE)).rejects.toMatchObject({ name: 'InvalidTokenError' });
    }
    expect(asked).toEqual(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']);
  });
});

describe('the program', () => {
  it('starts with one command, says where it is, and ends when it is told to', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/protected-server/main.ts'], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { PATH: process.env['PATH'], PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 50_000,
      killSignal: 'SIGKILL',
    });
    let text = '';
    const ended = once(child, 'close');
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += chunk;
      if (/from a checkout.*\n$/.test(text)) child.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
    expect(text).toMatch(/^MCP server +http:\/\/127\.0\.0\.1:\d+\/mcp /);
    expect(text).toContain('mcp:read mcp:write mcp:admin github:repos github:issues offline_access');
    expect(text).toMatch(/npx mcp-oauth-client tools http:\/\/127\.0\.0\.1:\d+\/mcp\n/);
  }, 50_000);

  it('reads its settings from the environment, and says which one does not fit', () => {
    expect(settingsFrom({})).toMatchObject({ mode: 'internal', port: 3_232, introspection: undefined });
    expect(settingsFrom({ AUTH_MODE: 'authorization-server' }).port).toBe(3_001);
    const external = {
      AUTH_MODE: 'external',
      AUTH_SERVER_URL: 'https://as.example.com',
      INTROSPECTION_CLIENT_SECRET: 's',
    };
    expect(settingsFrom(external)).toMatchObject({
      mode: 'external',
      authServerUrl: 'https://as.example.com',
      introspection: { clientId: 'protected-server', clientSecret: 's' },
    });
    for (const [name, value] of [
      ['AUTH_MODE', 'both'],
      ['PORT', 'x'],
      ['AUTH_SERVER_URL', 'x'],
      ['CLIENTS', '{}'],
    ] as const) {
      expect(() => settingsFrom({ [name]: value })).toThrow(SettingError);
      expect(() => settingsFrom({ [name]: value })).toThrow(name);
    }
  });
});
