import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoopbackCallback, LoopbackListener } from '../../src/loopback/index.js';
import { startLoopbackListener } from '../../src/loopback/index.js';
import { ask, exchange, NAVIGATION, say } from '../loopback/support.js';
import { ManualClock } from '../support/clock.js';

// Every forged request here carries the awaited state, which no attacker knows: what stops it must be something else.
const TARGET = '/callback?code=forged&state=right';
const clock = new ManualClock();
let listener: LoopbackListener;
let wait: Promise<LoopbackCallback>;

beforeEach(async () => {
  listener = await startLoopbackListener({ clientName: 'Acme IDE', clock });
  wait = listener.waitForCallback({ state: 'right' });
});

/** Whatever was tried, the person's own callback is the one that arrives, and nothing is left behind. */
afterEach(async () => {
  const answer = ask(`${listener.redirectUri}?code=real&state=right`, { headers: NAVIGATION });
  const callback = await wait;
  expect(callback.url.searchParams.get('code')).toBe('real');
  void callback.respond({ ok: true });
  const { status, headers } = await answer;
  expect(status).toBe(303);
  await ask(new URL(headers.location ?? '', listener.redirectUri), { headers: NAVIGATION });
  await listener.close();
  expect(clock.timers).toBe(0);
});

/** The request as bytes, on one connection, and what came back. */
const send = (first: string, ...lines: string[]) =>
  exchange(listener.port, `${[first, ...lines].join('\r\n')}\r\n\r\n`);
const host = () => `Host: 127.0.0.1:${listener.port}`;
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0);

describe('a page under a name that was rebound to loopback (DNS rebinding)', () => {
  it.each([
    'evil.example',
    'evil.example:PORT',
    'localhost:PORT',
    'LOCALHOST.:PORT',
    '127.0.0.1.evil.example:PORT',
    '127.1:PORT',
    '2130706433:PORT',
    '0x7f000001:PORT',
    '0.0.0.0:PORT',
    '[::1]:PORT',
    '[::ffff:127.0.0.1]:PORT',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:PORT0',
    '127.0.0.1:PORT, evil.example',
    'evil@127.0.0.1:PORT',
    '',
  ])('sends the Host %j and is answered 421, whatever it asks for', async (name) => {
    const lines = [`Host: ${name.replace('PORT', String(listener.port))}`, 'Sec-Fetch-Mode: navigate'];
    for (const target of [TARGET, '/callback/done', '/favicon.ico']) {
      const answer = await send(`GET ${target} HTTP/1.1`, ...lines);
      expect(statusOf(answer)).toBe(421);
      expect(answer).not.toMatch(/Acme|text\/html/);
    }
  });

  it.each<[string, string[], number]>([
    ['X-Forwarded-Host', ['Host: evil.example', 'X-Forwarded-Host: HOST'], 421],
    ['Forwarded', ['Host: evil.example', 'Forwarded: host=HOST'], 421],
    ['a second Host, the right one first', ['Host: HOST', 'Host: evil.example'], 421],
    ['a second Host, the right one last', ['Host: evil.example', 'Host: HOST'], 421],
    ['a Host in a folded line', ['Host: evil.example', ' HOST'], 400],
    ['a Host with a blank before the colon', ['Host : HOST'], 400],
    ['no Host at all', [], 400],
  ])('cannot claim the right name by %s', async (_how, lines, status) => {
    const own = `127.0.0.1:${listener.port}`;
    expect(statusOf(await send(`GET ${TARGET} HTTP/1.1`, ...lines.map((line) => line.replace('HOST', own))))).toBe(
      status,
    );
  });
});

