import { afterEach, describe, expect, it } from 'vitest';
import { dpopScene } from '../dpop/support.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const asBearer = (answer: Record<string, unknown>) => ({ ...answer, token_type: 'Bearer' });
const bearerSent = (sent: readonly { headers: Headers }[]) =>
  sent.filter(({ headers }) => /^bearer/i.test(headers.get('authorization') ?? ''));

describe('a server that switches from DPoP to Bearer', () => {
  it.each([
    'Bearer',
    'bearer',
    undefined,
  ])('token_type %s at the sign-in is an error that stores nothing', async (type) => {
    const { provider, resource, store, tamper, sent } = closing(await dpopScene());
    tamper.token = (answer) => ({ ...answer, token_type: type });
    const error = await failure(provider.fetch(resource.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'dpop_failed', stage: 'token' });
    expect(error.message).toContain('did not bind the token');
    expect(await store.list('session/')).toEqual([]);
    expect(bearerSent(sent)).toEqual([]);
  });

  it('at a refresh is an error too; the stored session is kept, and nothing is sent as a Bearer token', async () => {
    const world = closing(await dpopScene({ as: { rotateRefreshTokens: false } }));
    const { provider, resource, clock, tamper, sent, who } = world;
    await provider.fetch(resource.url, rpc('ping'));
    const before = await provider.tokens.current();
    clock.advance(2 * HOUR);
    tamper.token = asBearer;
    expect(await failure(provider.fetch(resource.url, rpc('ping')))).toMatchObject({
      code: 'dpop_failed',
      stage: 'token',
    });
    expect(await provider.tokens.reload()).toEqual(before);
    expect(bearerSent(sent)).toEqual([]);
    delete tamper.token;
    // What failed for good is not asked for again at once.
    clock.advance(2_000);
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('at a 401 in the middle of a session as well: no Bearer token, and no person is asked', async () => {
    const world = closing(await dpopScene());
    const { provider, resource, tamper, sent, who } = world;
    await provider.fetch(resource.url, rpc('ping'));
    resource.rejectToken((await provider.tokens.current())?.accessToken ?? '');
    tamper.token = asBearer;
    expect(await failure(provider.fetch(resource.url, rpc('ping')))).toMatchObject({ code: 'dpop_failed' });
    expect(bearerSent(sent)).toEqual([]);
    expect(who.tabs).toHaveLength(1);
  });

  it('a resource that answers with a Bearer challenge is not sent the bound token as one', async () => {
    const world = closing(await dpopScene());
    const { provider, resource, sent, who } = world;
    await provider.fetch(resource.url, rpc('ping'));
    resource.guard.settings.bearerOnly = true;
    expect(await failure(provider.fetch(resource.url, rpc('ping')))).toMatchObject({ code: 'token_rejected' });
    expect(resource.guard.bearerTokens).toEqual([]);
    expect(bearerSent(sent)).toEqual([]);
    expect(who.tabs).toHaveLength(2);
  });

  it('auto: a session that is bound stays so although the metadata no longer offers it, until it is signed out', async () => {
    let offers = true;
    const world = closing(
      await dpopScene({
        provider: { dpop: 'auto' },
        as: {
          editMetadata: ({ dpop_signing_alg_values_supported: algorithms, ...rest }) =>
            offers ? { ...rest, dpop_signing_alg_values_supported: algorithms } : rest,
        },
        resource: { metadataMembers: { dpop_signing_alg_values_supported: ['ES256'] } },
      }),
    );
    const { provider, resource, tamper, sent, another } = world;
    await provider.fetch(resource.url, rpc('ping'));
    expect(await provider.session()).toMatchObject({ dpop: true });
    offers = false;
    tamper.token = asBearer;
    resource.guard.settings.bearerOnly = true;
    // Another window, which knows nothing of before but what is stored.
    const window = another();
    expect(await failure(window.fetch(resource.url, rpc('ping')))).toMatchObject({ code: 'dpop_failed' });
    expect(await failure(window.authorize({ scope: 'mcp:write' }))).toMatchObject({ code: 'dpop_failed' });
    expect(bearerSent(sent)).toEqual([]);
    await window.signOut();
    delete tamper.token;
    expect(await window.authorize()).not.toHaveProperty('dpop');
    expect((await window.fetch(resource.url, rpc('ping'))).status).toBe(200);
  });
});

describe('a server that issues a bound token unasked', () => {
  it('is refused, since there is no key for it', async () => {
    const { provider, tamper } = closing(
      await dpopScene({ provider: { dpop: false }, resource: { dpop: { bearerOnly: true }, metadataMembers: {} } }),
    );
    tamper.token = (answer) => ({ ...answer, token_type: 'DPoP' });
    expect(await failure(provider.authorize())).toMatchObject({ code: 'invalid_response', stage: 'token' });
  });
});
