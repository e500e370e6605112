import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ProtectedServer } from '../../examples/protected-server/servers.js';
import { bearer, CONSENT, INITIALIZE, type Json, type PlainFlow, rpc, startPlainFlow } from '../servers/plain-flow.js';
import { closers } from '../with-oauth/support.js';
import { admin, start } from './protected-server-support.js';

const { closing, closeAll } = closers();
let server: ProtectedServer;
let flow: PlainFlow;
let redirectUri: string;

beforeAll(async () => {
  server = closing(await start());
  flow = closing(await startPlainFlow(`${server.origin}/.well-known/oauth-authorization-server`));
  const { person } = await flow.authorize({ resource: server.url, scope: 'mcp:read' });
  redirectUri = String(new URL(person.url).origin + new URL(person.url).pathname);
}, 60_000);
afterEach(() => void vi.useRealTimers());
afterAll(closeAll);

const request = () => ({ resource: server.url, scope: 'mcp:read offline_access', ...CONSENT });
const signIn = (more: Record<string, string> = {}) => flow.signIn({ ...request(), ...more });
const callback = async (more: Record<string, string>) => {
  const { search, hash } = new URL((await flow.authorize({ ...request(), ...more })).person.url);
  return Object.fromEntries(new URLSearchParams(search || hash.slice(1)));
};
const code = async () => {
  const { person, verifier } = await flow.authorize(request());
  const value = new URL(person.url).searchParams.get('code') ?? '';
  return { grant_type: 'authorization_code', code: value, code_verifier: verifier, redirect_uri: redirectUri };
};
const refresh = (token: unknown) => flow.token({ grant_type: 'refresh_token', refresh_token: String(token) });
const at = async (url: string, headers: Record<string, string> = {}) => {
  const response = await rpc(url, 'initialize', INITIALIZE, headers);
  await response.text();
  return { status: response.status, challenge: response.headers.get('www-authenticate') };
};
/** Some time later: sockets go on as ever. */
const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1_000 });

