import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type IdJagParameters, requestIdJag, requestJwtBearer } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { createKey } from './keys.js';
import { everythingOf, ISSUER, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

const IDP = { issuer: 'https://idp.example.com', token_endpoint: 'https://idp.example.com/oauth2/token' };
const RESOURCE = 'https://mcp.example.com/mcp';
const ID_TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.signature-of-the-id-token';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const KEY = new TextEncoder().encode('the key of the identity provider, which nobody here checks');

const issue = (claims: Record<string, unknown> = {}, typ: string | undefined = 'oauth-id-jag+jwt') =>
  new SignJWT({ iss: IDP.issuer, sub: 'alice', aud: ISSUER, client_id: 'at-as', exp: START / 1000 + 300, ...claims })
    .setProtectedHeader({ alg: 'HS256', ...(typ === undefined ? {} : { typ }) })
    .sign(KEY);

const answer = async (members: Record<string, unknown> = {}) =>
  json({ access_token: await issue(), issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 200, ...members });

function request(queue: Reply[], overrides: Partial<IdJagParameters> = {}) {
  const { fetch, sent } = replies(...queue);
  const parameters = {
    authorizationServer: IDP,
    client: { client_id: 'at-idp' },
    subjectToken: ID_TOKEN,
    audience: ISSUER,
    resource: RESOURCE,
    ...overrides,
  };
  return { result: requestIdJag(parameters, { fetch, clock: new InstantClock() }), sent };
}

describe('requestIdJag (RFC 8693, Enterprise-Managed Authorization §4)', () => {
  it('exchanges the ID token', async () => {
    const { result, sent } = request([await answer({ scope: 'a' })], { scope: ['a', 'b'] });
    expect(await result).toEqual({ assertion: await issue(), expiresAt: START + 200_000, scope: ['a'] });
    expect(sent[0]?.url).toBe(IDP.token_endpoint);
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: ID_JAG,
      audience: ISSUER,
      resource: RESOURCE,
      scope: 'a b',
      subject_token: ID_TOKEN,
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      client_id: 'at-idp',
    });
  });

  it.each(['refresh_token', 'saml2'] as const)('exchanges a %s', async (subjectTokenType) => {
    const { result, sent } = request([await answer()], { subjectTokenType });
    await result;
    expect(sent[0]?.form.get('subject_token_type')).toBe(`urn:ietf:params:oauth:token-type:${subjectTokenType}`);
    expect(sent[0]?.form.has('scope')).toBe(false);
  });

  it('authenticates the client there by secret or key', async () => {
    const secret = request([await answer()], { clientSecret: async () => 's' });
    await secret.result;
    expect(secret.sent[0]?.headers.get('authorization')).toBe(`Basic ${btoa('at-idp:s')}`);
    const key = request([await answer()], { clientKey: { privateKey: createKey('ES256').jwk } });
    await key.result;
    expect(key.sent[0]?.form.has('client_assertion')).toBe(true);
  });

  it('takes the end of the assertion itself where the answer names none', async () => {
    const { result } = request([await answer({ expires_in: undefined })]);
    expect(await result).toEqual({ assertion: await issue(), expiresAt: START + 300_000 });
  });

  it.each<[string, () => Promise<Record<string, unknown>>]>([
    ['n_a', async () => ({ token_type: 'n_a' })],
    ['Bearer as type', async () => ({ token_type: 'Bearer' })],
    ['no type', async () => ({ token_type: undefined })],
    ['no issued_token_type', async () => ({ issued_token_type: undefined })],
    ['the full media type', async () => ({ access_token: await issue({}, 'application/oauth-id-jag+JWT') })],
    ['a list with the audience', async () => ({ access_token: await issue({ aud: [ISSUER] }) })],
    ['the audience with a slash', async () => ({ access_token: await issue({ aud: `${ISSUER}/` }) })],
    ['the resource, in a list too', async () => ({ access_token: await issue({ resource: [RESOURCE] }) })],
    ['no `exp` where the answer names the lifetime', async () => ({ access_token: await issue({ exp: undefined }) })],
    ['a lifetime as text', async () => ({ expires_in: '200' })],
    ['a lifetime of zero', async () => ({ expires_in: 0 })],
  ])('tolerates %s', async (_, members) => {
    const { result } = request([await answer(await members())]);
    expect((await result).assertion.split('.')).toHaveLength(3);
  });

  it.each<[string, () => Promise<Record<string, unknown>>, RegExp]>([
    [
      'an access token',
      async () => ({ issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
      /not of the type id-jag/,
    ],
    ['no JWT', async () => ({ access_token: 'opaque-secret-value' }), /no signed JWT/],
    ['an ID token', async () => ({ access_token: await issue({}, 'JWT') }), /oauth-id-jag\+jwt/],
    ['a JWT without type', async () => ({ access_token: await issue({}, '') }), /oauth-id-jag\+jwt/],
    [
      'one for another server',
      async () => ({ access_token: await issue({ aud: 'https://other.example.com' }) }),
      /another audience \(https:\/\/other\.example\.com\)/,
    ],
    [
      'one for a server with a longer name',
      async () => ({ access_token: await issue({ aud: `${ISSUER}.evil.test` }) }),
      /another audience/,
    ],
    [
      'one that has expired',
      async () => ({ access_token: await issue({ exp: START / 1000 }), expires_in: undefined }),
      /had expired/,
    ],
    ['one without an audience', async () => ({ access_token: await issue({ aud: undefined }) }), /names no audience/],
    [
      'one for another resource',
      async () => ({ access_token: await issue({ resource: 'https://other.example.com/mcp' }) }),
      /another resource \(https:\/\/other\.example\.com\/mcp\)/,
    ],
    [
      'one without an end',
      async () => ({ access_token: await issue({ exp: undefined }), expires_in: undefined }),
      /neither `exp` nor `expires_in`/,
    ],
    ['nothing', async () => ({ access_token: undefined }), /identity provider's answer/],
  ])('refuses %s', async (_, members, message) => {
    const { result } = request([await answer(await members())]);
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'token' });
    expect(error.message).toMatch(message);
    expect(everythingOf(error)).not.toMatch(/opaque-secret-value|eyJ/);
  });

  it.each([
    'access_denied',
    'invalid_target',
    'invalid_scope',
    'unauthorized_client',
    'interaction_required',
  ])('reports a denial (%s) as one of the policy there', async (error) => {
    const { result, sent } = request([oauthError(error, 400, `no policy matches ${ID_TOKEN}`)]);
    const thrown = await failure(result);
    expect(thrown).toMatchObject({
      code: 'access_denied',
      oauthError: error,
      status: 400,
      stage: 'token',
      retryable: false,
    });
    expect(thrown.message).toMatch(/identity provider's policy.*no policy matches.*administrator/);
    expect(everythingOf(thrown)).not.toContain('signature-of-the-id-token');
    expect(sent).toHaveLength(1);
  });

  it.each([
    ['invalid_grant', 400, 'token_request_failed', /Sign the user in there again.*policy.*administrator/],
    ['invalid_request', 400, 'token_request_failed', /policy/],
    ['unsupported_grant_type', 400, 'token_request_failed', /does not offer enterprise-managed/],
    ['invalid_client', 401, 'invalid_client', /`identityProvider`.*`clientSecret`/],
  ])('reports %s as one of the identity provider', async (error, status, code, message) => {
    const { result, sent } = request([oauthError(error, status)], { clientSecret: 'the-secret-there' });
    const thrown = await failure(result);
    expect(thrown).toMatchObject({ code, oauthError: error, status, stage: 'token' });
    expect(thrown.message).toMatch(/identity provider/i);
    expect(thrown.message).toMatch(message);
    expect(everythingOf(thrown)).not.toMatch(/signature-of-the-id-token|the-secret-there/);
    expect(sent).toHaveLength(1);
  });

  it('tries again what is temporary, and then says whose failure it is', async () => {
    const { result, sent } = request([json({}, 503), networkError(), await answer()]);
    await result;
    expect(sent).toHaveLength(3);
    const error = await failure(request([json({}, 503), json({}, 503), json({}, 503)]).result);
    expect(error).toMatchObject({ code: 'server_unavailable', retryable: true });
    expect(error.message).toContain('identity provider');
  });

  it.each([[''], ['two words'], [undefined]])('refuses the subject token %j', async (subjectToken) => {
    const { result, sent } = request([], { subjectToken: subjectToken as string });
    expect(await failure(result)).toMatchObject({ code: 'invalid_options' });
    expect(sent).toHaveLength(0);
  });

  it('leads to an access token by JWT bearer, with the client at the other server (§5)', async () => {
    const { assertion } = await request([await answer()]).result;
    const { fetch, sent } = replies(json({ access_token: 'at', token_type: 'Bearer', expires_in: 600 }));
    const parameters = { authorizationServer: SERVER, client: { client_id: 'at-as' }, clientSecret: 's', assertion };
    expect((await requestJwtBearer(parameters, { fetch, clock: new InstantClock() })).tokens.accessToken).toBe('at');
    expect(sent[0]?.form.get('assertion')).toBe(assertion);
    expect(sent[0]?.headers.get('authorization')).toBe(`Basic ${btoa('at-as:s')}`);
  });
});
