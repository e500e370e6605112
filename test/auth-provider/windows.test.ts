import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuthEvent, AuthProviderOptions } from '../../src/index.js';
import { hesitantPerson } from '../with-oauth/support.js';
import {
  callbackOf,
  callTool,
  closers,
  failure,
  isPortFree,
  person,
  redirectUriOf,
  rpc,
  type Scene,
  scene,
  until,
} from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** Windows of one application: providers over one store, and a person who answers when told to. */
async function windows(count: number, serverOptions: Parameters<typeof scene>[1] = {}) {
  const who = hesitantPerson();
  who.wait();
  const world = closing(await scene({}, serverOptions, who));
  const all = Array.from({ length: count }, () => {
    const events: AuthEvent[] = [];
    const provider = world.another({ onEvent: (event) => events.push(event) });
    return { provider, events, ping: () => provider.fetch(world.server.url, rpc('ping')) };
  });
  return { ...world, who, all };
}

const types = (events: readonly AuthEvent[]) => events.map(({ type }) => type);
const elsewhere = (events: readonly AuthEvent[]) => events.filter(({ type }) => type === 'sign_in_elsewhere');

/** A browser that brings the answer "no" back. */
async function deny(url: string): Promise<void> {
  const back = new URL(await callbackOf(url));
  const answer = new URL(back.origin + back.pathname);
  for (const name of ['state', 'iss']) answer.searchParams.set(name, back.searchParams.get(name) ?? '');
  answer.searchParams.set('error', 'access_denied');
  await fetch(answer);
}

