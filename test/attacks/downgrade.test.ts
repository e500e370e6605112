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
  world,
} from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const withMetadata = (metadata: Record<string, unknown>, options: Parameters<typeof world>[0] = {}) =>
  closing(world(options, authorizationServer(GOOD, { metadata })));

describe('PKCE stripped', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an empty list', []],
    ['plain alone', ['plain']],
    ['S256 in small letters', ['s256']],
    ['S256 with white space', ['S256 ']],
    ['S256 within a text', 'S256'],
    ['S256 within another list', [['S256']]],
    ['S256 beside a number', ['S256', 1]],
  ])('with %s in the metadata nobody is registered and nobody signs in', async (_, code_challenge_methods_supported) => {
    const at = withMetadata({ code_challenge_methods_supported });
    await expect(at.begin()).rejects.toMatchObject({ code: 'pkce_unsupported' });
    expect(at.to(`${GOOD}/register`)).toEqual([]);
  });

  it('in metadata that is fetched later is seen then', async () => {
    const at = closing(world());
    await at.finish(await at.begin());
    at.set(authorizationServer(GOOD, { metadata: { code_challenge_methods_supported: ['plain'] } }));
    await at.provider.signOut();
    at.clock.advance(700_000);
    await expect(at.begin()).rejects.toMatchObject({ code: 'pkce_unsupported' });
  });

  it('by hiding the metadata of a server that has resource metadata leads to no guessed endpoints', async () => {
    const at = closing(world());
    at.replies.delete(`${GOOD}/.well-known/oauth-authorization-server`);
    await expect(at.begin()).rejects.toMatchObject({ code: 'authorization_server_not_found' });
    expect(at.to(`${GOOD}/register`)).toEqual([]);
  });

  it('by hiding all metadata gains nothing: S256 and the verifier are sent to the guessed endpoints', async () => {
    const origin = 'https://mcp.example.com';
    const at = closing(
      world(
        {},
        {
          [`${origin}/register`]: () => json({ client_id: 'c', token_endpoint_auth_method: 'none' }, 201),
          [`${origin}/token`]: { access_token: 'at', token_type: 'Bearer' },
        },
      ),
    );
    at.replies.delete(RESOURCE_METADATA);
    const url = await at.begin();
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    await at.finish(url);
    expect(at.to(`${origin}/token`)[0]?.form.get('code_verifier')).toMatch(/^[\w-]{43,}$/);
  });

  it('each sign-in has a challenge and a state of its own, and the verifier is in no URL', async () => {
    const at = closing(world());
    const first = await at.begin();
    at.clock.advance(280_000);
    const second = await at.begin();
    for (const name of ['state', 'code_challenge']) {
      expect(first.searchParams.get(name)).not.toBe(second.searchParams.get(name));
    }
    await at.finish(second);
    const verifier = at.to(`${GOOD}/token`)[0]?.form.get('code_verifier') ?? '';
    expect(verifier).not.toBe('');
    expect(second.href).not.toContain(verifier);
    expect(JSON.stringify(at.events)).not.toContain(verifier);
  });
});

