import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { startLoopbackListener } from '../../src/loopback/index.js';
import { scene, until } from '../auth-provider/support.js';
import { ask, NAVIGATION } from '../loopback/support.js';
import { failure } from '../support/failure.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
/** The one that the listener binds, and the wildcards that contain it. */
const ADDRESSES = ['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::'] : [])];

interface Squatter {
  readonly port: number;
  /** What reached it. */
  readonly heard: string[];
}

/** Another program that holds a port, and answers whatever it is asked as a sign-in page would. Rejects where it cannot. */
async function squat(host: string, port = 0, ipv6Only = false): Promise<Squatter> {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard.push(String(data));
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only }, resolve);
  });
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, heard };
}

const redirectUriOf = (url = '') => new URL(url).searchParams.get('redirect_uri') ?? '';
const portOf = (url = '') => Number(new URL(redirectUriOf(url)).port);

describe('a program that holds the port before the sign-in', () => {
  it.each(ADDRESSES)('bound to %s: a fixed port fails, and no browser is opened', async (host) => {
    const squatter = await squat(host);
    const world = await scene({ loopback: { port: squatter.port } });
    closers.push(world.close);
    expect(await failure(world.provider.authorize())).toMatchObject({
      code: 'listener_failed',
      cause: { code: 'EADDRINUSE' },
    });
    expect([world.who.tabs, squatter.heard]).toEqual([[], []]);
  });

  it.each([
    '127.0.0.1',
    '0.0.0.0',
    '::',
  ])('bound to %s between two sign-ins: the second goes to another port, and it hears nothing', async (host) => {
    const world = await scene();
    closers.push(world.close);
    await world.provider.authorize();
    const remembered = portOf(world.who.tabs[0]);
    const squatter = await squat(host, remembered);
    await world.another({ account: 'second' }).authorize();
    expect(portOf(world.who.tabs[1])).not.toBe(remembered);
    expect(redirectUriOf(world.who.tabs[1])).toBe(`http://127.0.0.1:${portOf(world.who.tabs[1])}/callback`);
    expect(squatter.heard).toEqual([]);
  });

  it.skipIf(!hasIpv6)('bound to one of the loopbacks only: `localhost` does not share the port with it', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const squatter = await squat(host, 0, true);
      await expect(startLoopbackListener({ host: 'localhost', port: squatter.port })).rejects.toMatchObject({
        code: 'listener_failed',
      });
      const listener = await startLoopbackListener({ host: 'localhost' });
      expect(listener.port).not.toBe(squatter.port);
      await listener.close();
      expect(squatter.heard).toEqual([]);
    }
  });
});

describe('a program that comes while the listener is open', () => {
  it.each([
    '127.0.0.1',
    '0.0.0.0',
    '::',
  ])('cannot bind the port at %s, or gets nothing of the callback', async (host) => {
    const listener = await startLoopbackListener();
    closers.push(listener.close);
    // Linux and Windows refuse; elsewhere the address that is bound exactly comes before the wildcard.
    const squatter = await squat(host, listener.port).catch(() => undefined);
    if (host === '127.0.0.1') expect(squatter).toBeUndefined();
    const wait = listener.waitForCallback({ state: 's' });
    const answer = ask(`${listener.redirectUri}?code=1&state=s`, { headers: NAVIGATION });
    void (await wait).respond({ ok: true });
    expect((await answer).status).toBe(303);
    expect(squatter?.heard ?? []).toEqual([]);
  });

  it.skipIf(!hasIpv6)(
    'and holds the port of the other family is not where the browser is sent: the redirect URI is the literal that was bound',
    async () => {
      const listener = await startLoopbackListener();
      closers.push(listener.close);
      const squatter = await squat('::1', listener.port, true);
      expect(listener.redirectUri).toBe(`http://127.0.0.1:${listener.port}/callback`);
      const wait = listener.waitForCallback({ state: 's' });
      const answer = ask(`${listener.redirectUri}?code=1&state=s`);
      void (await wait).respond({ ok: true });
      await answer;
      expect(squatter.heard).toEqual([]);
    },
  );
});

describe('a program that takes the port when the sign-in is over', () => {
  it('may get a late code, which is worth nothing without the verifier: the server refuses it, and nobody is signed in', async () => {
    const tabs: string[] = [];
    const world = await scene({ openBrowser: (url) => void tabs.push(url), timeouts: { signIn: 60_000 } });
    closers.push(world.close);
    const waiting = failure(world.provider.authorize());
    await until(() => tabs.length === 1, 'the browser');
    const [opened = ''] = tabs;
    world.clock.advance(60_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout' });
    const squatter = await squat('127.0.0.1', portOf(opened));

    // Only now does the person say yes, in the tab that is still open.
    world.who.openBrowser(opened);
    await until(() => squatter.heard.length > 0, 'the late callback');
    const stolen = new URL(/^GET (\S+)/.exec(squatter.heard[0] ?? '')?.[1] ?? '', redirectUriOf(opened));
    const code = stolen.searchParams.get('code') ?? '';
    expect(code).not.toBe('');

    const endpoint = new URL('/token', new URL(opened).origin);
    for (const verifier of [undefined, new URL(opened).searchParams.get('code_challenge') ?? '', 'a'.repeat(43)]) {
      const body = new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUriOf(opened),
        client_id: new URL(opened).searchParams.get('client_id') ?? '',
        ...(verifier === undefined ? {} : { code_verifier: verifier }),
      });
      const response = await fetch(endpoint, { method: 'POST', body });
      expect([400, 401]).toContain(response.status);
      expect(await response.text()).not.toContain('access_token');
    }
    expect(await world.provider.session()).toMatchObject({ signedIn: false });
    await expect(world.provider.finishAuthorization(stolen)).rejects.toMatchObject({ code: 'state_mismatch' });
  });
});
