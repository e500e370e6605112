import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LoopbackCallback, LoopbackListener } from '../../src/loopback/index.js';
import { startLoopbackListener } from '../../src/loopback/index.js';
import { ManualClock } from '../support/clock.js';
import { type Asked, ask, ended, exchange, NAVIGATION, say } from './support.js';

let listener: LoopbackListener;
let wait: Promise<LoopbackCallback>;
const clock = new ManualClock();

beforeEach(async () => {
  listener = await startLoopbackListener({ clientName: 'Acme IDE', clock });
  wait = listener.waitForCallback({ state: 'right' });
});

/** However strange what came before was, the real callback still arrives. */
afterEach(async () => {
  const answer = ask(`${listener.redirectUri}?code=real&state=right`);
  const callback = await wait;
  expect(callback.url.searchParams.get('code')).toBe('real');
  await callback.respond({ ok: true });
  expect((await answer).status).toBe(200);
  await listener.close();
  expect(clock.timers).toBe(0);
});

const CALLBACK = '/callback?code=forged&state=right';

describe('what does not take the slot', () => {
  it.each<[string, string, Asked, number]>([
    ['a favicon', '/favicon.ico', {}, 404],
    ['another path', '/callback/x?state=right', {}, 404],
    ['a path that only starts the same', '/callbacks?state=right', {}, 404],
    ['another method', CALLBACK, { method: 'POST' }, 405],
    ['a preflight', CALLBACK, { method: 'OPTIONS' }, 405],
    ['HEAD', CALLBACK, { method: 'HEAD' }, 200],
    ['F40: no state', '/callback?code=forged', {}, 400],
    ['F40: an empty state', '/callback?code=forged&state=', {}, 400],
    ['F40: a wrong state', '/callback?code=forged&state=wrong', {}, 400],
    ['F40: the state twice', `${CALLBACK}&state=right`, {}, 400],
    ['a foreign Host (DNS rebinding)', CALLBACK, { headers: { Host: 'evil.example' } }, 421],
    ['the right host with another port', CALLBACK, { headers: { Host: '127.0.0.1:1' } }, 421],
    ['a name that was not advertised', CALLBACK, { headers: { Host: 'localhost' } }, 421],
    ['an image', CALLBACK, { headers: { ...NAVIGATION, 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' } }, 403],
    ['a frame', CALLBACK, { headers: { ...NAVIGATION, 'Sec-Fetch-Dest': 'iframe' } }, 403],
    ["a page's fetch", CALLBACK, { headers: { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Site': 'cross-site' } }, 403],
    ['a page loaded ahead of time', CALLBACK, { headers: { ...NAVIGATION, 'Sec-Purpose': 'prefetch;prerender' } }, 403],
    ['a frame at the clean path', '/callback/done', { headers: { 'Sec-Fetch-Dest': 'iframe' } }, 403],
  ])('%s', async (_name, target, asked, status) => {
    const answer = await ask(new URL(target, listener.redirectUri), asked);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', connection: 'close' });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.body).not.toContain('forged');
  });

  it.each([
    ['two Host headers', (host: string) => `GET ${CALLBACK} HTTP/1.1\r\nHost: ${host}\r\nHost: ${host}\r\n\r\n`, 421],
    ['no Host header', () => `GET ${CALLBACK} HTTP/1.1\r\n\r\n`, 400],
    ['HTTP/1.0 without Host', () => `GET ${CALLBACK} HTTP/1.0\r\n\r\n`, 421],
    ['an absolute URL', (host: string) => `GET http://evil.example${CALLBACK} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 404],
    ['an endless URL', (host: string) => `GET ${CALLBACK}${'x'.repeat(17_000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 431],
    [
      'endless headers',
      (host: string) => `GET ${CALLBACK} HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
      431,
    ],
    ['no HTTP at all', () => '\u0016\u0003\u0001\u0002\r\n\r\n', 400],
  ])('%s', async (_name, bytes, status) => {
    const answer = await exchange(listener.port, bytes(`127.0.0.1:${listener.port}`));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it('F40: a server text in a callback with a wrong state is not shown', async () => {
    const query = '?state=wrong&error=access_denied&error_description=call+555';
    expect((await ask(listener.redirectUri + query)).body).not.toMatch(/555|access_denied/);
  });

  it('a second request in the same connection', async () => {
    const host = `127.0.0.1:${listener.port}`;
    const answers = await exchange(
      listener.port,
      `GET /favicon.ico HTTP/1.1\r\nHost: ${host}\r\n\r\nGET ${CALLBACK} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    );
    expect(answers).toMatch(/^HTTP\/1.1 404 /);
    expect(answers).not.toContain('HTTP/1.1 200');
  });
});

describe('a program that plays the person', () => {
  it('is not taken for a page: the fetch of Node.js sends a mode but no site', async () => {
    const answer = fetch(`${listener.redirectUri}?code=1&state=right`);
    const callback = await wait;
    expect(callback.url.searchParams.get('code')).toBe('1');
    await callback.respond({ ok: true });
    expect((await answer).status).toBe(200);
    wait = listener.waitForCallback({ state: 'right' });
  });
});

describe('floods', () => {
  it('a connection that sends nothing, or half a request, is ended after its time', async () => {
    const silent = await say(listener.port);
    const slow = await say(listener.port, 'GET /callback?state=right HTTP/1.1\r\nHost: ');
    // The server has seen both once it has answered a later one.
    await ask(new URL('/favicon.ico', listener.redirectUri));
    clock.advance(10_000);
    await Promise.all([ended(silent), ended(slow)]);
  });

  it('more connections than there is room for end the oldest silent ones, and keep no callback out', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => say(listener.port)));
    await ask(new URL('/favicon.ico', listener.redirectUri));
    await vi.waitFor(() => expect(sockets.filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(64));
    for (const socket of sockets) socket.destroy();
  });

  it('many guesses leave nothing behind', async () => {
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`${listener.redirectUri}?state=guess-${round}-${i}`)));
    }
    expect(clock.timers).toBeLessThanOrEqual(64);
  });
});