describe('several windows over one store', () => {
  it('F2 F13: eight that start together open one tab and register once, and all of them work', async () => {
    const { all, who, server } = await windows(8);
    const waiting = all.map(({ ping }) => ping());
    await until(() => all.filter(({ events }) => elsewhere(events).length > 0).length === 7, 'seven that wait');
    who.goOn();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(who.tabs).toHaveLength(1);
    expect(server.counts.count('register')).toBe(1);
    expect(server.counts.count('token:authorization_code')).toBe(1);
    expect(all.filter(({ events }) => types(events).includes('adopted'))).toHaveLength(7);
  });

  it('the one that waits is told the URL of the tab that is open, once it is known', async () => {
    const { all, who } = await windows(2);
    const waiting = all.map(({ ping }) => ping());
    const urls = () =>
      all.flatMap(({ events }) => elsewhere(events).flatMap((event) => ('url' in event ? event.url : [])));
    await until(() => urls().length > 0, 'the URL');
    expect(urls()).toEqual([who.tabs[0]]);
    who.goOn();
    await Promise.all(waiting);
  });

  it('when the first is cancelled the second takes over, with a tab of its own', async () => {
    const { all, who, server } = await windows(2);
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const cancelled = new AbortController();
    const first = failure(one.provider.authorize({ signal: cancelled.signal }));
    await until(() => who.tabs.length === 1, 'the first tab');
    const second = two.ping();
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    cancelled.abort();
    expect(await first).toMatchObject({ code: 'aborted' });
    await until(() => who.tabs.length === 2, 'the second tab');
    who.goOn();
    expect((await second).status).toBe(200);
    expect(await isPortFree(redirectUriOf(who.tabs[0] as string))).toBe(true);
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });

  it('when the first is closed the second takes over', async () => {
    const { all, who } = await windows(2);
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const first = failure(one.ping());
    await until(() => who.tabs.length === 1, 'the first tab');
    const second = two.ping();
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    await one.provider.close();
    expect(await first).toMatchObject({ code: 'closed' });
    await until(() => who.tabs.length === 2, 'the second tab');
    who.goOn();
    expect((await second).status).toBe(200);
  });

  it('when the first dies the second takes over as soon as its record is over, and not before', async () => {
    const { another, store, server, who } = await windows(0);
    const key = `sign-in/${encodeURIComponent(server.url)}/`;
    await store.set(key, JSON.stringify({ owner: 'a process that is gone', wanted: '', beat: 1 }), { ttlMs: 10_000 });
    const reads = vi.spyOn(store, 'get');
    const waiting = another().fetch(server.url, rpc('ping'));
    await until(() => reads.mock.calls.filter(([read]) => read === key).length > 20, 'twenty looks');
    expect(who.tabs).toHaveLength(0);
    // As the store does when the record's lifetime is over.
    await store.delete(key);
    await until(() => who.tabs.length === 1, 'the tab');
    who.goOn();
    expect((await waiting).status).toBe(200);
  });

  it('a denied consent is denied for those who waited too, and the next request asks again', async () => {
    const { all, who, server } = await windows(3);
    const waiting = all.map(({ ping }) => failure(ping()));
    await until(() => all.filter(({ events }) => elsewhere(events).length > 0).length === 2, 'two that wait');
    await until(() => who.tabs.length === 1, 'the tab');
    await deny(who.tabs[0] as string);
    const errors = await Promise.all(waiting);
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('access_denied'));
    expect(errors.filter(({ message }) => message.includes('another window'))).toHaveLength(2);
    expect(who.tabs).toHaveLength(1);
    expect(server.counts.count('token')).toBe(0);
    const again = all[2]?.ping();
    await until(() => who.tabs.length === 2, 'another tab');
    who.goOn();
    expect((await again)?.status).toBe(200);
  });

  it('one that may not ask a person does not wait for another one either', async () => {
    const { all, who, another, server } = await windows(1);
    const first = all[0]?.ping();
    await until(() => who.tabs.length === 1, 'the tab');
    const quiet = another({ interactive: false });
    expect(await failure(quiet.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    who.goOn();
    await first;
  });

  it('a caller that leaves ends its own wait and not the sign-in of the other window', async () => {
    const { all, who } = await windows(2);
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const first = one.ping();
    await until(() => who.tabs.length === 1, 'the tab');
    const leaving = new AbortController();
    const second = failure(two.provider.authorize({ signal: leaving.signal }));
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    leaving.abort();
    expect(await second).toMatchObject({ code: 'aborted' });
    who.goOn();
    expect((await first).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('a sign-out in the first window ends the wait of the second without a tab', async () => {
    const { all, who } = await windows(2);
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const first = failure(one.ping());
    await until(() => who.tabs.length === 1, 'the tab');
    const second = failure(two.ping());
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    await one.provider.signOut();
    expect((await first).code).toBe('signed_out');
    expect((await second).code).toBe('signed_out');
    expect(who.tabs).toHaveLength(1);
  });

  it('F26: twenty 403s for one scope in four windows open one tab', async () => {
    const { all, who, server } = await windows(4);
    who.goOn();
    for (const { ping } of all) await ping();
    who.wait();
    const refused = all.flatMap(({ provider }) =>
      Array.from({ length: 5 }, () => provider.fetch(server.url, callTool('create_issue'))),
    );
    await until(() => all.filter(({ events }) => elsewhere(events).length > 0).length === 3, 'three that wait');
    who.goOn();
    expect((await Promise.all(refused)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(who.tabs).toHaveLength(2);
    expect(server.counts.count('token:authorization_code')).toBe(2);
  });

  it('a window that wants more than the other one got has its turn after it', async () => {
    const { all, who } = await windows(2, { scopesSupported: ['mcp:read', 'mcp:write'] });
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const first = one.provider.authorize({ scope: 'mcp:read' });
    await until(() => who.tabs.length === 1, 'the tab');
    const second = two.provider.authorize({ scope: 'extra' });
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    who.goOn();
    expect((await first).signedIn).toBe(true);
    expect((await second).scope).toContain('extra');
    expect(who.tabs).toHaveLength(2);
  });

  it('accounts do not wait for each other', async () => {
    const { another, who, server } = await windows(0);
    const waiting = ['alice', 'bob'].map((account) => another({ account }).fetch(server.url, rpc('ping')));
    await until(() => who.tabs.length === 2, 'two tabs');
    who.goOn();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('a failure to reach the server fails those who waited as one that can be tried again, and nobody is prompted', async () => {
    const { all, who, server } = await windows(2);
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const first = failure(one.ping());
    await until(() => who.tabs.length === 1, 'the tab');
    const second = failure(two.ping());
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    const back = await callbackOf(who.tabs[0] as string);
    await server.close();
    await fetch(back).catch(() => undefined);
    expect([(await first).retryable, (await second).retryable]).toEqual([true, true]);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('what one window does not take from another', () => {
  const pair = async (...args: Parameters<typeof windows>) => {
    const world = await windows(...args);
    const [one, two] = world.all as [(typeof world.all)[0], (typeof world.all)[0]];
    return { ...world, one, two };
  };

  it('F24: tokens that the server refuses, when the person asks for a sign-in', async () => {
    const { who, another, server } = await pair(0);
    who.goOn();
    const provider = another({ interactive: ({ reason }) => reason === 'authorize' });
    await provider.authorize();
    server.revokeAllFamilies();
    server.revokeAllAccessTokens();
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect((await provider.authorize()).signedIn).toBe(true);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
  });

  it('a denial of scopes that it did not ask for', async () => {
    const { who, server, one, two } = await pair(2, { toolScopes: { a: ['mcp:a'], b: ['mcp:b'] } });
    who.goOn();
    for (const { ping } of [one, two]) await ping();
    who.wait();
    const first = failure(one.provider.fetch(server.url, callTool('a')));
    await until(() => who.tabs.length === 2, 'the tab for a');
    const second = two.provider.fetch(server.url, callTool('b'));
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    await deny(who.tabs[1] as string);
    expect((await first).code).toBe('step_up_denied');
    await until(() => who.tabs.length === 3, 'the tab for b');
    who.goOn();
    expect((await second).status).toBe(200);
  });

  it('a sign-in that nobody finished, when its own person asks now', async () => {
    const { who, clock, one, two } = await pair(2);
    const first = failure(one.ping());
    await until(() => who.tabs.length === 1, 'the tab');
    clock.advance(200_000);
    const second = two.provider.authorize();
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    clock.advance(100_001);
    expect((await first).code).toBe('sign_in_timeout');
    await until(() => who.tabs.length === 2, 'a tab of its own');
    who.goOn();
    expect((await second).signedIn).toBe(true);
  });

  it('its having signed out: who signs in again by the tab of another window is back', async () => {
    const { who, one, two } = await pair(2);
    who.goOn();
    for (const { ping } of [one, two]) await ping();
    await two.provider.signOut();
    who.wait();
    const first = one.provider.authorize();
    await until(() => who.tabs.length === 2, 'the tab');
    const second = two.provider.authorize();
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    who.goOn();
    await first;
    expect(await second).toMatchObject({ signedIn: true, signedOut: false });
    expect((await two.ping()).status).toBe(200);
  });
});

describe('the number of tabs', () => {
  it('F22: where nobody is there, three sign-ins run out of time and no fourth is started until someone asks', async () => {
    const { all, who, clock, server } = await windows(1);
    const [{ provider, ping }] = all as [(typeof all)[0]];
    for (let hour = 0; hour < 12; hour += 1) {
      const waiting = failure(ping());
      await until(
        () => types(all[0]?.events ?? []).filter((type) => type === 'authorization_url').length > hour || hour > 2,
      );
      clock.advance(300_001);
      expect((await waiting).code).toBe('sign_in_timeout');
      // The grace after a cancellation is 1 ms here: what was cancelled may still be writing how it ended.
      await until(
        () => types(all[0]?.events ?? []).filter((type) => type === 'sign_in_failed').length > hour || hour > 2,
        'the end of the sign-in',
      );
      clock.advance(3_600_000);
    }
    expect(who.tabs).toHaveLength(3);
    who.goOn();
    expect((await provider.authorize()).signedIn).toBe(true);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it('is bounded for all windows together where a server refuses every token', async () => {
    const { all, who, server } = await windows(4);
    who.goOn();
    for (let round = 0; round < 6; round += 1) {
      const pings = all.map(({ provider }) => provider.fetch(server.url, rpc('ping')).catch((error: unknown) => error));
      server.revokeAllFamilies();
      server.revokeAllAccessTokens();
      await Promise.all(pings);
      server.revokeAllFamilies();
      server.revokeAllAccessTokens();
    }
    expect(who.tabs.length).toBeLessThanOrEqual(6);
  });
});

describe('a store that fails for a moment', () => {
  it('does not end the wait for a sign-in that goes well', async () => {
    const { all, who, store } = await windows(2);
    const [one, two] = all as [(typeof all)[0], (typeof all)[0]];
    const first = one.ping();
    await until(() => who.tabs.length === 1, 'the tab');
    const second = two.ping();
    await until(() => elsewhere(two.events).length > 0, 'the second to wait');
    const get = store.get.bind(store);
    let failures = 0;
    store.get = async (key) => {
      if (failures++ < 5) throw new Error('busy');
      return get(key);
    };
    await until(() => failures > 10, 'looks');
    who.goOn();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('a redirect that arrives at another window', () => {
  const redirectUrl = 'https://app.example.com/callback';
  const waitingFor = (options: Partial<AuthProviderOptions>, world: Scene) =>
    world.another({ redirectUrl, ...options });

  it('F48: finishAuthorization there completes the requests that wait here', async () => {
    const opened: string[] = [];
    const world = closing(await scene({}, {}, person()));
    const openBrowser = (url: string) => void opened.push(url);
    const [here, there] = [waitingFor({ openBrowser }, world), waitingFor({ openBrowser }, world)];
    const waiting = here.fetch(world.server.url, rpc('ping'));
    await until(() => opened.length === 1, 'the browser');
    expect(await there.finishAuthorization(await callbackOf(opened[0] as string))).toMatchObject({ signedIn: true });
    expect((await waiting).status).toBe(200);
    expect(opened).toHaveLength(1);
    expect(world.server.counts.count('token:authorization_code')).toBe(1);
  });

  it('F48: instances that are asked for one user at once give one URL and register once', async () => {
    const world = closing(await scene({ redirectUrl, openBrowser: undefined as never }));
    const instances = Array.from({ length: 4 }, () => world.another());
    const errors = await Promise.all(
      instances.map((instance) => failure(instance.fetch(world.server.url, rpc('ping')))),
    );
    expect(errors.map(({ code }) => code)).toEqual(Array(4).fill('authorization_required'));
    expect(new Set(errors.map(({ url }) => url)).size).toBe(1);
    expect(world.server.counts.count('register')).toBe(1);
    expect(await world.store.list('transaction/')).toHaveLength(1);
  });

  it.each([
    ['each challenge has a description of its own', {}],
    ['a sign-in may take one minute only', { timeouts: { signIn: 60_000 } }],
  ])('F48: one URL is offered, although %s', async (_, options) => {
    let requests = 0;
    const world = closing(
      await scene({
        redirectUrl,
        openBrowser: undefined as never,
        ...options,
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          if (response.status !== 401) return response;
          const headers = new Headers(response.headers);
          const challenge = `${headers.get('www-authenticate')}, error_description="trace ${requests++}"`;
          headers.set('www-authenticate', challenge);
          return new Response(null, { status: 401, headers });
        },
      }),
    );
    const urls = new Set<string | undefined>();
    for (let call = 0; call < 5; call += 1) {
      urls.add((await failure(world.provider.fetch(world.server.url, rpc('ping')))).url);
    }
    expect(requests).toBeGreaterThan(4);
    expect(urls.size).toBe(1);
    expect(await world.store.list('transaction/')).toHaveLength(1);
  });
});
