import { afterEach, describe, expect, it } from 'vitest';
import { requestIdJag } from '../../src/grants/index.js';
import { rpc } from '../auth-provider/support.js';
import { ISSUER, json, replies } from '../grants/support.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { closers } from '../with-oauth/support.js';
import { authorizationServer, GOOD, SERVER_URL, world } from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const answering = (token: Record<string, unknown>) => closing(world({}, authorizationServer(GOOD, { token })));
const answeringWith = (reply: () => Response) => closing(world({}, { [`${GOOD}/token`]: reply }));
const endOfSignIn = async (at: ReturnType<typeof world>) => failure(at.finish(await at.begin()) as Promise<unknown>);

describe('a token', () => {
  const BROKEN: readonly [string, unknown][] = [
    ['a line break and a header', 'at\r\nX-Admin: 1'],
    ['a line feed', 'a\nb'],
    ['white space', 'a b'],
    ['white space around', ' at '],
    ['a tab', 'a\tb'],
    ['a zero byte', 'a\u0000b'],
    ['a terminal escape', '\u001b[2Jat'],
    ['letters beyond ASCII', 'at\u00e9'],
    ['no character', ''],
    ['100,000 characters', 'x'.repeat(100_000)],
  ];

  it.each(BROKEN)('with %s is not stored, not sent and in no message', async (_, access_token) => {
    const at = answering({ access_token });
    const error = await endOfSignIn(at);
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'token' });
    if (access_token !== '') expect(JSON.stringify([error.message, error])).not.toContain(JSON.stringify(access_token));
    expect(await at.store.list('session/')).toEqual([]);
    expect(at.to(SERVER_URL).filter(({ headers }) => headers.has('authorization'))).toEqual([]);
  });

  it.each([
    ['a number', 7],
    ['a list', ['at']],
    ['an object', { value: 'at' }],
    ['nothing', null],
    ['yes', true],
  ])('that is %s is none', async (_, access_token) => {
    expect(await endOfSignIn(answering({ access_token }))).toMatchObject({ code: 'invalid_response', stage: 'token' });
  });

  it.each([
    ['a line break', 'rt\r\nx'],
    ['letters beyond ASCII', 'rt\u00e9'],
    ['100,000 characters', 'x'.repeat(100_000)],
    ['a number', 7],
    ['a list', ['rt']],
  ])('for refreshes with %s is refused', async (_, refresh_token) => {
    expect(await endOfSignIn(answering({ refresh_token }))).toMatchObject({ code: 'invalid_response', stage: 'token' });
  });

  it('that is refused at a refresh leaves the session as it was, and nobody is asked to sign in', async () => {
    const at = closing(world());
    await at.finish(await at.begin());
    at.set({ [`${GOOD}/token`]: { access_token: 'at\r\nX: 1', token_type: 'Bearer' } });
    at.clock.advance(2 * 3_600_000);
    expect(await failure(at.provider.fetch(SERVER_URL, rpc('ping')))).toMatchObject({ code: 'invalid_response' });
    at.set(authorizationServer(GOOD));
    at.clock.advance(60_000);
    expect((await at.provider.fetch(SERVER_URL, rpc('ping'))).status).toBe(200);
  });
});

describe('a token type that was not asked for', () => {
  it.each([
    'mac',
    'N_A',
    'DPoP',
    'pop',
    'Bearer ',
    'constructor',
    '__proto__',
    'Bearer, DPoP',
    'b\u0435arer',
    ['mac'],
    ['Bearer'],
    { type: 'mac' },
  ])('%j: the token is not sent as a Bearer one', async (token_type) => {
    const at = answering({ token_type });
    expect(await endOfSignIn(at)).toMatchObject({ code: 'invalid_response', stage: 'token' });
    expect(at.to(SERVER_URL).filter(({ headers }) => headers.has('authorization'))).toEqual([]);
  });

  it('that is left out, or a name that a provider has for it, is Bearer', async () => {
    for (const token_type of [undefined, null, '', 'bearer', 'BEARER', 'user', 'bot']) {
      const at = answering({ token_type });
      await expect(at.finish(await at.begin())).resolves.toMatchObject({ signedIn: true });
    }
  });
});

describe('a lifetime', () => {
  it.each([
    -1,
    '-1',
    0,
    null,
    'NaN',
    'Infinity',
    '1e308',
    '0x10',
    ' ',
    true,
    [3600],
    { s: 1 },
  ])('of %j is none: the token holds until a 401', async (expires_in) => {
    const at = answering({ expires_in });
    const session = await at.finish(await at.begin());
    expect(session).toMatchObject({ signedIn: true });
    expect(session).not.toHaveProperty('expiresAt');
  });

  it.each([1e308, Number.MAX_SAFE_INTEGER, '999999999999999'])('of %j is cut to ten years', async (expires_in) => {
    const at = answering({ expires_in });
    const { expiresAt } = (await at.finish(await at.begin())) as { expiresAt: number };
    expect(expiresAt - at.clock.now()).toBeLessThanOrEqual(10 * 365 * 24 * 3_600_000);
  });
});

