import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { dpopScene } from '../dpop/support.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('nonces of the resource', () => {
  it('one that is asked for costs one retry, no refresh and no sign-in; then it is used', async () => {
    const world = closing(await dpopScene({ resource: { dpop: { nonces: 'fixed' } } }));
    const { provider, resource, who, sent } = world;
    await provider.authorize();
    sent.length = 0;
    for (let call = 0; call < 3; call += 1) expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(sent.map(({ status }) => status)).toEqual([401, 200, 200, 200]);
    expect(new Set(resource.guard.proofs.map(({ jti }) => jti)).size).toBe(4);
    expect(who.tabs).toHaveLength(1);
  });

  it('a nonce that changes on every answer works, one after the other and at once', async () => {
    const world = closing(await dpopScene({ resource: { dpop: { nonces: 'each' } } }));
    const { provider, resource, who, sent } = world;
    await provider.authorize();
    sent.length = 0;
    for (let call = 0; call < 5; call += 1) expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(resource.guard.refusals).toEqual(['use_dpop_nonce']);
    const answers = await Promise.all(times(10, () => provider.fetch(resource.url, rpc('ping'))));
    expect(answers.map(({ status }) => status)).toEqual(times(10, () => 200));
    expect(world.tokenRequests()).toEqual([]);
    expect(who.tabs).toHaveLength(1);
  });

  it.each([
    ['POST', rpc('ping')],
    ['GET', { headers: { accept: 'text/event-stream' } }],
    ['DELETE', { method: 'DELETE' }],
  ])('a %s that is refused every nonce ends in a typed error after one retry, with nothing lost', async (_, init) => {
    const world = closing(await dpopScene({ resource: { dpop: { nonces: 'refused' } } }));
    const { provider, resource, who, sent } = world;
    await provider.authorize();
    for (let call = 0; call < 3; call += 1) {
      sent.length = 0;
      const error = await failure(provider.fetch(resource.url, init));
      expect(error).toMatchObject({
        code: 'dpop_failed',
        stage: 'resource',
        status: 401,
        oauthError: 'use_dpop_nonce',
      });
      expect(sent.map(({ status }) => status)).toEqual([401, 401]);
    }
    expect(who.tabs).toHaveLength(1);
    resource.guard.settings.nonces = 'each';
    expect((await provider.fetch(resource.url, init)).ok).toBe(true);
  });
});

describe('nonces of the authorization server', () => {
  it('one that is asked for costs one retry of the code exchange, and none of the refresh', async () => {
    const world = closing(await dpopScene({ as: { requireNonce: () => true } }));
    const { provider, resource, clock, who } = world;
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(world.tokenRequests().map(({ status }) => status)).toEqual([400, 200]);
    clock.advance(2 * HOUR);
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(world.tokenRequests().map(({ status }) => status)).toEqual([400, 200, 200]);
    expect(who.tabs).toHaveLength(1);
  });

  /** An authorization server that refuses every nonce while it is told to. */
  async function refusing() {
    const state = { refuses: false, requests: 0 };
    const world = await dpopScene({
      as: {
        intercept(request, response) {
          if (!state.refuses || request.url !== '/token') return false;
          state.requests += 1;
          sendJson(response, 400, { error: 'use_dpop_nonce' }, { 'dpop-nonce': `nonce-${state.requests}` });
          return true;
        },
      },
    });
    return Object.assign(closing(world), { state });
  }

  it('that it refuses every time end the sign-in with a typed error after one retry', async () => {
    const { provider, state, store, who } = await refusing();
    state.refuses = true;
    const error = await failure(provider.authorize());
    expect(error).toMatchObject({ code: 'dpop_failed', stage: 'token', status: 400, oauthError: 'use_dpop_nonce' });
    expect(state.requests).toBe(2);
    expect(who.tabs).toHaveLength(1);
    expect(await store.list('session/')).toEqual([]);
    expect(await store.list('transaction/')).toEqual([]);
    state.refuses = false;
    expect(await provider.authorize()).toMatchObject({ signedIn: true, dpop: true });
  });

  it('that it refuses every time end a refresh in the same way, and the refresh token is kept', async () => {
    const { provider, state, resource, clock, who } = await refusing();
    await provider.authorize();
    clock.advance(2 * HOUR);
    state.refuses = true;
    const error = await failure(provider.fetch(resource.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'dpop_failed', stage: 'token' });
    expect(state.requests).toBe(2);
    expect(await provider.session()).toMatchObject({ signedIn: true, refreshable: true });
    state.refuses = false;
    // What failed for good is not asked for again at once.
    clock.advance(2_000);
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('clocks', () => {
  it.each([
    3_600_000, -3_600_000,
  ])('a resource whose clock is %i ms away is met with one retry, and then its time is known', async (away) => {
    const world = closing(await dpopScene({ resource: { dpop: { now: () => Date.now() + away } } }));
    const { provider, resource, sent } = world;
    await provider.authorize();
    sent.length = 0;
    const answers = await Promise.all(times(5, () => provider.fetch(resource.url, rpc('ping'))));
    expect(answers.map(({ status }) => status)).toEqual(times(5, () => 200));
    sent.length = 0;
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(sent.map(({ status }) => status)).toEqual([200]);
    // The other server has its own.
    expect(world.tokenRequests()).toEqual([]);
  });

  it('an authorization server that has another time, and no nonces, is met in the same way', async () => {
    const world = closing(await dpopScene({ as: { features: { dPoP: { enabled: true } } } }));
    const { provider, resource, clock, who } = world;
    clock.advance(2 * HOUR);
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(world.tokenRequests().map(({ status }) => status)).toEqual([400, 200]);
    expect(who.tabs).toHaveLength(1);
  });

  it('a proof that is refused at the right time ends in a typed error at once, with nothing lost', async () => {
    // What the header says is not what the server goes by.
    const world = closing(await dpopScene({ resource: { dpop: { skewMs: HOUR } } }));
    const { provider, resource, sent } = world;
    await provider.authorize();
    sent.length = 0;
    const error = await failure(provider.fetch(resource.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'dpop_failed', stage: 'resource', oauthError: 'invalid_dpop_proof' });
    expect(sent).toHaveLength(1);
    resource.guard.settings.skewMs = 0;
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
  });
});
