import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { FlakyStore, gate } from '../tokens/support.js';
import { callbackOf, callTool, closers, rpc, type Scene, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const redirectUrl = 'https://app.example.com/callback';

/** Nothing of a session is left, here or in the store, and no request goes out. */
async function expectSignedOut({ provider, server, store }: Pick<Scene, 'provider' | 'server' | 'store'>) {
  expect(await store.list('session/')).toEqual([]);
  expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
  const before = server.counts.count('mcp');
  expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  expect(server.counts.count('mcp')).toBe(before);
}

/** Whether the MCP server still takes a token. */
async function isGood(url: string, token: string): Promise<boolean> {
  const { status } = await fetch(url, { ...rpc('ping'), headers: { authorization: `Bearer ${token}` } });
  return status === 200;
}

/** The ways to new tokens: by the library itself, and by a callback that the application brings. */
const WAYS = [
  ['authorize()', {}, async ({ provider }: Scene) => ({ begin: () => provider.authorize() })],
  [
    'finishAuthorization()',
    { redirectUrl, openBrowser: undefined as never },
    async ({ provider }: Scene) => {
      const callback = await callbackOf((await failure(provider.authorize())).url as string);
      return { begin: () => provider.finishAuthorization(callback) };
    },
  ],
] as const;

describe.each(WAYS)('signOut() while %s', (_, options, prepare) => {
  it('F43: waits for the token endpoint: it fails with signed_out and nothing is stored', async () => {
    const token = gate();
    let asked = 0;
    const world = closing(
      await scene(options, {
        async intercept(request) {
          if (request.url !== '/token') return false;
          asked += 1;
          await token.promise;
          return false;
        },
      }),
    );
    const { begin } = await prepare(world);
    const waiting = failure(begin());
    await until(() => asked === 1, 'the token request');
    await world.provider.signOut();
    expect(await waiting).toMatchObject({ code: 'signed_out' });
    token.open();
    await until(() => world.server.counts.count('token') === 1, 'the token endpoint');
    await expectSignedOut(world);
  });

  it('F43: stores the new tokens: they are revoked at the server and removed again', async () => {
    const written = gate();
    const tokens: string[] = [];
    class SlowStore extends MemoryTokenStore {
      override async set(...args: Parameters<MemoryTokenStore['set']>) {
        if (args[0].startsWith('session/')) {
          tokens.push((JSON.parse(args[1]) as { tokens: { accessToken: string } }).tokens.accessToken);
          await written.promise;
        }
        return super.set(...args);
      }
    }
    const store = new SlowStore();
    const world = closing(await scene({ ...options, store }));
    const { begin } = await prepare(world);
    const waiting = failure(begin());
    await until(() => tokens.length === 1, 'the write');
    expect(await isGood(world.server.url, tokens[0] as string)).toBe(true);
    const signingOut = world.provider.signOut();
    written.open();
    await signingOut;
    expect(await waiting).toMatchObject({ code: 'signed_out' });
    await until(() => world.server.counts.count('revoke', 200) >= 2, 'the revocation');
    expect(await isGood(world.server.url, tokens[0] as string)).toBe(false);
    await expectSignedOut({ ...world, store });
  });

  it('F43: gets its answer, at whichever step: never signed in afterwards', async () => {
    let steps = -1;
    let signingOut: Promise<unknown> = Promise.resolve();
    const world: Scene = closing(
      await scene({
        ...options,
        async fetch(input, init) {
          const response = await fetch(input, init);
          if (!String(input).endsWith('/token')) return response;
          const answer = Response.json(await response.json());
          signingOut = (async () => {
            for (let step = 0; step < steps; step += 1) await Promise.resolve();
            await world.provider.signOut();
          })();
          return answer;
        },
      }),
    );
    for (steps = 0; steps <= 60; steps += 1) {
      const { begin } = await prepare(world);
      const code = await begin().then(
        () => 'signed_out',
        (error: { code: string }) => error.code,
      );
      await signingOut;
      expect([steps, code]).toEqual([steps, 'signed_out']);
      await expectSignedOut(world);
    }
  });
});

describe('signOut()', () => {
  it('F43: where the store cannot delete, no way of this provider hands the token out or sends it any more', async () => {
    const store = new FlakyStore();
    const { provider, server } = closing(await scene({ store }));
    await provider.authorize();
    store.failing.delete = () => new Error('read-only');
    expect(await failure(provider.signOut())).toMatchObject({ code: 'store_failed', stage: 'store' });
    expect(await store.list('session/')).toHaveLength(1);
    const before = server.counts.count('mcp');
    const adapter = provider.toOAuthClientProvider();
    for (let call = 0; call < 2; call += 1) {
      for (const use of [
        () => provider.fetch(server.url, rpc('ping')),
        () => provider.token(),
        () => adapter.tokens(),
        () => adapter.prepareTokenRequest(),
      ]) {
        expect(await failure(use())).toMatchObject({ code: 'signed_out' });
      }
      expect(provider.requestInit.headers).toEqual({});
      // It reads the store, where the tokens still are.
      await provider.session();
    }
    expect(server.counts.count('mcp')).toBe(before);
    expect(server.counts.count('token:refresh_token')).toBe(0);
  });

  it('F43: inside onStepUp ends the step-up, and no tab is opened', async () => {
    const { provider, server, who, store } = closing(
      await scene({
        async onStepUp() {
          await provider.signOut();
          return true;
        },
      }),
    );
    await provider.authorize();
    expect(await failure(provider.fetch(server.url, callTool('create_issue')))).toMatchObject({ code: 'signed_out' });
    expect(who.tabs).toHaveLength(1);
    await expectSignedOut({ provider, server, store });
  });

  it('F43: is over for this window too once another came back and authorize() is called here', async () => {
    const { provider, another, server, who } = closing(await scene());
    await provider.authorize();
    await provider.signOut();
    await another().authorize();
    expect(await provider.authorize()).toMatchObject({ signedIn: true, signedOut: false });
    expect(await provider.session()).toMatchObject({ signedOut: false });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
  });

  it('leaves nothing of the account with forgetAccount, and this provider stays signed out', async () => {
    const { provider, another, server, store, who } = closing(await scene({ account: 'alice' }));
    await provider.authorize();
    await provider.signOut({ forgetAccount: true });
    expect((await store.list('')).filter((key) => /^(session|signed-out)\//.test(key))).toEqual([]);
    await expectSignedOut({ provider, server, store });
    // Another one does not know the account: it may sign in.
    expect(await another().session()).toMatchObject({ signedIn: false, signedOut: false });
    expect(who.tabs).toHaveLength(1);
  });

  it('says so where the store does not let go of the mark', async () => {
    const store = new FlakyStore();
    const { provider } = closing(await scene({ store }));
    await provider.authorize();
    const forget = store.delete.bind(store);
    store.delete = async (key) => {
      if (key.startsWith('signed-out/')) throw new Error('no');
      await forget(key);
    };
    expect(await failure(provider.signOut({ forgetAccount: true }))).toMatchObject({ code: 'store_failed' });
  });
});
