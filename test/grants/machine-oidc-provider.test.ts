import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { playPerson } from '../../examples/servers/person.js';
import type { ClientKey, SigningAlgorithm } from '../../src/client-key.js';
import { systemClock } from '../../src/clock.js';
import { clientCredentials, type MachineGrant, privateKeyJwt } from '../../src/grant.js';
import {
  buildAuthorizationUrl,
  type ClientContext,
  exchangeCode,
  machineClient,
  refreshTokens,
  requestClientCredentials,
  revokeToken,
  validateCallback,
} from '../../src/grants/index.js';
import { generateCodeChallenge, generateCodeVerifier, generateState } from '../../src/pkce.js';
import { createClientMetadataDocument, resolveClient } from '../../src/registration/index.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import type { AuthorizationServerMetadata } from '../../src/types.js';
import { failure } from '../support/failure.js';
import { ALGORITHMS, createKey, secretsOf, type TestKey } from './keys.js';
import { everythingOf } from './support.js';

const RESOURCE = 'https://mcp.example.com/mcp';
const REDIRECT = 'com.example.app:/callback';
const DOCUMENT_URL = 'https://app.example.com/client.json';
const SECRET = 'a/b+c=secret-%-4711';
const SCOPE = ['mcp:read'];

const keys = Object.fromEntries(ALGORITHMS.map((name) => [name, createKey(name)])) as Record<SigningAlgorithm, TestKey>;
const jwks = (algorithm: SigningAlgorithm) => ({
  keys: [{ ...keys[algorithm].publicJwk, kid: algorithm, use: 'sig' }],
});
const robot = (method: string, id: string, more: object) => ({
  client_id: id,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: method,
  ...more,
});

let server: AuthorizationServer;
let authorizationServer: AuthorizationServerMetadata;

beforeAll(async () => {
  const document = createClientMetadataDocument(DOCUMENT_URL, {
    client_name: 'App with a key',
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: jwks('ES256'),
  });
  server = await startAuthorizationServer({
    features: { clientCredentials: { enabled: true } },
    issueRefreshToken: 'always',
    clientIdMetadataDocument: async (url) =>
      url === DOCUMENT_URL ? Response.json(document) : new Response(null, { status: 404 }),
    clients: [
      robot('client_secret_basic', 'basic', { client_secret: SECRET }),
      robot('client_secret_post', 'post', { client_secret: SECRET }),
      robot('client_secret_basic', 'expired', { client_secret: SECRET, client_secret_expires_at: 1 }),
      ...ALGORITHMS.map((name) => robot('private_key_jwt', name, { jwks: jwks(name) })),
      {
        client_id: 'app',
        redirect_uris: [REDIRECT],
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: jwks('ES256'),
      },
    ],
  });
  authorizationServer = (await (await fetch(server.metadataUrl)).json()) as AuthorizationServerMetadata;
});

afterAll(() => server.close());

const request = (grant: MachineGrant) =>
  requestClientCredentials({ authorizationServer, ...machineClient(grant)!, scope: SCOPE, resource: RESOURCE });

const keyed = (name: SigningAlgorithm, key: Partial<ClientKey> = {}) =>
  privateKeyJwt({ clientId: name, privateKey: keys[name].pem, algorithm: name, ...key });

