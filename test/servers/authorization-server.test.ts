import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../examples/servers/authorization-server.js';
import { createCookieJar } from '../../examples/servers/cookie-jar.js';
import { playPerson } from '../../examples/servers/person.js';
import { CONSENT, startPlainFlow } from './plain-flow.js';

const RESOURCE = 'http://127.0.0.1:9/mcp';
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function start(options: AuthorizationServerOptions = {}) {
  const onError = vi.fn();
  const server = await startAuthorizationServer({ onError, ...options });
  closers.push(server.close);
  const flow = options.registration === false ? undefined : await startPlainFlow(server.metadataUrl);
  if (flow !== undefined) closers.push(flow.close);
  return { server, flow: flow as NonNullable<typeof flow>, onError };
}

describe('the example authorization server', () => {
  it('gives a JWT for the requested resource (RFC 8707, RFC 9068) and answers with iss (RFC 9207)', async () => {
    const { server, flow, onError } = await start({ accessTokenTtlSeconds: 120 });
    const { person } = await flow.authorize({ scope: 'mcp:read', resource: RESOURCE }, { account: 'bob' });
    expect(person).toMatchObject({ redirected: true, status: 200, text: 'you may close this tab' });
    const query = new URL(person.url).searchParams;
    expect([query.get('state'), query.get('iss')]).toEqual(['the-state', server.issuer]);

    const tokens = await flow.signIn({ scope: 'mcp:read', resource: RESOURCE });
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 120, scope: 'mcp:read' });
    expect(tokens).not.toHaveProperty('refresh_token');
    const { payload } = await jwtVerify(
      String(tokens['access_token']),
      createLocalJWKSet({ keys: [...server.jwks.keys] }),
      {
        issuer: server.issuer,
        audience: RESOURCE,
      },
    );
    expect(payload).toMatchObject({ client_id: flow.clientId, scope: 'mcp:read', sub: 'alice' });
    expect(server.counts.count('registration', 201)).toBe(1);
    expect(server.counts.count('token:authorization_code', 200)).toBe(1);
    expect(onError).not.toHaveBeenCalled();
  });

  it('rotates refresh tokens, and a reused one ends the family with its access tokens', async () => {
    const { server, flow } = await start();
    const tokens = await flow.signIn({ scope: 'mcp:read offline_access', resource: RESOURCE, ...CONSENT });
    const first = String(tokens['refresh_token']);
    const refreshed = await flow.token({ grant_type: 'refresh_token', refresh_token: first, resource: RESOURCE });
    expect(refreshed.status).toBe(200);
    const second = String(refreshed.body['refresh_token']);
    const claims = decodeJwt(String(refreshed.body['access_token']));
    expect(claims.aud).toBe(RESOURCE);
    expect(second).not.toBe(first);
    expect(server.isRevoked(claims)).toBe(false);

    const reused = await flow.token({ grant_type: 'refresh_token', refresh_token: first });
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const dead = await flow.token({ grant_type: 'refresh_token', refresh_token: second });
    expect(dead.body['error']).toBe('invalid_grant');
    expect(server.isRevoked(claims)).toBe(true);
    expect(server.counts.count('token:refresh_token', 400)).toBe(2);
  });

  it('detects reuse in requests that arrive together', async () => {
    const { flow, onError } = await start();
    const tokens = await flow.signIn({ scope: 'mcp:read offline_access', resource: RESOURCE, ...CONSENT });
    const form = { grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) };
    const answers = await Promise.all(Array.from({ length: 8 }, () => flow.token(form)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    const winner = answers.find((answer) => answer.status === 200);
    const next = await flow.token({ ...form, refresh_token: String(winner?.body['refresh_token']) });
    expect(next.body['error']).toBe('invalid_grant');
    expect(onError).not.toHaveBeenCalled();
  });

  it('gives refresh tokens to everyone where told to, and changes the lifetime at run time', async () => {
    const { server, flow } = await start({ issueRefreshToken: 'always' });
    server.setAccessTokenTtl(2);
    const tokens = await flow.signIn({ scope: 'mcp:read', resource: RESOURCE });
    expect(tokens).toMatchObject({ expires_in: 2, refresh_token: expect.any(String) });
    server.revokeAllGrants();
    const dead = await flow.token({ grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) });
    expect(dead.body['error']).toBe('invalid_grant');
  });

  it('revokes by RFC 7009 and early, one token or all', async () => {
    const { server, flow } = await start({ issueRefreshToken: 'always' });
    const [one, two] = [
      await flow.signIn({ scope: 'mcp:read', resource: RESOURCE }),
      await flow.signIn({ scope: 'mcp:read', resource: RESOURCE }),
    ];
    const claims = [one, two].map((tokens) => decodeJwt(String(tokens['access_token'])));
    server.revokeAccessToken(String(one['access_token']));
    expect(claims.map((claim) => server.isRevoked(claim))).toEqual([true, false]);
    expect(await flow.revoke(String(two['refresh_token']))).toBe(200);
    expect(server.isRevoked(claims[1]!)).toBe(true);
    expect(server.counts.count('revocation', 200)).toBe(1);
  });

  it('allows more scopes than were registered, for a step-up', async () => {
    const { flow } = await start();
    const tokens = await flow.signIn({ scope: 'mcp:read mcp:admin', resource: RESOURCE });
    expect(tokens['scope']).toBe('mcp:read mcp:admin');
    const strict = await start({ bindScopesToRegistration: true });
    const { person } = await strict.flow.authorize({ scope: 'mcp:admin', resource: RESOURCE });
    expect(new URL(person.url).searchParams.get('error')).toBe('invalid_scope');
  });

  it('lets the person say no, on the login page as on the consent page', async () => {
    const { flow } = await start();
    const cookies = createCookieJar();
    const ask = { scope: 'mcp:read', resource: RESOURCE };
    const atLogin = await flow.authorize(ask, { deny: true, cookies });
    expect(new URL(atLogin.person.url).searchParams.get('error')).toBe('access_denied');
    await flow.authorize(ask, { cookies });
    const atConsent = await flow.authorize({ ...ask, ...CONSENT }, { deny: true, cookies });
    expect(atConsent.person.visited.filter((url) => url.includes('/interaction/'))).toHaveLength(2);
    expect(new URL(atConsent.person.url).searchParams.get('error')).toBe('access_denied');
  });

  it('shows pages that need nothing from elsewhere and escape the client name', async () => {
    const { server, flow } = await start();
    const url = new URL(`${server.issuer}/auth`);
    url.search = new URLSearchParams({ client_id: flow.clientId, redirect_uri: 'http://127.0.0.1/other' }).toString();
    const wrong = await playPerson(url);
    expect(wrong).toMatchObject({ redirected: false, status: 400 });
    expect(wrong.text).not.toMatch(/src=|href=|@import|url\(/);

    const cookies = createCookieJar();
    const { person } = await flow.authorize({ scope: 'mcp:read', resource: RESOURCE }, { cookies });
    expect(person.redirected).toBe(true);
    let page = await fetch(`${server.issuer}/auth?${consentQuery(flow.clientId, person.url)}`, {
      redirect: 'manual',
      headers: { cookie: cookies.header(new URL(`${server.issuer}/auth`)) },
    });
    cookies.store(new URL(server.issuer), page.headers.getSetCookie());
    const next = new URL(page.headers.get('location') ?? '', server.issuer);
    page = await fetch(next, { headers: { cookie: cookies.header(next) } });
    expect(await page.text()).toContain('Allow Plain &lt;flow&gt;?');
  });

  it('ends at a custom scheme without fetching it', async () => {
    const redirectUri = 'com.example.app:/callback';
    const client = {
      client_id: 'desktop',
      application_type: 'native',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    };
    const { server } = await start({ registration: false, clients: [client] });
    const result = await playPerson(`${server.issuer}/auth?${consentQuery('desktop', redirectUri)}`);
    expect(result).toMatchObject({ redirected: true, status: undefined, text: '' });
    expect(new URL(result.url).searchParams.get('code')).toMatch(/./);
    expect((await (await fetch(server.metadataUrl)).json()) as object).not.toHaveProperty('registration_endpoint');
  });

  it('can leave out iss, in the metadata and in the answer', async () => {
    const { flow } = await start({ authorizationResponseIss: false });
    expect(flow.metadata).not.toHaveProperty('authorization_response_iss_parameter_supported');
    const { person } = await flow.authorize({ scope: 'mcp:read', resource: RESOURCE });
    const query = new URL(person.url).searchParams;
    expect([query.has('code'), query.has('iss')]).toEqual([true, false]);
  });

  it('takes Client ID Metadata Documents by its own fetch', async () => {
    const clientId = 'https://client.example/metadata.json';
    const redirectUri = 'com.example.app:/callback';
    const fetched: string[] = [];
    const { server, flow, onError } = await start({
      clientIdMetadataDocument: async (url) => {
        fetched.push(url);
        return Response.json({
          client_id: clientId,
          client_name: 'By document',
          application_type: 'native',
          redirect_uris: [redirectUri],
          token_endpoint_auth_method: 'none',
        });
      },
    });
    expect(flow.metadata['client_id_metadata_document_supported']).toBe(true);
    const result = await playPerson(`${server.issuer}/auth?${consentQuery(clientId, redirectUri)}`);
    expect(new URL(result.url).searchParams.get('code')).toMatch(/./);
    expect(fetched).toEqual([clientId]);
    expect(onError).not.toHaveBeenCalled();
  });

  it('forgets registered clients', async () => {
    const { server, flow } = await start();
    server.forgetClients();
    const { person } = await flow.authorize({ scope: 'mcp:read', resource: RESOURCE });
    expect(person).toMatchObject({ redirected: false, status: 400 });
    const { status, body } = await flow.token({ grant_type: 'refresh_token', refresh_token: 'x' });
    expect([status, body['error']]).toEqual([401, 'invalid_client']);
  });
});

function consentQuery(clientId: string, redirectUri: string): string {
  const url = new URL(redirectUri);
  return new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri.split('?')[0] ?? url.href,
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    scope: 'mcp:read',
    resource: RESOURCE,
    ...CONSENT,
  }).toString();
}
