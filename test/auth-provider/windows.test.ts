import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../support/failure.js';
import { callbackOf, callTool, closers, isPortFree, redirectUriOf, rpc, until } from './support.js';
import { deny, elsewhere, types, windows } from './windows-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('several windows over one store', () => {
  it('F2 F13: eight that start together open one tab and register once, and all of them work', async () => {
    const { all, who, server } = closing(await windows(8));
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
    const { all, who } = closing(await windows(2));
    const waiting = all.map(({ ping }) => ping());
    const urls = () =>
      all.flatMap(({ events }) => elsewhere(events).flatMap((event) => ('url' in event ? event.url : [])));
    await until(() => urls().length > 0, 'the URL');
    expect(urls()).toEqual([who.tabs[0]]);
    who.goOn();
    await Promise.all(waiting);
  });

  it('when the first is cancelled the second takes over, with a tab of its own', async () => {
    const { all, who, server } = closing(await windows(2));
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
    const { all, who } = closing(await windows(2));
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
    const { another, store, server, who } = closing(await windows(0));
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
    const { all, who, server } = closing(await windows(3));
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
    const { all, who, another, server } = closing(await windows(1));
    const first = all[0]?.ping();
    await until(() => who.tabs.length === 1, 'the tab');
    const quiet = another({ interactive: false });
    expect(await failure(quiet.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    who.goOn();
    await first;
  });

  it('a caller that leaves ends its own wait and not the sign-in of the other window', async () => {
    const { all, who } = closing(await windows(2));
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
    const { all, who } = closing(await windows(2));
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
    const { all, who, server } = closing(await windows(4));
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
    const { all, who } = closing(await windows(2, { scopesSupported: ['mcp:read', 'mcp:write'] }));
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
    const { another, who, server } = closing(await windows(0));
    const waiting = ['alice', 'bob'].map((account) => another({ account }).fetch(server.url, rpc('ping')));
    await until(() => who.tabs.length === 2, 'two tabs');
    who.goOn();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('a failure to reach the server fails those who waited as one that can be tried again, and nobody is prompted', async () => {
    const { all, who, server } = closing(await windows(2));
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

describe('a store that fails for a moment', () => {
  it('does not end the wait for a sign-in that goes well', async () => {
    const { all, who, store } = closing(await windows(2));
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