describe('client credentials with oidc-provider', () => {
  it.each([
    ['by Basic', clientCredentials({ clientId: 'basic', clientSecret: SECRET })],
    ['by post', clientCredentials({ clientId: 'post', clientSecret: SECRET, authMethod: 'client_secret_post' })],
    ['from a function', clientCredentials({ clientId: 'basic', clientSecret: async () => SECRET })],
  ])('a secret %s', async (_, grant) => {
    const { tokens } = await request(grant);
    expect(decodeJwt(tokens.accessToken)).toMatchObject({
      aud: RESOURCE,
      client_id: grant.clientId,
      scope: 'mcp:read',
    });
    expect(tokens).toMatchObject({ tokenType: 'bearer', scope: SCOPE });
  });

  it.each(ALGORITHMS)('a key by %s', async (name) => {
    const { tokens } = await request(keyed(name));
    expect(decodeJwt(tokens.accessToken)).toMatchObject({ aud: RESOURCE, client_id: name });
    await request(keyed(name, { privateKey: async () => keys[name].jwk, keyId: name }));
    await request(keyed(name, { audience: authorizationServer.token_endpoint as string }));
  });

  it('an expired secret is an error that says so', async () => {
    const before = server.counts.count('token');
    const error = await failure(request(clientCredentials({ clientId: 'expired', clientSecret: SECRET })));
    expect(error).toMatchObject({ code: 'invalid_client', oauthError: 'invalid_client', stage: 'token' });
    expect(error.message).toMatch(/clientSecret.*expired/);
    expect(everythingOf(error)).not.toContain(SECRET);
    // One more for the form in which some servers want such a secret.
    expect(server.counts.count('token') - before).toBe(2);
  });

  it.each<[string, Partial<ClientKey>]>([
    ['an assertion for another audience', { audience: 'https://other.example.com' }],
    ['the key of somebody else', { privateKey: createKey('ES256').pem }],
    ['a key id that nobody registered', { keyId: 'nobody' }],
  ])('%s is refused, once', async (_, key) => {
    const before = server.counts.count('token');
    const error = await failure(request(keyed('ES256', key)));
    expect(error).toMatchObject({ code: 'invalid_client', oauthError: 'invalid_client', status: 401 });
    expect(error.message).toMatch(/public key.*`audience`/);
    for (const secret of secretsOf(keys.ES256)) expect(everythingOf(error)).not.toContain(secret);
    expect(server.counts.count('token') - before).toBe(1);
  });

  it('a key that does not match its algorithm sends nothing', async () => {
    const before = server.counts.count('token');
    expect(await failure(request(keyed('RS256', { algorithm: 'ES256' })))).toMatchObject({ code: 'invalid_options' });
    expect(server.counts.count('token')).toBe(before);
  });
});

describe('private_key_jwt in a sign-in with oidc-provider', () => {
  const clientKey: ClientKey = { privateKey: keys.ES256.jwk };

  async function resolved(mode: 'cimd' | 'pre-registered') {
    const store = new MemoryTokenStore();
    const { client } = await resolveClient({
      issuer: server.issuer,
      authorizationServer,
      serverUrl: RESOURCE,
      redirectUri: REDIRECT,
      store,
      clock: systemClock,
      onEvent: () => {},
      mode,
      clientMetadata: {},
      ...(mode === 'cimd'
        ? { clientMetadataUrl: DOCUMENT_URL }
        : { clientInformation: { client_id: 'app', issuer: server.issuer } }),
      clientKey,
    });
    return client;
  }

  async function signIn(context: ClientContext) {
    const codeVerifier = generateCodeVerifier();
    const state = generateState();
    const clientId = context.client.client_id;
    const url = buildAuthorizationUrl({
      authorizationServer,
      clientId,
      redirectUri: REDIRECT,
      codeChallenge: await generateCodeChallenge(codeVerifier),
      state,
      scope: SCOPE,
      resource: RESOURCE,
    });
    const callback = new URL((await playPerson(url)).url);
    const callbackParameters = validateCallback({ authorizationServer, clientId, url: callback, state });
    return exchangeCode({ ...context, callbackParameters, redirectUri: REDIRECT, codeVerifier, resource: RESOURCE });
  }

  it.each(['cimd', 'pre-registered'] as const)('code, refresh and revocation of a %s client', async (mode) => {
    const client = await resolved(mode);
    const context = { authorizationServer, client, clientKey };
    const { tokens } = await signIn(context);
    expect(decodeJwt(tokens.accessToken)).toMatchObject({ client_id: client.client_id });
    const refreshed = await refreshTokens({
      ...context,
      refreshToken: tokens.refreshToken as string,
      resource: RESOURCE,
    });
    const token = refreshed.tokens.refreshToken as string;
    expect(await revokeToken({ ...context, token, tokenTypeHint: 'refresh_token' })).toBe(true);
    expect(await failure(refreshTokens({ ...context, refreshToken: token }))).toMatchObject({
      oauthError: 'invalid_grant',
    });
    // Without the key nothing goes.
    const { clientKey: _, ...bare } = context;
    const error = await failure(
      refreshTokens({ ...bare, client: { ...client, token_endpoint_auth_method: 'none' }, refreshToken: token }),
    );
    expect(error).toMatchObject({ code: 'invalid_client' });
  });
});
