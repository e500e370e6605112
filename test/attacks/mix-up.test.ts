import { afterEach, describe, expect, it } from 'vitest';
import { rpc } from '../auth-provider/support.js';
import { json } from '../grants/support.js';
import { closers } from '../with-oauth/support.js';
import {
  authorizationServer,
  EVIL,
  GOOD,
  RESOURCE_METADATA,
  SERVER_URL,
  type Sent,
  type Server,
  type World,
  world,
} from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = (...given: Parameters<typeof world>) => closing(world(...given));
/** What reached a host, in any form. */
const reached = ({ sent }: World, origin: string): Sent[] => sent.filter(({ url }) => url.startsWith(origin));
const withIss = (promised: boolean, rest: Server = {}): Parameters<typeof world> => [
  {},
  authorizationServer(GOOD, {
    ...rest,
    metadata: { authorization_response_iss_parameter_supported: promised, ...rest.metadata },
  }),
];

describe('`iss` in the callback (RFC 9207)', () => {
  it('is missing although the server promised it: the code is not redeemed', async () => {
    const at = open(...withIss(true));
    const url = await at.begin();
    await expect(at.finish(url)).rejects.toMatchObject({ code: 'issuer_mismatch', stage: 'callback' });
    expect(at.to(`${GOOD}/token`)).toEqual([]);
  });

  it.each([
    ['another server', EVIL],
    ['nobody', ''],
    ['the issuer with a slash', `${GOOD}/`],
    ['the issuer in capitals', GOOD.toUpperCase()],
    ['the issuer with its default port', `${GOOD}:443`],
    ['the issuer with an escape', 'https://as.example.co%6D'],
    ['the issuer with a dot after the host', `${GOOD}.`],
    ['the issuer with white space', ` ${GOOD}`],
    ['the issuer in letters that look alike', 'https://\u0430s.example.com'],
    ['the issuer with a fragment', `${GOOD}#`],
    ['the issuer with a query', `${GOOD}?`],
  ])('names %s, promised or not: the code is not redeemed', async (_, iss) => {
    for (const promised of [true, false]) {
      const at = open(...withIss(promised));
      const url = await at.begin();
      await expect(at.finish(url, { iss })).rejects.toMatchObject({ code: 'issuer_mismatch', stage: 'callback' });
      expect(at.to(`${GOOD}/token`)).toEqual([]);
    }
  });

  it('comes twice, the right one first: the code is not redeemed', async () => {
    const at = open(...withIss(true));
    const url = await at.begin();
    const callback = new URL(url.searchParams.get('redirect_uri') ?? '');
    callback.search = `state=${url.searchParams.get('state')}&code=c&iss=${GOOD}&iss=${EVIL}`;
    await expect(at.provider.finishAuthorization(callback)).rejects.toMatchObject({ code: 'invalid_callback' });
    expect(at.to(`${GOOD}/token`)).toEqual([]);
  });

  it('is wrong beside an error: not a word of that error is repeated', async () => {
    const at = open(...withIss(false));
    const url = await at.begin();
    const said = { error: 'access_denied', error_description: 'Call +1 555 0100', iss: EVIL };
    const error = await at.finish(url, said).then(String, (thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'issuer_mismatch' });
    expect(String(error)).not.toContain('555');
  });

  it('of the right server is taken, promised or not', async () => {
    for (const promised of [true, false]) {
      const at = open(...withIss(promised));
      await expect(at.finish(await at.begin(), { iss: GOOD })).resolves.toMatchObject({ signedIn: true, issuer: GOOD });
    }
  });
});

describe('a server that sends the person to another one', () => {
  /** The attacker's authorization server borrows the sign-in page of an honest one, under the client id that it has there. */
  const borrowing = (): Parameters<typeof world> => [
    {},
    {
      [RESOURCE_METADATA]: { resource: SERVER_URL, authorization_servers: [EVIL] },
      ...authorizationServer(EVIL, {
        metadata: { authorization_endpoint: `${GOOD}/authorize` },
        registration: { client_id: 'client-of-as.example.com' },
      }),
    },
  ];

  it('gets no code where the honest one says who it is', async () => {
    const at = open(...borrowing());
    const url = await at.begin();
    expect(url.origin).toBe(GOOD);
    await expect(at.finish(url, { iss: GOOD })).rejects.toMatchObject({ code: 'issuer_mismatch' });
    expect(at.to(`${EVIL}/token`)).toEqual([]);
  });

  it('cannot ask for a token for another MCP server than its own', async () => {
    const at = open(...borrowing());
    // An honest server binds the token to this, or refuses: RFC 8707.
    expect((await at.begin()).searchParams.getAll('resource')).toEqual([SERVER_URL]);
  });
});