describe('a token answer', () => {
  const raw =
    (body: string, type = 'application/json', status = 200) =>
    () =>
      new Response(body, { status, headers: { 'content-type': type } });

  it.each([
    ['a list', '[{"access_token":"at","token_type":"Bearer"}]'],
    ['a text', '"at"'],
    ['a number', '7'],
    ['null', 'null'],
    ['nothing', ''],
    ['a page', '<html>Sign in to the hotel`s network</html>'],
    ['cut in the middle', '{"access_token":"at","token_ty'],
    ['JSON behind a page', '<html></html>{"access_token":"at","token_type":"Bearer"}'],
    ['two documents', '{"access_token":"at","token_type":"Bearer"}{}'],
    ['with its token in another object', '{"data":{"access_token":"at","token_type":"Bearer"}}'],
    ['with its token by inheritance', '{"__proto__":{"access_token":"at","token_type":"Bearer"}}'],
    [
      'deeper than anybody reads',
      `{"access_token":"at","token_type":"Bearer","x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
    ],
  ])('that is %s is refused, and a process that reads it goes on', async (_, body) => {
    const error = await endOfSignIn(answeringWith(raw(body)));
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'token' });
  });

  it('with members that objects inherit changes nothing in this process', async () => {
    const body =
      '{"access_token":"at","token_type":"Bearer","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const at = answeringWith(raw(body));
    await expect(at.finish(await at.begin())).resolves.toMatchObject({ signedIn: true });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('with a token and a status of failure is a failure', async () => {
    const at = answeringWith(raw('{"access_token":"at","token_type":"Bearer"}', 'application/json', 400));
    expect(await endOfSignIn(at)).toMatchObject({ code: 'token_request_failed', status: 400 });
  });

  it.each([
    ['without a signature', { alg: 'none' }, {}],
    ['of another issuer', { alg: 'RS256' }, { iss: 'https://evil.example.net' }],
    ['for another client', { alg: 'RS256' }, { aud: 'somebody' }],
    ['that is over', { alg: 'RS256' }, { exp: 1 }],
  ])('with an ID token %s says nothing about who signed in', async (_, header, claims) => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const own = { iss: GOOD, aud: 'client-of-as.example.com', sub: 'alice', iat: now, exp: now + 600, ...claims };
    const at = answering({ id_token: `${part(header)}.${part(own)}.${part('signature')}` });
    const session = await at.finish(await at.begin());
    expect(session).toMatchObject({ signedIn: true });
    expect(session).not.toHaveProperty('account');
  });
});

describe('an assertion of an identity provider (ID-JAG)', () => {
  const IDP = { issuer: 'https://idp.example.com', token_endpoint: 'https://idp.example.com/token' };
  const RESOURCE = 'https://mcp.example.com/mcp';
  const TYPE = 'urn:ietf:params:oauth:token-type:';
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwt = (claims: Record<string, unknown>, typ = 'oauth-id-jag+jwt') =>
    `${part({ alg: 'RS256', typ })}.${part({ iss: IDP.issuer, sub: 'alice', aud: ISSUER, exp: START / 1000 + 300, ...claims })}.c2ln`;
  const ask = (answer: Record<string, unknown>) => {
    const { fetch } = replies(
      json({ access_token: jwt({}), issued_token_type: `${TYPE}id-jag`, token_type: 'N_A', ...answer }),
    );
    const client = { client_id: 'client', token_endpoint_auth_method: 'none' };
    const asked = { authorizationServer: IDP, client, subjectToken: 'subject', audience: ISSUER, resource: RESOURCE };
    return requestIdJag(asked, { fetch, clock: new InstantClock() });
  };

  it.each([
    ['of another issuer', { access_token: jwt({ iss: 'https://evil.example.net' }) }],
    ['of several issuers', { access_token: jwt({ iss: [IDP.issuer, 'https://evil.example.net'] }) }],
    ['for another audience', { access_token: jwt({ aud: 'https://evil.example.net' }) }],
    [
      'for this audience and another one, which could be presented it',
      { access_token: jwt({ aud: [ISSUER, 'https://evil.example.net'] }) },
    ],
    ['for no audience', { access_token: jwt({ aud: [] }) }],
    ['for an audience that begins alike', { access_token: jwt({ aud: `${ISSUER}.evil.example.net` }) }],
    ['for another MCP server', { access_token: jwt({ resource: 'https://victim.example.com/mcp' }) }],
    [
      'for this MCP server and another one',
      { access_token: jwt({ resource: [RESOURCE, 'https://victim.example.com'] }) },
    ],
    ['that is an ID token', { access_token: jwt({}, 'JWT') }],
    ['that is an access token', { access_token: jwt({}, 'at+jwt') }],
    ['that is said to be an access token', { issued_token_type: `${TYPE}access_token` }],
    ['that is said to be a refresh token', { issued_token_type: `${TYPE}refresh_token` }],
    ['that is said to be a list', { issued_token_type: [`${TYPE}id-jag`] }],
    ['with a token type that objects inherit', { token_type: 'constructor' }],
    ['with a token type of its own', { token_type: 'mac' }],
    ['without an end', { access_token: jwt({ exp: undefined }) }],
    ['that has ended', { access_token: jwt({ exp: START / 1000 - 1 }) }],
  ])('%s is not sent on', async (_, answer) => {
    expect(await failure(ask(answer))).toMatchObject({ code: 'invalid_response', stage: 'token' });
  });

  it('of that provider, for that audience alone, is taken', async () => {
    await expect(ask({ access_token: jwt({ aud: [ISSUER], resource: RESOURCE }) })).resolves.toHaveProperty(
      'assertion',
    );
    await expect(ask({ access_token: jwt({ iss: `${IDP.issuer}/` }) })).resolves.toHaveProperty('assertion');
  });
});
