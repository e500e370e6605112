import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../support/failure.js';
import { callTool, closers, rpc, until } from './support.js';
import { deny, elsewhere, types, windows } from './windows-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('what one window does not take from another', () => {
  const pair = async (...args: Parameters<typeof windows>) => {
    const world = closing(await windows(...args));
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
    const { all, who, clock, server } = closing(await windows(1));
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
    const { all, who, server } = closing(await windows(4));
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
