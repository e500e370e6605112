import { afterEach, describe, expect, it } from 'vitest';
import type { AuthProvider, AuthProviderOptions } from '../../src/index.js';
import { failure, rejection } from '../support/failure.js';
import { canBind } from '../support/ports.js';
import { gate } from '../tokens/support.js';
import { absentPerson, hesitantPerson, MODERN, open, roundTrips, STREAMABLE } from '../with-oauth/support.js';
import { callbackOf, callTool, closers, person, redirectUriOf, rpc, type Scene, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SIGN_IN_MS = 300_000;

/** A scene whose person does nothing, with a sign-in under way that `begin` caused. */
async function pending<T>(
  begin: (world: Scene, signal: AbortSignal) => Promise<T>,
  options: Partial<AuthProviderOptions> = {},
) {
  const world = closing(await scene(options, {}, absentPerson()));
  const caller = new AbortController();
  const waiting = failure(begin(world, caller.signal));
  const redirectUri = await tab(world.who);
  return { ...world, caller, waiting, redirectUri };
}

/** The redirect URI of the tab with this number. */
async function tab({ tabs }: { readonly tabs: readonly string[] }, number = 1): Promise<string> {
  await until(() => tabs.length === number, `tab ${number}`);
  return redirectUriOf(tabs[number - 1] ?? '');
}

/** Resolves when somebody else could have the port, and nothing of the sign-in is left in the store. */
async function gone({ store }: Pick<Scene, 'store'>, redirectUri: string): Promise<void> {
  let left = true;
  const look = async () => {
    left = !(await canBind(redirectUri)) || (await leftovers(store)).length > 0;
  };
  await until(() => {
    void look();
    return !left;
  }, 'the end of the sign-in');
}

/** Pending sign-ins. How one failed stays for a few seconds, for other windows that waited for it. */
async function leftovers(store: Scene['store']): Promise<string[]> {
  const turns = await Promise.all((await store.list('sign-in/')).map((key) => store.get(key)));
  const running = turns.filter((turn) => turn !== undefined && !('failure' in JSON.parse(turn)));
  return [...(await store.list('transaction/')), ...running.filter((turn) => turn !== undefined)];
}

const authorize = ({ provider }: Scene, signal: AbortSignal): Promise<unknown> => provider.authorize({ signal });
const request = ({ provider, server }: Scene, signal: AbortSignal): Promise<unknown> =>
  provider.fetch(server.url, { ...rpc('ping'), signal });

describe('F23: a sign-in that waits for a person', () => {
  it.each([
    ['authorize({ signal })', authorize],
    ['a request', request],
  ])('ends with %s, its only waiter, and the next one works', async (_, begin) => {
    const world = await pending(begin);
    world.caller.abort('changed my mind');
    expect(await world.waiting).toMatchObject({ code: 'aborted', cause: 'changed my mind' });
    await gone(world, world.redirectUri);
    expect(world.events.at(-1)).toMatchObject({ type: 'sign_in_failed', error: { code: 'aborted' } });

    const present = closing(person());
    expect(await world.another({ openBrowser: present.openBrowser }).authorize()).toMatchObject({ signedIn: true });
  });

  it('goes on when one of two waiters leaves at once: the other gets its tokens', async () => {
    const who = closing(hesitantPerson());
    const { provider, server, store } = closing(await scene({ openBrowser: who.openBrowser }));
    who.wait();
    const leaving = new AbortController();
    const left = failure(provider.authorize({ signal: leaving.signal }));
    const redirectUri = await tab(who);
    const stays = provider.authorize({ signal: new AbortController().signal });
    const request = provider.fetch(server.url, rpc('ping'));
    await until(() => server.counts.count('mcp', 401) === 3, 'the others');
    leaving.abort();
    expect(await left).toMatchObject({ code: 'aborted' });
    expect(await canBind(redirectUri)).toBe(false);
    who.goOn();
    expect(await stays).toMatchObject({ signedIn: true });
    expect((await request).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
    await gone({ store }, redirectUri);
  });

  it('ends with close(), which resolves when the port is free', async () => {
    const { provider, waiting, redirectUri, store } = await pending(authorize);
    await provider.close();
    expect(await canBind(redirectUri)).toBe(true);
    expect(await leftovers(store)).toEqual([]);
    expect(await waiting).toMatchObject({ code: 'closed' });
  });

  it('ends with `options.signal`, for every waiter', async () => {
    const application = new AbortController();
    const world = await pending(authorize, { signal: application.signal });
    const second = failure(world.provider.authorize());
    await until(() => world.server.counts.count('mcp', 401) === 2, 'the second');
    application.abort();
    for (const each of [world.waiting, second]) expect(await each).toMatchObject({ code: 'closed' });
    await gone(world, world.redirectUri);
    expect(await failure(world.provider.authorize())).toMatchObject({ code: 'closed' });
  });

  it('ends at its time limit', async () => {
    const world = await pending(authorize);
    world.clock.advance(SIGN_IN_MS - 1_000);
    expect(await canBind(world.redirectUri)).toBe(false);
    world.clock.advance(1_000);
    expect(await world.waiting).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    await gone(world, world.redirectUri);
  });

  it('ends with signOut()', async () => {
    const world = await pending(authorize);
    await world.provider.signOut();
    expect(await world.waiting).toMatchObject({ code: 'signed_out' });
    await gone(world, world.redirectUri);
  });

  it('opens no port where the caller had left before', async () => {
    const { provider, who, events } = closing(await scene());
    const error = await failure(provider.authorize({ signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'aborted' });
    expect([who.tabs, events.filter(({ type }) => type === 'authorization_url')]).toEqual([[], []]);
  });
});

describe('F23: a sign-in that is at work', () => {
  it.each([
    ['discovers the authorization server', '/.well-known/oauth-authorization-server'],
    ['registers a client', '/register'],
  ])('ends while it %s: no tab is opened afterwards', async (_, path) => {
    const held = gate();
    let reached = false;
    const { provider, server, who, store, events } = closing(
      await scene(
        {},
        {
          async intercept({ url }) {
            if (url !== path) return false;
            reached = true;
            await held.promise;
            return false;
          },
        },
      ),
    );
    const caller = new AbortController();
    const waiting = failure(provider.authorize({ signal: caller.signal }));
    await until(() => reached, path);
    caller.abort();
    expect(await waiting).toMatchObject({ code: 'aborted' });
    held.open();
    await until(() => events.some(({ type }) => type === 'sign_in_failed'), 'the end of the sign-in');
    await roundTrips({ origin: server.issuer });
    expect([who.tabs, await leftovers(store)]).toEqual([[], []]);
  });

  it('ends while the code is exchanged: the browser gets a page, and nothing is stored', async () => {
    const held = gate();
    let reached = false;
    const pages: Promise<string>[] = [];
    const world = closing(
      await scene(
        { openBrowser: (url) => void pages.push(fetch(url).then((page) => page.text())) },
        {
          async intercept({ url }) {
            if (url !== '/token') return false;
            reached = true;
            await held.promise;
            return false;
          },
        },
      ),
    );
    const caller = new AbortController();
    const waiting = failure(world.provider.authorize({ signal: caller.signal }));
    await until(() => reached, 'the token request');
    const opened = world.events.find(({ type }) => type === 'authorization_url');
    caller.abort();
    expect(await waiting).toMatchObject({ code: 'aborted' });
    await gone(world, opened?.type === 'authorization_url' ? opened.redirectUri : '');
    held.open();
    expect(await pages[0]).toContain('<h1');
    expect(await pages[0]).not.toContain('You’re signed in');
    expect(await world.store.list('session/')).toEqual([]);
  });
});

describe('F23: a sign-in that a refused request caused in the middle of a session', () => {
  /** A session whose tokens were revoked, and a person who has left. */
  async function revoked() {
    const present = person();
    const absent = closing(absentPerson());
    const browser = { open: present.openBrowser };
    const world = closing(await scene({ openBrowser: (url) => browser.open(url) }, {}, present));
    await world.provider.authorize();
    browser.open = absent.openBrowser;
    return { ...world, browser, absent, present };
  }

  it('ends when all requests that wait have left, and the next request asks again', async () => {
    const { server, provider, absent, present, browser, store } = await revoked();
    server.revokeAllFamilies();
    const before = server.counts.count('mcp:ping', 401);
    const callers = Array.from({ length: 5 }, () => new AbortController());
    const calls = callers.map(({ signal }, id) =>
      failure(provider.fetch(server.url, { ...rpc('ping', {}, id), signal })),
    );
    const redirectUri = await tab(absent);
    await until(() => server.counts.count('mcp:ping', 401) === before + 5, 'the other refusals');
    for (const caller of callers) {
      expect(await canBind(redirectUri)).toBe(false);
      caller.abort();
    }
    for (const call of calls) expect(await call).toMatchObject({ code: 'aborted' });
    await gone({ store }, redirectUri);
    browser.open = present.openBrowser;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it('leaves the session as it was where the step-up`s caller left', async () => {
    const { server, provider, absent, store } = await revoked();
    const caller = new AbortController();
    const call = failure(provider.fetch(server.url, { ...callTool('create_issue'), signal: caller.signal }));
    const redirectUri = await tab(absent);
    caller.abort();
    expect(await call).toMatchObject({ code: 'aborted' });
    await gone({ store }, redirectUri);
    expect(await provider.session()).toMatchObject({ signedIn: true, scope: ['mcp:read'] });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it('opens no port where the question whether to step up was left by its callers', async () => {
    const asked: AbortSignal[] = [];
    const { provider, server, who, store } = closing(
      await scene({
        onStepUp: ({ signal }) => {
          asked.push(signal);
          return new Promise<boolean>(() => undefined);
        },
      }),
    );
    await provider.authorize();
    const caller = new AbortController();
    const call = failure(provider.fetch(server.url, { ...callTool('create_issue'), signal: caller.signal }));
    await until(() => asked.length === 1, 'the question');
    caller.abort();
    expect(await call).toMatchObject({ code: 'aborted' });
    await until(() => asked[0]?.aborted === true, 'the end of the question');
    expect([who.tabs.length, await leftovers(store)]).toEqual([1, []]);
  });
});

describe.each([...STREAMABLE, MODERN])('$name', (kind) => {
  it('F23: closing the client or the transport ends connect() and the sign-in in it', async () => {
    const { server, store } = closing(await scene());
    const who = closing(absentPerson());
    const opened = open(kind, server.url, { store, openBrowser: who.openBrowser });
    const outcome = rejection(opened.connect());
    const redirectUri = await tab(who);
    // A v2 client that negotiates the version does not know its transport until it has started.
    await (kind.modern ? opened.transport : opened).close();
    expect(await outcome).toMatchObject({ code: 'closed' });
    await gone({ store }, redirectUri);
  });

  it('F23: the `signal` option ends connect() and the sign-in in it', async () => {
    const { server, store } = closing(await scene());
    const who = closing(absentPerson());
    const application = new AbortController();
    const options = { store, openBrowser: who.openBrowser, signal: application.signal };
    const opened = closing(open(kind, server.url, options));
    const outcome = rejection(opened.connect());
    const redirectUri = await tab(who);
    application.abort();
    expect(await outcome).toMatchObject({ code: 'closed' });
    await gone({ store }, redirectUri);
  });
});

describe('F23: a sign-in that waits for finishAuthorization()', () => {
  const redirectUrl = 'com.example.app:/callback';

  it.each([
    ['the caller', ({ caller }: { caller: AbortController }) => caller.abort(), 'aborted'],
    ['close()', ({ provider }: { provider: AuthProvider }) => provider.close(), 'closed'],
  ])('ends with %s, and its callback then belongs to nobody', async (_, end, code) => {
    const world = closing(await scene({ redirectUrl }, {}, absentPerson()));
    const caller = new AbortController();
    const waiting = failure(world.provider.authorize({ signal: caller.signal }));
    await tab(world.who);
    const callback = await callbackOf(world.who.tabs[0] ?? '');
    await end({ ...world, caller });
    expect(await waiting).toMatchObject({ code });
    await until(() => world.events.some(({ type }) => type === 'sign_in_failed'), 'the end');
    expect(await failure(world.another().finishAuthorization(callback))).toMatchObject({ code: 'state_mismatch' });
    expect(world.server.counts.count('token')).toBe(0);
  });
});
