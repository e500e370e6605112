import { afterEach, describe, expect, it } from 'vitest';
import { createAuthProvider } from '../../src/index.js';
import { createTestServer, scriptedUser, testOptions } from '../../src/testing/index.js';
import { until } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { apps } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

describe('a scripted user', () => {
  it('denies: nobody is signed in, and the next time may allow', async () => {
    const { call, user, provider } = app({}, {}, { deny: true });
    expect(await failure(call())).toMatchObject({ code: 'access_denied' });
    expect((await provider.session()).signedIn).toBe(false);
    user.options.deny = false;
    await provider.authorize();
    expect(await call()).toBe('echo');
    expect([user.tabs.length, user.errors]).toEqual([2, []]);
  });

  it('is who the account says', async () => {
    const account = { subject: 'u1', name: 'Zoë', email: 'zoe@example.com' };
    const { call, provider } = app({}, {}, { account });
    await call();
    expect((await provider.session()).account).toEqual(account);
  });

  it('takes as long as it is told, by the clock', async () => {
    const { call, server, user } = app({}, {}, { delayMs: 60_000 });
    const called = call();
    await until(() => user.tabs.length === 1);
    expect(server.count('authorize')).toBe(0);
    server.clock.advance(60_000);
    expect(await called).toBe('echo');
  });

  it('closes the tab: the time limit of the sign-in runs out', async () => {
    const { call, server, user } = app({}, {}, { closesTheTab: true });
    const failed = failure(call());
    await until(() => user.tabs.length === 1);
    server.clock.advance(300_000);
    expect(await failed).toMatchObject({ code: 'sign_in_timeout' });
    await user.settled();
    expect([user.callbacks, server.count('authorize')]).toEqual([[], 0]);
  });

  it.each([
    'https://app.example.com/callback',
    'com.example.app:/callback',
  ])('brings the callback of %s to the application, and not to a listener', async (redirectUrl) => {
    const { call, user, provider } = app({}, { redirectUrl });
    user.options.onCallback = (url) => provider.finishAuthorization(url);
    expect(await call()).toBe('echo');
    expect(user.callbacks).toEqual([expect.stringContaining(`${redirectUrl}?state=`)]);
  });

  it('keeps what went wrong on the way, and throws nothing', async () => {
    const { call, user, server } = app({}, { redirectUrl: 'https://app.example.com/callback' });
    user.options.onCallback = () => Promise.reject(new Error('the application'));
    const failed = failure(call());
    await until(() => user.callbacks.length === 1);
    await user.settled();
    server.clock.advance(300_000);
    expect(await failed).toMatchObject({ code: 'sign_in_timeout' });
    expect(user.errors).toEqual([new Error('the application')]);
  });

  it('visits for an application that brings people to the page itself', async () => {
    const server = createTestServer();
    const user = scriptedUser(server);
    const { openBrowser, ...options } = testOptions(server, user);
    const redirectUrl = 'https://app.example.com/callback';
    await using provider = createAuthProvider({ serverUrl: server.url, ...options, redirectUrl });
    const error = await failure(provider.fetch(server.url));
    expect(error.code).toBe('authorization_required');
    const callback = await user.visit(error.url ?? '');
    await provider.finishAuthorization(callback ?? '');
    expect(await provider.session()).toMatchObject({ signedIn: true });
    expect([typeof openBrowser, user.tabs]).toEqual(['function', []]);
  });
});
