import { afterEach, describe, expect, it } from 'vitest';
import { bearerToken, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { dpopScene } from '../dpop/support.js';
import { thrown } from '../grants/support.js';
import { failure } from '../support/failure.js';
import { closers, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const ALGORITHMS = { dpop_signing_alg_values_supported: ['ES256'] };
const withoutDpop = ({ dpop_signing_alg_values_supported: _algorithms, ...rest }: Record<string, unknown>) => rest;
const BEARER_RESOURCE = { dpop: { bearerOnly: true }, metadataMembers: {} };

describe("dpop: 'auto'", () => {
  it.each([
    ['lists algorithms', ALGORITHMS],
    ['requires bound tokens', { dpop_bound_access_tokens_required: true }],
  ])('binds the tokens where the authorization server offers it and the resource %s', async (_, metadataMembers) => {
    const { provider, resource } = closing(
      await dpopScene({ provider: { dpop: 'auto' }, resource: { metadataMembers } }),
    );
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).toMatchObject({ dpop: true });
  });

  it('asks for Bearer tokens where the resource does not advertise it', async () => {
    const { provider, resource, who, sent } = closing(
      await dpopScene({ provider: { dpop: 'auto' }, resource: BEARER_RESOURCE }),
    );
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).not.toHaveProperty('dpop');
    expect(sent.filter(({ headers }) => headers.has('dpop'))).toEqual([]);
    expect(who.tabs[0]).not.toContain('dpop_jkt');
  });

  it('asks for Bearer tokens where the authorization server does not advertise it', async () => {
    const { provider, resource } = closing(
      await dpopScene({
        provider: { dpop: 'auto' },
        as: { editMetadata: withoutDpop },
        resource: { dpop: { bearerOnly: true }, metadataMembers: ALGORITHMS },
      }),
    );
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).not.toHaveProperty('dpop');
  });

  it('says before anyone is asked that bound tokens are needed and not to be had', async () => {
    const { provider, resource, who, as } = closing(
      await dpopScene({ provider: { dpop: 'auto' }, as: { editMetadata: withoutDpop } }),
    );
    expect(await failure(provider.fetch(resource.url, rpc('ping')))).toMatchObject({ code: 'dpop_failed' });
    expect(who.tabs).toEqual([]);
    expect(as.counts.count('registration')).toBe(0);
  });
});

describe('dpop: true', () => {
  it('is tried although nobody advertises it', async () => {
    const { provider, resource } = closing(
      await dpopScene({ as: { editMetadata: withoutDpop }, resource: { metadataMembers: {} } }),
    );
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).toMatchObject({ dpop: true });
  });

  it('is an error at a server that does not know it', async () => {
    const { provider } = closing(
      await dpopScene({ as: { features: { dPoP: { enabled: false } } }, resource: BEARER_RESOURCE }),
    );
    expect(await failure(provider.authorize())).toMatchObject({ code: 'dpop_failed', stage: 'token' });
  });
});

describe('without the option', () => {
  it('tokens are Bearer tokens', async () => {
    const { provider, resource } = closing(
      await dpopScene({
        provider: { dpop: false },
        resource: { dpop: { bearerOnly: true }, metadataMembers: ALGORITHMS },
      }),
    );
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).not.toHaveProperty('dpop');
  });

  it('a resource that needs bound tokens is an error that names it, before anyone is asked', async () => {
    const { provider, resource, who, as } = closing(await dpopScene({ provider: { dpop: false } }));
    const error = await failure(provider.fetch(resource.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'invalid_options' });
    expect(error.message).toContain('`dpop`');
    expect(who.tabs).toEqual([]);
    expect(as.counts.count('registration')).toBe(0);
  });
});

describe('the option', () => {
  const base = { serverUrl: 'https://mcp.example.com/mcp', store: new MemoryTokenStore() };

  it.each([
    ['another word', { dpop: 'always' as never }],
    ['a number', { dpop: 1 as never }],
    ['a token that someone else owns', { dpop: true, grant: bearerToken('key') }],
    ['a thumbprint of the application', { dpop: true, authorizationParameters: { dpop_jkt: 'x' } }],
  ])('refuses %s', (_, options) => {
    expect(thrown(() => createAuthProvider({ ...base, ...options }))).toMatchObject({ code: 'invalid_options' });
  });
});

describe('ways that cannot carry proofs', () => {
  const wanted = { code: 'invalid_options', message: expect.stringMatching(/withOAuth\(\) or the `fetch`/) as string };

  it('reject with a bound session, and requestInit has no Authorization', async () => {
    const { provider, who, another, resource } = closing(await dpopScene());
    await provider.authorize();
    // One that was made without the option shares the session.
    for (const window of [provider, another({ dpop: false })]) {
      const adapter = window.toOAuthClientProvider();
      const response = new Response(null, { status: 401 });
      expect(await failure(window.token())).toMatchObject(wanted);
      expect(await failure(window.onUnauthorized({ response }))).toMatchObject(wanted);
      expect(await failure(adapter.tokens())).toMatchObject(wanted);
      expect(await failure(adapter.prepareTokenRequest())).toMatchObject(wanted);
      expect(window.requestInit.headers).toEqual({});
      expect((await window.fetch(resource.url, rpc('ping'))).status).toBe(200);
      expect(window.requestInit.headers).toEqual({});
    }
    expect(who.tabs).toHaveLength(1);
  });

  it.each([true, 'auto'] as const)('ask nobody to sign in for it: dpop: %j', async (dpop) => {
    const { provider, who, store } = closing(await dpopScene({ provider: { dpop } }));
    const adapter = provider.toOAuthClientProvider();
    expect(await failure(adapter.prepareTokenRequest())).toMatchObject(wanted);
    const response = new Response(null, { status: 401 });
    expect(await failure(provider.onUnauthorized({ response }))).toMatchObject(wanted);
    expect(who.tabs).toEqual([]);
    expect(await store.list('transaction/')).toEqual([]);
  });

  it("work with 'auto' where tokens are Bearer tokens", async () => {
    const { provider } = closing(await dpopScene({ provider: { dpop: 'auto' }, resource: BEARER_RESOURCE }));
    await provider.authorize();
    expect(await provider.token()).toMatch(/^[\w.-]+$/);
    expect(provider.requestInit.headers).toHaveProperty('authorization');
    expect(await provider.toOAuthClientProvider().tokens()).toMatchObject({ token_type: 'Bearer' });
  });
});
