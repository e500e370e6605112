import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { LoopbackListener, LoopbackListenerOptions } from '../../src/loopback/index.js';
import { startLoopbackListener } from '../../src/loopback/index.js';
import { ManualClock } from '../support/clock.js';
import { ask, NAVIGATION, say } from './support.js';

const open: LoopbackListener[] = [];
const start = async (options?: LoopbackListenerOptions) => {
  const listener = await startLoopbackListener({ clientName: 'Acme IDE', ...options });
  open.push(listener);
  return listener;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

/** By the time the listener has answered these, it has seen what came before. */
async function sawEverythingBefore(listener: LoopbackListener): Promise<void> {
  for (let i = 0; i < 3; i++) await ask(new URL('/favicon.ico', listener.redirectUri));
}

/** A wait whose callback is answered with success as soon as it comes. */
async function succeed(listener: LoopbackListener, state: string): Promise<URL> {
  const callback = await listener.waitForCallback({ state });
  await callback.respond({ ok: true });
  return callback.url;
}

describe('binding (RFC 8252 section 7.3)', () => {
  it('advertises the address and the free port that it has bound', async () => {
    const listener = await start();
    expect(listener.redirectUri).toBe(`http://127.0.0.1:${listener.port}/callback`);
    expect((await ask(listener.redirectUri)).status).toBe(400);
  });

  it('F16: takes host, port and path', async () => {
    const { port } = await start();
    await open.pop()?.close();
    const listener = await start({ host: '::1', port, path: '/oauth/done' });
    expect(listener.redirectUri).toBe(`http://[::1]:${port}/oauth/done`);
    expect((await ask(listener.redirectUri)).status).toBe(400);
  });

  it('F17: localhost is reached over IPv4 and over IPv6, on one port', async () => {
    const listener = await start({ host: 'localhost' });
    expect(listener.redirectUri).toBe(`http://localhost:${listener.port}/callback`);
    for (const address of ['127.0.0.1', '::1']) {
      const wait = succeed(listener, 'abc');
      const answer = await ask(`${listener.redirectUri}?code=1&state=abc`, { address });
      expect(answer.status).toBe(200);
      expect((await wait).href).toBe(`${listener.redirectUri}?code=1&state=abc`);
    }
  });

  it('is reached on the bound address only', async () => {
    const { port } = await start();
    const refused = new Promise((resolve) => connect(port, '127.0.0.2').on('error', resolve));
    expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('a port that is taken is listener_failed, with the cause and a remedy', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const port = (other.address() as { port: number }).port;
    const failure = startLoopbackListener({ port });
    await expect(failure).rejects.toMatchObject({ code: 'listener_failed', cause: { code: 'EADDRINUSE' } });
    await expect(failure).rejects.toThrow(/choose another loopback port/);
    await new Promise((resolve) => other.close(resolve));
  });

  it('a host that is not loopback is refused before anything is bound', async () => {
    await expect(startLoopbackListener({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'invalid_options' });
  });
});

describe('the callback', () => {
  it('is delivered with the full query, built on the redirect URI', async () => {
    const listener = await start();
    const wait = succeed(listener, 'a b&c');
    const query = '?code=x%2By&state=a%20b%26c&iss=https%3A%2F%2Fas.example&scope=';
    await ask(`${listener.redirectUri}${query}`);
    expect((await wait).href).toBe(listener.redirectUri + query);
  });

  it('keeps the browser waiting until the outcome is known', async () => {
    const listener = await start();
    const wait = listener.waitForCallback({ state: 's' });
    let answered = false;
    const answer = ask(`${listener.redirectUri}?state=s&error=access_denied`).finally(() => {
      answered = true;
    });
    const callback = await wait;
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    await callback.respond({ ok: false, title: 'Access was denied', detail: '<b>no</b>' });
    const { status, body } = await answer;
    expect(status).toBe(400);
    expect(body).toContain('Access was denied');
    expect(body).toContain('&lt;b&gt;no&lt;/b&gt;');
  });

  it('only the first outcome counts', async () => {
    const listener = await start();
    const wait = listener.waitForCallback({ state: 's' });
    const answer = ask(`${listener.redirectUri}?state=s`);
    const callback = await wait;
    await Promise.all([callback.respond({ ok: true }), callback.respond({ ok: false, title: 'No' })]);
    expect((await answer).body).toContain('You’re signed in');
  });

  it('F40: delivered once, a replay gets a page that says so', async () => {
    const listener = await start();
    const wait = succeed(listener, 's');
    await ask(`${listener.redirectUri}?code=1&state=s`);
    await wait;
    const next = listener.waitForCallback({ state: 'next' });
    const replay = await ask(`${listener.redirectUri}?code=2&state=s`);
    expect(replay.status).toBe(410);
    expect(replay.body).toContain('already used');
    const answer = ask(`${listener.redirectUri}?code=3&state=next`);
    const callback = await next;
    expect(callback.url.searchParams.get('code')).toBe('3');
    await callback.respond({ ok: true });
    await answer;
  });

  it('a replay while the first one is still held does not disturb it', async () => {
    const listener = await start();
    const wait = listener.waitForCallback({ state: 's' });
    const first = ask(`${listener.redirectUri}?code=1&state=s`);
    const callback = await wait;
    expect((await ask(`${listener.redirectUri}?code=2&state=s`)).status).toBe(410);
    await callback.respond({ ok: true });
    expect((await first).body).toContain('You’re signed in');
  });

  it('outlasts the bounds of other connections, in number and in time', async () => {
    const clock = new ManualClock();
    const listener = await start({ clock, respondTimeoutMs: 60_000 });
    const wait = listener.waitForCallback({ state: 's' });
    const answer = ask(`${listener.redirectUri}?state=s`);
    const callback = await wait;
    const sockets = await Promise.all(Array.from({ length: 150 }, () => say(listener.port)));
    await sawEverythingBefore(listener);
    clock.advance(59_999);
    await callback.respond({ ok: true });
    expect((await answer).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it.each([
    'Sec-Fetch-Mode: navigate',
    'Accept: */*',
  ])('a browser that went away is no obstacle (%s)', async (header) => {
    const listener = await start({ clock: new ManualClock() });
    const wait = listener.waitForCallback({ state: 's' });
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(`GET /callback?state=s HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n${header}\r\n\r\n`);
    const callback = await wait;
    socket.destroy();
    await sawEverythingBefore(listener);
    await callback.respond({ ok: true });
    await listener.close();
  });

  it('after respondTimeoutMs the browser is told to go back, and the late outcome is no error', async () => {
    const clock = new ManualClock();
    const listener = await start({ clock, respondTimeoutMs: 5_000 });
    const wait = listener.waitForCallback({ state: 's' });
    const answer = ask(`${listener.redirectUri}?state=s`);
    const callback = await wait;
    clock.advance(5_000);
    expect((await answer).body).toContain('You can go back now');
    await callback.respond({ ok: true });
  });
});

describe('a browser', () => {
  it('is sent on to a clean path: neither code nor state stays in the address bar (RFC 9700 section 4.3)', async () => {
    const listener = await start();
    const wait = succeed(listener, 's');
    const answer = await ask(`${listener.redirectUri}?code=secret&state=s`, { headers: NAVIGATION });
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toMatch(/^\/callback\/done\?[\w-]{22}$/);
    expect(answer.headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' });
    const page = await ask(new URL(answer.headers.location ?? '', listener.redirectUri), { headers: NAVIGATION });
    expect(page.status).toBe(200);
    expect(page.body).toContain('You’re signed in');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    await wait;
  });

  it('respond() waits for the page to be fetched, so that close() after it does not lose it', async () => {
    const listener = await start();
    const wait = listener.waitForCallback({ state: 's' });
    const redirect = ask(`${listener.redirectUri}?state=s`, { headers: NAVIGATION });
    const callback = await wait;
    let responded = false;
    const done = callback.respond({ ok: false, title: 'It failed' }).then(() => {
      responded = true;
      return listener.close();
    });
    const { location = '' } = (await redirect).headers;
    await sawEverythingBefore(listener);
    expect(responded).toBe(false);
    const page = await ask(new URL(location, listener.redirectUri), { headers: NAVIGATION });
    expect(page.body).toContain('It failed');
    await done;
  });

  it('that never follows holds respond() up for a bounded time', async () => {
    const clock = new ManualClock();
    const listener = await start({ clock });
    const wait = listener.waitForCallback({ state: 's' });
    const redirect = ask(`${listener.redirectUri}?state=s`, { headers: NAVIGATION });
    const done = (await wait).respond({ ok: true });
    expect((await redirect).status).toBe(303);
    clock.advance(2_000);
    await done;
  });

  it('finds nothing at the clean path before there was a callback', async () => {
    const listener = await start();
    expect((await ask(`${listener.redirectUri}/done`)).status).toBe(400);
  });

  it('gets the page directly where the listener is closed before the outcome is known', async () => {
    const listener = await start();
    const wait = listener.waitForCallback({ state: 's' });
    const answer = ask(`${listener.redirectUri}?state=s`, { headers: NAVIGATION });
    await wait;
    await listener.close();
    expect(await answer).toMatchObject({ status: 200, body: expect.stringContaining('You can go back now') });
  });
});