describe('a server that takes no plain request', () => {
  it.each([
    ['require_pushed_authorization_requests', /pushed authorization requests \(RFC 9126\)/],
    ['require_signed_request_object', /signed request objects \(RFC 9101\)/],
  ])('by %s is said to be that before anybody waits for a page that never calls back', async (member, said) => {
    const at = withMetadata({ [member]: true });
    const error = await at.begin().then(String, (thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({
      code: 'authorization_failed',
      stage: 'discovery',
      message: expect.stringMatching(said),
    });
    expect(at.to(`${GOOD}/register`)).toEqual([]);
    await expect(withMetadata({ [member]: 'true' }).begin()).resolves.toBeInstanceOf(URL);
  });
});

describe('DPoP stripped', () => {
  const ADVERTISED = { dpop_signing_alg_values_supported: ['ES256'] };

  it.each([
    ['a Bearer token', { token_type: 'Bearer' }],
    ['a token without a type', { token_type: null }],
    ['a token of a type of its own', { token_type: 'user' }],
  ])('%s in place of a bound one is not used', async (_, token) => {
    const at = closing(world({ dpop: true }, authorizationServer(GOOD, { metadata: ADVERTISED, token })));
    const url = await at.begin();
    expect(url.searchParams.get('dpop_jkt')).toMatch(/^[\w-]{43}$/);
    await expect(at.finish(url)).rejects.toMatchObject({ code: 'dpop_failed' });
    expect(await at.provider.session()).toMatchObject({ signedIn: false });
  });

  it.each([
    ['no algorithm', []],
    ['none', ['none']],
    ['shared secrets', ['HS256', 'HS512']],
    ['an algorithm that looks alike', ['es256', 'ES256 ']],
  ])('by %s in the metadata: with dpop: true nobody signs in for a Bearer token', async (_, algorithms) => {
    const at = withMetadata({ dpop_signing_alg_values_supported: algorithms }, { dpop: true });
    const url = await at.begin().catch((error: unknown) => error);
    // A server that names none takes any: then the key goes along, and the answer is held against it.
    if (url instanceof URL) await expect(at.finish(url)).rejects.toMatchObject({ code: 'dpop_failed' });
    else expect(url).toMatchObject({ code: 'dpop_failed' });
  });

  it('at the exchange of a device that steals the code: the proof is made with the key that the browser announced', async () => {
    const at = closing(
      world({ dpop: true }, authorizationServer(GOOD, { metadata: ADVERTISED, token: { token_type: 'DPoP' } })),
    );
    await at.finish(await at.begin());
    const proof = at.to(`${GOOD}/token`)[0]?.headers.get('dpop') ?? '';
    expect(proof.split('.')).toHaveLength(3);
  });

  it('a nonce of the MCP server is in no proof for the authorization server, and the other way round', async () => {
    const nonces: Record<string, (string | undefined)[]> = { as: [], mcp: [] };
    const nonceOf = ({ headers }: Sent) =>
      (
        JSON.parse(atob(headers.get('dpop')?.split('.')[1]?.replace(/-/g, '+').replace(/_/g, '/') ?? '')) as {
          nonce?: string;
        }
      ).nonce;
    const at = closing(
      world(
        { dpop: true },
        {
          ...authorizationServer(GOOD, { metadata: ADVERTISED }),
          [`${GOOD}/token`]: (sent) => {
            nonces['as']?.push(nonceOf(sent));
            const body = { access_token: 'at', token_type: 'DPoP', refresh_token: 'rt', expires_in: 3600 };
            return json(body, 200, { 'dpop-nonce': 'nonce-of-as' });
          },
          [SERVER_URL]: (sent) => {
            if (!sent.headers.has('dpop'))
              return json({}, 401, { 'www-authenticate': 'DPoP', 'dpop-nonce': 'too-early' });
            nonces['mcp']?.push(nonceOf(sent));
            return json({}, 200, { 'dpop-nonce': 'nonce-of-mcp' });
          },
        },
      ),
    );
    await at.finish(await at.begin());
    for (let call = 0; call < 2; call += 1) await at.provider.fetch(SERVER_URL, rpc('ping'));
    at.clock.advance(2 * 3_600_000);
    await at.provider.fetch(SERVER_URL, rpc('ping'));
    expect(nonces['as']).toEqual([undefined, 'nonce-of-as']);
    expect(nonces['mcp']).toEqual([undefined, 'nonce-of-mcp', 'nonce-of-mcp']);
  });

  it('a nonce that no header can carry is left alone', async () => {
    for (const nonce of ['a b', 'x'.repeat(2_000)]) {
      const at = closing(
        world(
          { dpop: true },
          {
            ...authorizationServer(GOOD, { metadata: ADVERTISED }),
            [`${GOOD}/token`]: () => json({ error: 'use_dpop_nonce' }, 400, { 'dpop-nonce': nonce }),
          },
        ),
      );
      await expect(at.finish(await at.begin())).rejects.toMatchObject({ code: 'dpop_failed' });
      expect(at.to(`${GOOD}/token`)).toHaveLength(1);
    }
  });
});

describe('a redirect of the token request', () => {
  it.each([301, 302, 303, 307, 308])('with %i takes neither code nor verifier anywhere', async (status) => {
    const at = closing(
      world({}, { [`${GOOD}/token`]: () => new Response(null, { status, headers: { location: `${EVIL}/token` } }) }),
    );
    await expect(at.finish(await at.begin())).rejects.toMatchObject({ code: 'redirect_refused' });
    expect(at.sent.filter(({ url }) => url.startsWith(EVIL))).toEqual([]);
  });
});
