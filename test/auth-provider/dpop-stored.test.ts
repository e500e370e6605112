import { afterEach, describe, expect, it } from 'vitest';
import type { AuthProvider } from '../../src/index.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { type DpopScene, dpopScene } from '../dpop/support.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const BEARER = { provider: { dpop: false }, resource: { dpop: { bearerOnly: true }, metadataMembers: {} } } as const;
const bearerSent = ({ sent }: DpopScene) =>
  sent.filter(({ headers }) => /^bearer/i.test(headers.get('authorization') ?? ''));

async function tokensOf(provider: AuthProvider): Promise<TokenSet> {
  const tokens = await provider.tokens.current();
  if (tokens === undefined) throw new Error('there is no session');
  return tokens;
}

const DAMAGE: readonly [string, (tokens: TokenSet) => TokenSet][] = [
  [
    'lost',
    ({ context, ...tokens }) => {
      const { dpop: _lost, ...rest } = context ?? {};
      return { ...tokens, context: rest };
    },
  ],
  ['no key', ({ context, ...tokens }) => ({ ...tokens, context: { ...context, dpop: { kty: 'EC' } } })],
  [
    'not what it says',
    ({ context, ...tokens }) => {
      const dpop = { ...(context?.['dpop'] as object), x: 'AAAA', d: 'AAAA' };
      return { ...tokens, context: { ...context, dpop } };
    },
  ],
];

describe.each(DAMAGE)('a key that is %s', (_, damage) => {
  it('is an error without any Bearer token, also when the token is over, and authorize() repairs it', async () => {
    for (const wait of [0, 2 * HOUR]) {
      const world = closing(await dpopScene());
      const { provider, resource, clock, who } = world;
      await provider.authorize();
      await provider.tokens.setTokens(damage(await tokensOf(provider)));
      clock.advance(wait);
      const refreshes = world.tokenRequests().length;
      expect(await failure(provider.fetch(resource.url, rpc('ping')))).toMatchObject({ code: 'store_unreadable' });
      expect(world.tokenRequests()).toHaveLength(refreshes);
      expect(await provider.authorize()).toMatchObject({ signedIn: true, dpop: true });
      expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
      expect(who.tabs).toHaveLength(2);
      expect(bearerSent(world)).toEqual([]);
    }
  });

  it('is replaced by a key and not by Bearer tokens, by a window without the option too', async () => {
    for (const wait of [0, 2 * HOUR]) {
      const world = closing(await dpopScene({ resource: { metadataMembers: {} } }));
      const { provider, resource, clock, another } = world;
      await provider.authorize();
      await provider.tokens.setTokens(damage(await tokensOf(provider)));
      clock.advance(wait);
      const window = another({ dpop: false });
      expect(await window.authorize()).toMatchObject({ signedIn: true, dpop: true });
      expect((await window.fetch(resource.url, rpc('ping'))).status).toBe(200);
      expect(bearerSent(world)).toEqual([]);
    }
  });
});

describe('a bound session', () => {
  it('stays bound for a window without the option, when it asks for more scope or renews', async () => {
    const world = closing(await dpopScene({ resource: { metadataMembers: {} } }));
    const { provider, resource, clock, another } = world;
    await provider.authorize();
    const window = another({ dpop: undefined as never });
    expect(await window.authorize({ scope: 'mcp:write' })).toMatchObject({ dpop: true });
    clock.advance(2 * HOUR);
    expect((await window.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await window.session()).toMatchObject({ dpop: true });
    expect(bearerSent(world)).toEqual([]);
  });

  it('takes no unbound token from the store afterwards: it is renewed with a proof, until signOut()', async () => {
    const world = closing(await dpopScene({ provider: { dpop: 'auto' }, resource: { metadataMembers: ALGORITHMS } }));
    const { provider, resource } = world;
    await provider.fetch(resource.url, rpc('ping'));
    const { context, ...tokens } = await tokensOf(provider);
    const { dpop: _key, ...rest } = context ?? {};
    await provider.tokens.setTokens({ ...tokens, tokenType: 'bearer', context: rest });
    expect(provider.requestInit.headers).toEqual({});
    expect(await failure(provider.token())).toMatchObject({ code: 'invalid_options' });
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).toMatchObject({ dpop: true });
    expect(bearerSent(world)).toEqual([]);
  });
});

const ALGORITHMS = { dpop_signing_alg_values_supported: ['ES256'] };

describe('dpop: true over a Bearer session', () => {
  it('authorize() renews it with a proof, without a person', async () => {
    const world = closing(await dpopScene(BEARER));
    const { provider, another, who } = world;
    await provider.authorize();
    expect(await another({ dpop: true }).authorize()).toMatchObject({ dpop: true });
    expect(who.tabs).toHaveLength(1);
  });

  it.each([
    ['fetch', (bound: AuthProvider, url: string) => bound.fetch(url, rpc('ping'))],
    ['authorize()', (bound: AuthProvider) => bound.authorize()],
  ])('that cannot be renewed is replaced by a sign-in, by %s', async (_, use) => {
    const world = closing(await dpopScene(BEARER));
    const { provider, resource, another, who } = world;
    await provider.authorize();
    const { refreshToken: _none, ...tokens } = await tokensOf(provider);
    await provider.tokens.setTokens(tokens);
    resource.guard.settings.bearerOnly = false;
    const bound = another({ dpop: true });
    await use(bound, resource.url);
    expect(await bound.session()).toMatchObject({ dpop: true });
    expect((await bound.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
    expect(bearerSent(world)).toEqual([]);
  });

  it('at a server that does not bind it is an error, and nothing is sent', async () => {
    const world = closing(await dpopScene(BEARER));
    const { provider, resource, another, tamper } = world;
    await provider.authorize();
    tamper.token = (answer) => ({ ...answer, token_type: 'Bearer' });
    const error = await failure(another({ dpop: true }).fetch(resource.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'dpop_failed' });
    expect(bearerSent(world)).toEqual([]);
  });
});