describe('the authorization server refuses', () => {
  it.each<[string, Record<string, string>, string]>([
    ['a request without PKCE', { code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['the implicit grant', { response_type: 'token' }, 'unsupported_response_type'],
    ['a resource that it does not know', { resource: 'https://elsewhere.example.com/mcp' }, 'invalid_target'],
  ])('%s, at the redirect URI', async (_, parameters, error) => {
    const answer = await callback(parameters);
    expect(answer).toMatchObject({ error, state: 'the-state', iss: server.origin });
    expect(answer).not.toHaveProperty('code');
  });

  it.each([
    ['another path', (uri: string) => `${uri}/more`],
    ['another host', () => 'http://attacker.example.com/callback'],
    ['a query that was not registered', (uri: string) => `${uri}?next=1`],
  ])('a redirect URI with %s, on a page and not by a redirect', async (_, change) => {
    const { person } = await flow.authorize({ ...request(), redirect_uri: change(redirectUri) });
    expect(person).toMatchObject({ status: 400, redirected: false });
    expect(person.text).toContain('invalid_redirect_uri');
  });

  it.each<[string, Record<string, string>, string]>([
    ['a verifier that is too short', { code_verifier: 'short' }, 'invalid_request'],
    ['a verifier that is too long', { code_verifier: 'a'.repeat(129) }, 'invalid_request'],
    ['another verifier', { code_verifier: 'a'.repeat(43) }, 'invalid_grant'],
    ['no verifier', { code_verifier: '' }, 'invalid_grant'],
    ['another redirect URI than before', { redirect_uri: 'http://127.0.0.1:1/callback' }, 'invalid_grant'],
    ['a code that it never gave', { code: 'invented' }, 'invalid_grant'],
    ['the password grant', { grant_type: 'password', username: 'alice', password: 'x' }, 'unsupported_grant_type'],
    ['a client that it does not know', { client_id: 'nobody' }, 'invalid_client'],
  ])('%s, at the token endpoint', async (_, form, error) => {
    const { status, body } = await flow.token({ ...(await code()), ...form });
    expect([status, body['error']]).toEqual([error === 'invalid_client' ? 401 : 400, error]);
  });

  it('a code after its time', async () => {
    const form = await code();
    later(61);
    expect((await flow.token(form)).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('a code for the second time, and ends what the first one gave', async () => {
    const form = await code();
    const { body } = await flow.token(form);
    expect(await at(server.url, bearer(body['access_token']))).toMatchObject({ status: 200 });
    expect((await flow.token(form)).body).toMatchObject({ error: 'invalid_grant' });
    expect(await at(server.url, bearer(body['access_token']))).toMatchObject({ status: 401 });
    expect((await refresh(body['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('a refresh token for the second time, and ends its family', async () => {
    const first = await signIn();
    const second = (await refresh(first['refresh_token'])).body;
    expect(second['refresh_token']).not.toBe(first['refresh_token']);
    expect((await refresh(first['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' });
    expect((await refresh(second['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' });
    expect(await at(server.url, bearer(second['access_token']))).toMatchObject({ status: 401 });
  });

  it('a refresh token after seven days', async () => {
    const { refresh_token } = await signIn();
    later(7 * 86_400 + 1);
    expect((await refresh(refresh_token)).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('a refresh token to those who did not ask for offline_access', async () => {
    expect(await signIn({ scope: 'mcp:read' })).not.toHaveProperty('refresh_token');
    expect(await signIn()).toHaveProperty('refresh_token');
  });
});

describe('the MCP server refuses', () => {
  const challenged = (path: string, error?: string) =>
    expect.stringMatching(
      new RegExp(`^Bearer ${error === undefined ? 'scope' : `error="${error}"`}.*resource_metadata="[^"]*${path}"$`),
    );

  it.each(['/mcp', '/sse'])('a request to %s without a token, or with one that it does not know', async (path) => {
    const url = `${server.origin}${path}`;
    const asked = async (headers: Record<string, string>) => {
      const { status, headers: answered } = await fetch(url, { headers });
      return [status, answered.get('www-authenticate')];
    };
    expect(await asked({})).toEqual([401, challenged(path)]);
    expect(await asked({ authorization: 'Basic YTpi' })).toEqual([401, challenged(path)]);
    expect(await asked(bearer('unknown'))).toEqual([401, challenged(path, 'invalid_token')]);
  });

  it('a token of its other endpoint', async () => {
    const { access_token } = await signIn({ resource: server.sseUrl });
    const refused = { status: 401, challenge: challenged('/mcp', 'invalid_token') };
    expect(await at(server.url, bearer(access_token))).toEqual(refused);
    expect(await at(`${server.origin}/message`, bearer(access_token))).toMatchObject({ status: 404 });
  });

  it('a token after its time', async () => {
    const { access_token } = await signIn();
    later(3_601);
    expect(await at(server.url, bearer(access_token))).toMatchObject({ status: 401 });
  });

  it('a token in the query string, a good one too', async () => {
    const { access_token } = await signIn();
    const url = `${server.url}?access_token=${String(access_token)}`;
    const refused = { status: 400, challenge: challenged('/mcp', 'invalid_request') };
    expect(await at(url)).toEqual(refused);
    expect(await at(url, bearer(access_token))).toEqual(refused);
  });

  it('a batch by everything that it needs, in one challenge', async () => {
    const { access_token } = await signIn();
    const call = (name: string) => ({ jsonrpc: '2.0', id: name, method: 'tools/call', params: { name } });
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(access_token) },
      body: JSON.stringify([call('create_issue'), call('delete_repo'), call('search_repos')]),
    });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining('error="insufficient_scope", scope="mcp:write mcp:admin mcp:read", resource_metadata='),
    ]);
  });

  it('resources to a token without mcp:read', async () => {
    const { access_token } = await signIn({ scope: 'github:issues' });
    const read = await rpc(server.url, 'resources/read', { uri: 'github://me' }, bearer(access_token));
    expect([read.status, read.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining('scope="mcp:read"'),
    ]);
  });

  it('another host name: a page in a browser would get here by it', async () => {
    const status = async (path: string, host: string) => {
      const { hostname, port } = new URL(server.origin);
      const asked = get({ hostname, port, path, headers: { host: host.replace('PORT', port) }, agent: false });
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    for (const host of ['attacker.example.com', 'attacker.example.com:PORT', '127.0.0.1']) {
      expect([await status('/mcp', host), await status('/admin/switches', host)]).toEqual([421, 421]);
    }
    expect(await status('/admin/switches', '127.0.0.1:PORT')).toBe(200);
  });

  it.each<[string, Record<string, string>, unknown, number]>([
    ['a page of another origin', { origin: 'https://attacker.example.com' }, { deviceGrant: true }, 403],
    ['what a proxy passed on', { 'x-forwarded-for': '203.0.113.1' }, { deviceGrant: true }, 403],
    ['a form', { 'content-type': 'text/plain' }, { deviceGrant: true }, 400],
    ['a switch that is none', {}, { verbose: true }, 400],
    ['a value that does not fit', {}, { accessTokenSeconds: -1 }, 400],
  ])('to be switched by %s', async (_, headers, change, status) => {
    const before: Json = { ...server.switches };
    expect((await admin(server, 'switches', change, headers)).status).toBe(status);
    expect(server.switches).toEqual(before);
  });
});
