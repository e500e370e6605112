import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { playPerson } from '../../examples/servers/person.js';
import { systemClock } from '../../src/clock.js';
import {
  buildAuthorizationUrl,
  classifyRefreshFailure,
  exchangeCode,
  refreshTokens,
  revokeToken,
  validateCallback,
} from '../../src/grants/index.js';
import { generateCodeChallenge, generateCodeVerifier, generateState } from '../../src/pkce.js';
import { registerClient, resolveClient } from '../../src/registration/index.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../../src/types.js';
import { failure } from '../support/failure.js';
import { thrown } from './support.js';

const RESOURCE = 'https://mcp.example.com/mcp';
const REDIRECT = 'com.example.app:/callback';
const SCOPE = ['openid', 'offline_access', 'mcp:read'];

let server: AuthorizationServer;
let authorizationServer: AuthorizationServerMetadata;

beforeAll(async () => {
  server = await startAuthorizationServer();
  authorizationServer = (await (await fetch(server.metadataUrl)).json()) as AuthorizationServerMetadata;
});

afterAll(() => server.close());

async function authorize(client: ClientInformation, person?: Parameters<typeof playPerson>[1]) {
  const codeVerifier = generateCodeVerifier();
  const state = generateState();
  const url = buildAuthorizationUrl({
    authorizationServer,
    clientId: client.client_id,
    redirectUri: REDIRECT,
    codeChallenge: await generateCodeChallenge(codeVerifier),
    state,
    scope: SCOPE,
    resource: RESOURCE,
    prompt: 'consent',
  });
  const callback = new URL((await playPerson(url, person)).url);
  return { codeVerifier, state, callback };
}

async function signIn(client: ClientInformation) {
  const { codeVerifier, state, callback } = await authorize(client);
  const callbackParameters = validateCallback({
    authorizationServer,
    clientId: client.client_id,
    url: callback,
    state,
  });
  const parameters = {
    authorizationServer,
    client,
    callbackParameters,
    redirectUri: REDIRECT,
    codeVerifier,
    resource: RESOURCE,
  };
  return { parameters, result: await exchangeCode(parameters) };
}

const register = (method?: string) =>
  registerClient(authorizationServer, {
    client_name: 'Test',
    redirect_uris: [REDIRECT],
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
  });

describe('with oidc-provider', () => {
  it.each([
    undefined,
    'client_secret_basic',
    'client_secret_post',
  ])('registers, signs in, refreshes with rotation and revokes; authentication: %s', async (method) => {
    const client = await register(method);
    expect(client.token_endpoint_auth_method).toBe(method ?? 'none');
    const { result } = await signIn(client);
    expect(result.tokens).toMatchObject({ tokenType: 'bearer', scope: ['mcp:read'] });
    expect(result.idTokenClaims).toMatchObject({ sub: 'alice', iss: server.issuer });
    expect(result).not.toHaveProperty('client');

    const refreshToken = result.tokens.refreshToken as string;
    const grant = { authorizationServer, client, resource: RESOURCE };
    const refreshed = await refreshTokens({ ...grant, refreshToken });
    expect(refreshed.tokens.refreshToken).not.toBe(refreshToken);
    expect(refreshed.tokens.accessToken).not.toBe(result.tokens.accessToken);
    expect(JSON.parse(atob(refreshed.tokens.accessToken.split('.')[1] as string))).toMatchObject({ aud: RESOURCE });

    const current = refreshed.tokens.refreshToken as string;
    expect(await revokeToken({ authorizationServer, client, token: current, tokenTypeHint: 'refresh_token' })).toBe(
      true,
    );
    const error = await failure(refreshTokens({ ...grant, refreshToken: current }));
    expect(error).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_grant', status: 400 });
    expect(classifyRefreshFailure(error)).toBe('dead');
  });

  it('reports a code that is used twice', async () => {
    const { parameters } = await signIn(await register());
    expect(await failure(exchangeCode(parameters))).toMatchObject({
      code: 'token_request_failed',
      oauthError: 'invalid_grant',
    });
  });

  it('reports a person who says no, with the issuer checked (RFC 9207)', async () => {
    const client = await register();
    const { callback, state } = await authorize(client, { deny: true });
    expect(callback.searchParams.get('iss')).toBe(server.issuer);
    const parameters = { authorizationServer, clientId: client.client_id, url: callback, state };
    expect(thrown(() => validateCallback(parameters))).toMatchObject({ code: 'access_denied' });
    const other = { ...authorizationServer, issuer: 'https://other.example.com' };
    expect(thrown(() => validateCallback({ ...parameters, authorizationServer: other })).code).toBe('issuer_mismatch');
  });

  it('F14: recognises that the server forgot a client', async () => {
    const client = await register('client_secret_basic');
    const { result } = await signIn(client);
    server.forgetClients();
    const refreshToken = result.tokens.refreshToken as string;
    const error = await failure(refreshTokens({ authorizationServer, client, refreshToken, resource: RESOURCE }));
    expect(error).toMatchObject({ code: 'invalid_client', oauthError: 'invalid_client', status: 401 });
    expect(classifyRefreshFailure(error)).toBe('client');
  });

  it('F47: a loopback client registers as native once and finds itself again', async () => {
    const options = {
      issuer: server.issuer,
      authorizationServer,
      serverUrl: RESOURCE,
      redirectUri: 'http://127.0.0.1:4711/callback',
      store: new MemoryTokenStore(),
      clock: systemClock,
      onEvent: () => {},
      mode: 'auto',
      clientMetadata: { client_name: 'Test' },
    } as const;
    const before = server.counts.count('registration');
    const first = await resolveClient(options);
    expect(first).toMatchObject({ kind: 'dynamic', client: { application_type: 'native' }, reused: false });
    expect(await resolveClient(options)).toEqual({ ...first, reused: true });
    expect(server.counts.count('registration')).toBe(before + 1);
  });

  it('reports a redirect URI that the server does not take', async () => {
    const metadata = { redirect_uris: ['http://app.example.com/callback'], application_type: 'native' } as const;
    const error = await failure(registerClient(authorizationServer, metadata));
    expect(error).toMatchObject({ code: 'registration_failed', oauthError: 'invalid_redirect_uri', status: 400 });
  });
});