describe('an authorization server that changes', () => {
  const moved = { [RESOURCE_METADATA]: { resource: SERVER_URL, authorization_servers: [EVIL] } };

  it('between the beginning and the callback does not get the code, nor the verifier', async () => {
    const at = open({}, authorizationServer(EVIL));
    const url = await at.begin();
    at.set(moved);
    await expect(at.finish(url)).resolves.toMatchObject({ issuer: GOOD });
    expect(reached(at, EVIL)).toEqual([]);
    expect(at.to(`${GOOD}/token`)).toHaveLength(1);
  });

  it('between two sign-ins: each code goes to the server that its own sign-in began at', async () => {
    const at = open({}, authorizationServer(EVIL));
    const first = await at.begin();
    at.set(moved);
    at.clock.advance(700_000);
    const second = await at.begin();
    expect([first.origin, second.origin]).toEqual([GOOD, EVIL]);
    // The code of the honest one, brought with the state of the attacker's sign-in, names its issuer.
    await expect(at.finish(second, { code: 'good', iss: GOOD })).rejects.toMatchObject({ code: 'issuer_mismatch' });
    expect(reached(at, EVIL).filter(({ body }) => body.includes('good'))).toEqual([]);
  });

  it('at a refresh gets no refresh token: it goes to the issuer that gave it, or nowhere', async () => {
    const at = open({}, authorizationServer(EVIL));
    await at.finish(await at.begin());
    at.set({ ...moved, [`${GOOD}/token`]: () => json({ error: 'invalid_grant' }, 400) });
    at.clock.advance(2 * 3_600_000);
    await expect(at.provider.fetch(SERVER_URL, rpc('ping'))).rejects.toMatchObject({ code: 'authorization_required' });
    expect(at.to(`${GOOD}/token`).filter(({ form }) => form.get('refresh_token') === 'rt-1')).toHaveLength(1);
    expect(reached(at, EVIL).filter(({ body }) => body.includes('rt-1'))).toEqual([]);
  });

  it('gets no client of another issuer: it has to register anew', async () => {
    const at = open({}, authorizationServer(EVIL));
    await at.finish(await at.begin());
    at.set(moved);
    await at.provider.signOut();
    at.clock.advance(700_000);
    const url = await at.begin();
    expect(url.searchParams.get('client_id')).toBe('client-of-evil.example.net');
    expect(reached(at, EVIL).filter(({ body }) => body.includes('client-of-as'))).toEqual([]);
  });

  it('only its token endpoint: a refresh stays where the session began while that works', async () => {
    const at = open();
    await at.finish(await at.begin());
    at.set(authorizationServer(GOOD, { metadata: { token_endpoint: `${EVIL}/token` } }));
    at.set({ [`${EVIL}/token`]: { access_token: 'x', token_type: 'Bearer' } });
    at.clock.advance(2 * 3_600_000);
    expect((await at.provider.fetch(SERVER_URL, rpc('ping'))).status).toBe(200);
    expect(reached(at, EVIL)).toEqual([]);
  });

  it('its metadata names another issuer at a refresh that fails: the refresh token is not presented there', async () => {
    const at = open();
    await at.finish(await at.begin());
    at.set(authorizationServer(GOOD, { metadata: { issuer: EVIL, token_endpoint: `${EVIL}/token` } }));
    at.set({ [`${GOOD}/token`]: () => json({}, 503), [`${EVIL}/token`]: { access_token: 'x', token_type: 'Bearer' } });
    at.clock.advance(2 * 3_600_000);
    await expect(at.provider.fetch(SERVER_URL, rpc('ping'))).rejects.toMatchObject({ code: 'server_unavailable' });
    expect(reached(at, EVIL)).toEqual([]);
  });
});

describe('metadata of another issuer than the one that was listed', () => {
  it.each([
    ['a slash more', `${GOOD}/`],
    ['the default port', `${GOOD}:443`],
    ['capitals', 'https://AS.example.com'],
    ['an escape', 'https://as.example.co%6d'],
    ['a query', `${GOOD}?tenant=a`],
    ['a fragment', `${GOOD}#a`],
    ['a path of another tenant', `${GOOD}/tenant`],
    ['a dot after the host', 'https://as.example.com.'],
    ['plain http', 'http://as.example.com'],
    ['letters that look alike', 'https://\u0430s.example.com'],
    ['white space', `${GOOD} `],
    ['a list', [GOOD]],
    ['an object', { toString: GOOD }],
    ['nothing', null],
  ])('with %s is refused before anything is registered', async (_, issuer) => {
    const at = open({}, authorizationServer(GOOD, { metadata: { issuer } }));
    await expect(at.begin()).rejects.toMatchObject({
      code: expect.stringMatching(/^(issuer_mismatch|invalid_response)$/),
      stage: 'discovery',
    });
    expect(at.to(`${GOOD}/register`)).toEqual([]);
  });

  it.each([
    ['user information', 'https://as.example.com@evil.example.net'],
    ['empty user information', 'https://@as.example.com'],
    ['a query', `${GOOD}?x=1`],
    ['a fragment', `${GOOD}#x`],
    ['dot segments', `${GOOD}/a/../b`],
    ['escaped dot segments', `${GOOD}/a/%2E%2e/b`],
    ['a host in escapes', 'https://%61s.example.com'],
    ['letters of another alphabet', 'https://\u0430s.example.com'],
    ['wide letters', 'https://\uff41s.example.com'],
    ['an ideographic full stop', 'https://as\u3002example.com'],
    ['a backslash', 'https://as.example.com\\@evil.example.net'],
    ['a number for a host', 'https://2130706433'],
    ['javascript', 'javascript:alert(1)//as.example.com'],
    ['a file', 'file:///etc/passwd'],
    ['data', 'data:application/json,{}'],
    ['no scheme', 'as.example.com'],
  ])('that was listed with %s is no issuer, and nothing is asked of it', async (_, listed) => {
    const at = open({}, { [RESOURCE_METADATA]: { resource: SERVER_URL, authorization_servers: [listed] } });
    await expect(at.begin()).rejects.toMatchObject({
      stage: 'discovery',
      code: expect.stringMatching(/^(invalid_response|address_refused)$/),
    });
    expect(at.sent.filter(({ url }) => !url.startsWith('https://mcp.example.com'))).toEqual([]);
  });
});
