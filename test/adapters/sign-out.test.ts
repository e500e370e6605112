import { afterEach, describe, expect, it } from 'vitest';
import { closers, rpc, scene } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** The SDK has the form of a refresh and is about to bring its answer. */
async function refreshing() {
  const world = closing(await scene());
  await world.provider.authorize();
  const adapter = world.provider.toOAuthClientProvider();
  const form = await adapter.prepareTokenRequest();
  expect(form.get('grant_type')).toBe('refresh_token');
  const answer = { access_token: 'late', token_type: 'Bearer', refresh_token: 'late-refresh', expires_in: 3_600 };
  const expectSignedOut = async () => {
    const { provider, server, store } = world;
    const requests = server.counts.count('mcp');
    expect(await store.list('session/')).toEqual([]);
    expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    for (const call of [
      () => provider.fetch(server.url, rpc('ping')),
      () => provider.token(),
      () => adapter.tokens(),
      () => adapter.prepareTokenRequest(),
    ]) {
      expect(await failure(call())).toMatchObject({ code: 'signed_out' });
    }
    expect(provider.requestInit.headers).toEqual({});
    expect(server.counts.count('mcp')).toBe(requests);
  };
  return { ...world, adapter, answer, expectSignedOut };
}

describe('signOut() between prepareTokenRequest() and saveTokens()', () => {
  it('F43: comes to its end, the late answer is refused, and no token is sent', async () => {
    const { provider, adapter, answer, expectSignedOut } = await refreshing();
    expect(await provider.signOut()).toEqual({
      revoked: true,
      registrationDeleted: false,
      registrationForgotten: false,
    });
    expect(await failure(adapter.saveTokens(answer))).toMatchObject({ code: 'signed_out' });
    await expectSignedOut();
  });

  it('F43: at whichever step of saveTokens(): no deadlock, and never signed in afterwards', async () => {
    for (let steps = 0; steps <= 40; steps += 1) {
      const { provider, adapter, answer, expectSignedOut } = await refreshing();
      const saving = adapter.saveTokens(answer).catch(() => undefined);
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      await Promise.all([provider.signOut(), saving]);
      await expectSignedOut();
      await closeAll();
    }
  }, 60_000);
});