describe('a request that no navigation of a browser looks like', () => {
  it.each<[string, string, string[], number]>([
    ['HTTP/0.9', `GET ${TARGET}`, [], 421],
    ['HTTP/1.0 without Host', `GET ${TARGET} HTTP/1.0`, [], 421],
    ['an unknown version', `GET ${TARGET} HTTP/3.0`, ['HOST'], 400],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM', [], 400],
    ['the absolute form of its own address', `GET http://127.0.0.1${TARGET} HTTP/1.1`, ['HOST'], 404],
    ['the absolute form of another address', `GET http://evil.example${TARGET} HTTP/1.1`, ['HOST'], 404],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1', ['HOST'], 404],
    ['TRACE', `TRACE ${TARGET} HTTP/1.1`, ['HOST'], 405],
    ['CONNECT', 'CONNECT 127.0.0.1:80 HTTP/1.1', ['HOST'], 0],
    ['an upgrade to h2c', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Connection: Upgrade', 'Upgrade: h2c'], 403],
    [
      'a WebSocket',
      `GET ${TARGET} HTTP/1.1`,
      ['HOST', 'Origin: http://evil.example', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      403,
    ],
    ['Expect: 100-continue', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Expect: 100-continue'], 417],
    ['another expectation', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Expect: the-impossible'], 417],
    ['a body', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Content-Length: 3', '', 'abc'], 403],
    ['a body that never ends', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Content-Length: 1000000000', '', 'abc'], 403],
    ['a chunked body', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Transfer-Encoding: chunked', '', '5', 'hello'], 403],
    ['two lengths', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Content-Length: 0', 'Content-Length: 5'], 400],
    ['a length and chunks', `GET ${TARGET} HTTP/1.1`, ['HOST', 'Content-Length: 5', 'Transfer-Encoding: chunked'], 400],
    ['a method in lower case', `get ${TARGET} HTTP/1.1`, ['HOST'], 400],
    ['a method that is overridden', `POST ${TARGET} HTTP/1.1`, ['HOST', 'X-HTTP-Method-Override: GET'], 405],
    ['a bare CR in the target', `GET ${TARGET}\rx HTTP/1.1`, ['HOST'], 400],
    ['a NUL in the target', `GET ${TARGET}\0 HTTP/1.1`, ['HOST'], 400],
    ['a NUL in a header', `GET ${TARGET} HTTP/1.1`, ['HOST', 'X: a\0b'], 400],
    ['another spelling of the path', '/../callback', [], 404],
    ['an encoded path', '/%63allback', [], 404],
    ['a path with two slashes', '//callback', [], 404],
  ])('is not the callback: %s', async (_form, first, lines, status) => {
    const line = first.startsWith('/') ? `GET ${first}?state=right HTTP/1.1` : first;
    const headers = first.startsWith('/') ? ['HOST'] : lines;
    const answer = await send(line, ...headers.map((header) => (header === 'HOST' ? host() : header)));
    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toContain('100 Continue');
  });

  it('a request smuggled in the body of another one is never read', async () => {
    const inner = `GET ${TARGET} HTTP/1.1\r\n${host()}\r\n\r\n`;
    for (const length of [0, 1, inner.length]) {
      const answer = await send('POST /callback HTTP/1.1', host(), `Content-Length: ${length}`, '', inner);
      expect(answer.match(/HTTP\/1\.1 \d+/g)?.[0]).toBe('HTTP/1.1 405');
      expect(answer).not.toMatch(/HTTP\/1\.1 (200|303)/);
    }
  });

  it('twenty requests in one go on one connection are one request', async () => {
    const answer = await exchange(
      listener.port,
      [`GET /x HTTP/1.1\r\n${host()}\r\n\r\n`, ...Array(19).fill(`GET ${TARGET} HTTP/1.1\r\n${host()}\r\n\r\n`)].join(
        '',
      ),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).not.toMatch(/HTTP\/1\.1 (200|303)/);
  });

  it('response_mode=form_post, which was not asked for, is not taken', async () => {
    const body = 'code=forged&state=right';
    const answer = await send(
      'POST /callback HTTP/1.1',
      host(),
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
      '',
      body,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 405 [\s\S]*Allow: GET, HEAD/);
  });
});

describe('a web page that the person has open', () => {
  it.each<[string, Record<string, string>]>([
    ['an image', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }],
    ['a script', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' }],
    ['a style sheet', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'style' }],
    ['a frame', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }],
    ['an object', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'object' }],
    ['an embed', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'embed' }],
    ['a fenced frame', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'fencedframe' }],
    ['fetch no-cors', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'empty' }],
    ['fetch cors', { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }],
    ['fetch from another port of loopback', { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Site': 'same-site' }],
    ['fetch from a rebound name', { 'Sec-Fetch-Mode': 'same-origin', 'Sec-Fetch-Site': 'same-origin' }],
    ['a WebSocket', { 'Sec-Fetch-Mode': 'websocket', 'Sec-Fetch-Dest': 'websocket' }],
    ['a service worker', { 'Sec-Fetch-Mode': 'same-origin', 'Sec-Fetch-Dest': 'serviceworker' }],
    ['a request that hides its mode', {}],
  ])('cannot bring a callback by %s', async (_how, headers) => {
    const answer = await ask(new URL(TARGET, listener.redirectUri), {
      headers: { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example', ...headers },
    });
    expect(answer).toMatchObject({ status: 403, body: '' });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['prefetched (Sec-Purpose)', { ...NAVIGATION, 'Sec-Purpose': 'prefetch' }],
    ['prefetched through a proxy', { ...NAVIGATION, 'Sec-Purpose': 'prefetch;anonymous-client-ip' }],
    ['prerendered', { ...NAVIGATION, 'Sec-Purpose': 'prefetch;prerender' }],
    ['prefetched (Purpose)', { ...NAVIGATION, Purpose: 'prefetch' }],
    ['prefetched by an older Firefox', { 'X-Moz': 'prefetch' }],
    ['previewed by Safari', { 'X-Purpose': 'preview' }],
  ])('a callback that is %s consumes nothing: the navigation that follows is taken', async (_how, headers) => {
    expect((await ask(new URL(TARGET, listener.redirectUri), { headers })).status).toBe(403);
  });

  it.each([
    'cors',
    'private network access',
    'local network access',
  ])('a preflight for %s is not granted', async (kind) => {
    const answer = await ask(new URL(TARGET, listener.redirectUri), {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://evil.example',
        'Access-Control-Request-Method': 'GET',
        ...(kind === 'cors' ? {} : { [`Access-Control-Request-${kind.split(' ')[0]}-Network`]: 'true' }),
      },
    });
    expect(answer.status).toBe(405);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('a state', () => {
  it.each([
    '',
    '?state',
    '?state=',
    '?state=Right',
    '?state=right%00',
    '?state=right%20',
    '?state=%20right',
    '?state[]=right',
    '?state[0]=right',
    '?State=right',
    '?state=%c1%b2ight',
    '?state=%u0072ight',
    '?state=right;',
    '?code=x;state=right',
    '?state=wrong&state=right',
    '?state=right&%73tate=right',
    '?state%00=right',
    '?error=access_denied&error_description=call+555',
    `?state=${'r'.repeat(8_000)}`,
    `?${'state=right&'.repeat(500)}`,
  ])('that is not exactly the awaited one, once, changes nothing: %.40s', async (query) => {
    const answer = await ask(listener.redirectUri + query, { headers: NAVIGATION });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('No sign-in is waiting');
    expect(answer.body).not.toMatch(/555|access_denied|right/);
  });

  it('is looked for only where it was sent: not in a cookie, a header or a fragment', async () => {
    const answer = await ask(`${listener.redirectUri}?code=forged`, {
      headers: { ...NAVIGATION, Cookie: 'state=right', State: 'right', Referer: `${listener.redirectUri}?state=right` },
    });
    expect(answer.status).toBe(400);
    expect(statusOf(await send('GET /callback?code=forged#state=right HTTP/1.1', host()))).toBe(400);
  });

  it('of a callback in hand cannot be answered over, ended or replayed by the same request again', async () => {
    const real = ask(`${listener.redirectUri}?code=1&state=right`, { headers: NAVIGATION });
    const callback = await wait;
    wait = listener.waitForCallback({ state: 'next' });
    for (const state of ['right', 'right', 'next%00']) {
      const replay = await ask(`${listener.redirectUri}?error=server_error&state=${state}`, { headers: NAVIGATION });
      expect([400, 410]).toContain(replay.status);
      expect(replay.body).not.toContain('server_error');
    }
    void callback.respond({ ok: true });
    const { headers } = await real;
    const page = await ask(new URL(headers.location ?? '', listener.redirectUri), { headers: NAVIGATION });
    expect(page.body).toContain('You’re signed in');
    expect((await ask(`${listener.redirectUri}?code=1&state=right`)).status).toBe(410);
    await listener.close();
    await expect(wait).rejects.toMatchObject({ code: 'closed' });
    await expect(ask(`${listener.redirectUri}?code=1&state=right`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    listener = await startLoopbackListener({ clock });
    wait = listener.waitForCallback({ state: 'right' });
  });
});

describe('the page at the end', () => {
  it('is not shown to whoever else asks for the clean path, and such a request does not end the wait for the browser', async () => {
    const real = ask(`${listener.redirectUri}?code=1&state=right`, { headers: NAVIGATION });
    let over = false;
    const answered = (await wait)
      .respond({ ok: false, title: 'It failed', detail: 'for a private reason' })
      .then(() => {
        over = true;
      });
    const { location = '' } = (await real).headers;
    for (const guess of ['', '?', '?AAAAAAAAAAAAAAAAAAAAAA', `?ticket=${location.split('?')[1]}`, '?undefined']) {
      const stranger = await ask(`${listener.redirectUri}/done${guess}`, { headers: NAVIGATION });
      expect(stranger.status).toBe(400);
      expect(stranger.body).not.toMatch(/failed|private/);
    }
    expect(over).toBe(false);
    const page = await ask(new URL(location, listener.redirectUri), { headers: NAVIGATION });
    expect(page.body).toContain('for a private reason');
    await answered;
    wait = listener.waitForCallback({ state: 'right' });
    // Its state is over; the next sign-in has another one.
    await listener.close();
    await expect(wait).rejects.toMatchObject({ code: 'closed' });
    listener = await startLoopbackListener({ clock });
    wait = listener.waitForCallback({ state: 'right' });
  });
});

it('bytes that are no HTTP are turned away and the connection ends', async () => {
  for (const bytes of [
    '\u0016\u0003\u0001\u0000\u00c8\u0001',
    'SSH-2.0-x\r\n',
    '\r\n\r\n\r\nnothing\r\n\r\n',
    '{"jsonrpc":"2.0"}\n',
  ]) {
    expect(await exchange(listener.port, bytes)).toMatch(/^HTTP\/1\.1 400 /);
  }
});

it('a connection that is reset at any point is no obstacle', async () => {
  for (const text of ['', 'GET', `GET ${TARGET} HTTP/1.1\r\n`, `GET /x HTTP/1.1\r\n${host()}\r\n\r\n`]) {
    const socket = await say(listener.port, text);
    socket.resetAndDestroy();
  }
  // Half open: it says that it sends no more, and takes no answer.
  const half = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
  half.on('error', () => {});
  await new Promise<void>((resolve) => half.once('connect', resolve));
  half.end();
  await ask(new URL('/favicon.ico', listener.redirectUri));
  half.destroy();
});
