import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { type PersonResult, playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure, rejection } from '../support/failure.js';
import { absentPerson } from '../with-oauth/support.js';
import { callbackOf, closers, isPortFree, person, redirectUriOf, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SIGN_IN_MS = 300_000;

/** A sign-in that waits, with the URL of its tab and the callback that would end it. */
async function waitingSignIn(options: Parameters<typeof scene>[0] = {}) {
  const world = closing(await scene(options, {}, absentPerson()));
  const session = world.provider.authorize();
  // The test looks at it later.
  session.catch(() => undefined);
  await until(() => world.who.tabs.length === 1, 'the tab');
  const [url = ''] = world.who.tabs;
  return { ...world, session, redirectUri: redirectUriOf(url), callback: new URL(await callbackOf(url)) };
}

describe('a browser that is closed midway', () => {
  it('F23: ends the sign-in at its time limit, and says what to do; the next sign-in works', async () => {
    const { provider, clock, session, redirectUri, another, server } = await waitingSignIn();
    clock.advance(SIGN_IN_MS);
    const error = await failure(session);
    expect(error).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    expect(error.message).toMatch(/again/);
    expect(await isPortFree(redirectUri)).toBe(true);
    expect(await provider.session()).toMatchObject({ signedIn: false });

    const present = closing(person());
    expect(await another({ openBrowser: present.openBrowser }).authorize()).toMatchObject({ signedIn: true });
    expect(server.counts.count('token')).toBe(1);
  });

  it('while it sends the callback: half a request ends nothing, and the whole one counts', async () => {
    const { session, callback } = await waitingSignIn();
    const half = connect(Number(callback.port), callback.hostname);
    await once(half, 'connect');
    half.end(`GET ${callback.pathname}${callback.search.slice(0, 20)}`);
    half.resume();
    await once(half, 'close');
    expect((await fetch(callback)).status).toBe(200);
    expect(await session).toMatchObject({ signedIn: true });
  });

  it('while its page is loading: the sign-in completes without it', async () => {
    const { session, callback, redirectUri } = await waitingSignIn();
    const socket = connect(Number(callback.port), callback.hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${callback.pathname}${callback.search} HTTP/1.1\r\nHost: ${callback.host}\r\n\r\n`, () =>
      socket.destroy(),
    );
    expect(await session).toMatchObject({ signedIn: true });
    expect(await isPortFree(redirectUri)).toBe(true);
  });
});

describe('consent that is denied', () => {
  it('is access_denied with what to do next, on the page too; nothing is kept, and the next sign-in asks again', async () => {
    const as = closing(await startAuthorizationServer());
    const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const visits: Promise<PersonResult>[] = [];
    let deny = true;
    const provider = closing(
      createAuthProvider({
        serverUrl: server.url,
        store: new MemoryTokenStore(),
        clientMetadata: { client_name: 'Acme IDE' },
        openBrowser: (url) => void visits.push(playPerson(url, { deny })),
      }),
    );
    const error = await failure(provider.authorize());
    expect(error).toMatchObject({ code: 'access_denied', stage: 'callback', retryable: false });
    expect(error.message).toMatch(/again/);
    const page = await visits[0];
    expect(page?.text).toContain('Sign-in failed');
    expect(page?.text).toContain('Acme IDE');
    expect(page?.text).toContain(error.message.slice(0, 20));
    expect(await isPortFree(page?.url ?? '')).toBe(true);
    expect(await provider.session()).toMatchObject({ signedIn: false });
    expect(as.counts.count('token')).toBe(0);

    deny = false;
    expect(await provider.authorize()).toMatchObject({ signedIn: true });
    // A person who said no is no reason to register another client.
    expect(as.counts.count('registration')).toBe(1);
  });
});

describe('a URL that a person pasted', () => {
  const pasted: readonly [string, (callback: URL) => string, string][] = [
    ['without its state', (callback) => without(callback, 'state'), 'state_mismatch'],
    ['cut off in its state', (callback) => callback.href.split('&iss=')[0]?.slice(0, -3) ?? '', 'state_mismatch'],
    ['of a sign-in that nobody knows', (callback) => withState(callback, 'B'.repeat(43)), 'state_mismatch'],
    ['with a state that cannot be ours', (callback) => withState(callback, '../session/x'), 'state_mismatch'],
    ['of the authorization page', () => 'https://as.example.com/authorize?client_id=x', 'state_mismatch'],
    ['that is none', () => 'I pressed Allow', 'invalid_callback'],
    ['that is empty', () => '', 'invalid_callback'],
  ];

  it.each(
    pasted,
  )('F18: %s is refused with what to do, and the sign-in can still be finished', async (_, edit, code) => {
    const { provider, server, session, callback, events } = await waitingSignIn();
    const error = await failure(provider.finishAuthorization(edit(callback)));
    expect(error).toMatchObject({ code, stage: 'callback' });
    expect(error.message).toMatch(/start the sign-in again|the whole URL/);
    expect([server.counts.count('token'), events.some(({ type }) => type === 'sign_in_failed')]).toEqual([0, false]);
    expect(await provider.finishAuthorization(` ${callback.href}\n`)).toMatchObject({ signedIn: true });
    expect(await session).toMatchObject({ signedIn: true });
  });

  it('F18: which the browser brought as well completes one sign-in once', async () => {
    const { provider, server, session, callback } = await waitingSignIn();
    const [, ...pastes] = await Promise.allSettled([
      fetch(callback),
      provider.finishAuthorization(callback),
      provider.finishAuthorization(callback),
    ]);
    expect(await session).toMatchObject({ signedIn: true });
    for (const paste of pastes) {
      if (paste.status === 'fulfilled') expect(paste.value).toMatchObject({ signedIn: true });
      else expect(paste.reason).toMatchObject({ name: 'McpOAuthError', stage: 'callback' });
    }
    expect(server.counts.count('token')).toBe(1);
  });

  it('F40: of another account is refused and left to its owner', async () => {
    const { provider, callback, session, another } = await waitingSignIn({ account: 'alice' });
    const bob = another({ account: 'bob' });
    expect(await failure(bob.finishAuthorization(callback))).toMatchObject({ code: 'invalid_callback' });
    expect(await bob.session()).toMatchObject({ signedIn: false });
    expect(await provider.finishAuthorization(callback)).toMatchObject({ signedIn: true });
    expect(await session).toMatchObject({ signedIn: true });
  });

  function without(callback: URL, parameter: string): string {
    const url = new URL(callback);
    url.searchParams.delete(parameter);
    return url.href;
  }

  function withState(callback: URL, state: string): string {
    const url = new URL(callback);
    url.searchParams.set('state', state);
    return url.href;
  }
});

describe('two sign-ins to different servers at once', () => {
  /** Two providers of one application in one process, each with a tab that waits. */
  async function two(sharedStore: boolean) {
    const shared = new MemoryTokenStore();
    const start = async () => {
      const server = closing(await startRotatingServer());
      const who = closing(absentPerson());
      const store = sharedStore ? shared : new MemoryTokenStore();
      const provider = closing(createAuthProvider({ serverUrl: server.url, store, openBrowser: who.openBrowser }));
      const session = provider.authorize();
      session.catch(() => undefined);
      return { server, provider, who, session };
    };
    const signIns = await Promise.all([start(), start()]);
    return Promise.all(
      signIns.map(async (each) => {
        await until(() => each.who.tabs.length === 1, 'the tab');
        const [url = ''] = each.who.tabs;
        return { ...each, redirectUri: redirectUriOf(url), callback: new URL(await callbackOf(url)) };
      }),
    );
  }

  it.each([
    ['one store', true],
    ['a store each', false],
  ])('have a tab and a port each, with %s', async (_, sharedStore) => {
    const [one, other] = (await two(sharedStore)) as [SignIn, SignIn];
    expect(one.redirectUri).not.toBe(other.redirectUri);
    for (const { callback } of [other, one]) expect((await fetch(callback)).status).toBe(200);
    for (const { session, server, provider } of [one, other]) {
      expect(await session).toMatchObject({ signedIn: true, issuer: server.issuer });
      expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
      expect([server.counts.count('token'), server.counts.count('register')]).toEqual([1, 1]);
    }
  });

  it.each([
    ['one store', true],
    ['a store each', false],
  ])('F40: refuse each other`s callbacks, and each still completes, with %s', async (_, sharedStore) => {
    const [one, other] = (await two(sharedStore)) as [SignIn, SignIn];
    for (const [callback, listener] of [
      [one.callback, other.redirectUri],
      [other.callback, one.redirectUri],
    ] as const) {
      const crossed = new URL(listener);
      crossed.search = callback.search;
      const answer = await fetch(crossed);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('No sign-in is waiting for this');
    }
    const refused = sharedStore ? 'invalid_callback' : 'state_mismatch';
    expect(await failure(one.provider.finishAuthorization(other.callback))).toMatchObject({ code: refused });
    expect(await failure(other.provider.finishAuthorization(one.callback))).toMatchObject({ code: refused });
    expect([one, other].map(({ server }) => server.counts.count('token'))).toEqual([0, 0]);

    for (const { callback } of [one, other]) expect((await fetch(callback)).status).toBe(200);
    for (const { session, server } of [one, other]) {
      expect(await session).toMatchObject({ signedIn: true, issuer: server.issuer });
    }
  });

  it('F40: a callback with the right state and the other server as its issuer is refused before its code is used', async () => {
    const [one, other] = (await two(true)) as [SignIn, SignIn];
    const mixed = new URL(one.callback);
    mixed.searchParams.set('iss', other.server.issuer);
    expect((await fetch(mixed)).status).toBe(400);
    expect(await rejection(one.session)).toMatchObject({ code: 'issuer_mismatch' });
    expect([one, other].map(({ server }) => server.counts.count('token'))).toEqual([0, 0]);
    await fetch(other.callback);
    expect(await other.session).toMatchObject({ signedIn: true });
  });

  type SignIn = Awaited<ReturnType<typeof two>>[number];
});
