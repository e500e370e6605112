import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LoopbackCallback, type LoopbackListener, startLoopbackListener } from '../../src/loopback/index.js';
import { type Answer, ask, ended, exchange, say } from '../loopback/support.js';
import { ManualClock } from '../support/clock.js';

/** What the right callback may take in the middle of it all, in ms: a busy machine included, far from what a browser waits. */
const PROMPT_MS = 5_000;
/** What may be open at once. */
const MAX_CONNECTIONS = 64;

let clock: ManualClock;
let listener: LoopbackListener;
let wait: Promise<LoopbackCallback>;
let sockets: Socket[];

beforeEach(async () => {
  clock = new ManualClock();
  sockets = [];
  listener = await startLoopbackListener({ clock });
  wait = listener.waitForCallback({ state: 'right' });
  wait.catch(() => undefined);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  const closing = performance.now();
  await listener.close();
  expect(performance.now() - closing).toBeLessThan(PROMPT_MS);
  expect(clock.timers).toBe(0);
});

const head = () => `GET /callback?state=guess HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n`;
/** `count` connections that each say `text` and nothing more. */
async function flood(count: number, text = ''): Promise<void> {
  for (let i = 0; i < count; i += 50) {
    sockets.push(
      ...(await Promise.all(Array.from({ length: Math.min(50, count - i) }, () => say(listener.port, text)))),
    );
  }
}
const openSockets = () => sockets.filter((socket) => !socket.destroyed).length;

/** The person's own callback, while all this goes on. */
async function rightCallback(): Promise<Answer> {
  const began = performance.now();
  const answer = ask(`${listener.redirectUri}?code=real&state=right`);
  const callback = await wait;
  expect(callback.url.searchParams.get('code')).toBe('real');
  void callback.respond({ ok: true });
  const answered = await answer;
  expect(answered.status).toBe(200);
  expect(performance.now() - began).toBeLessThan(PROMPT_MS);
  return answered;
}

describe('connections that never become a request', () => {
  it('1,000 idle sockets: at most 64 stay, the oldest go first, and the callback gets through', async () => {
    await flood(1_000);
    await vi.waitFor(() => expect(openSockets()).toBeLessThanOrEqual(MAX_CONNECTIONS), PROMPT_MS);
    expect(sockets.at(-1)?.destroyed).toBe(false);
    await rightCallback();
    expect(clock.timers).toBeLessThanOrEqual(MAX_CONNECTIONS);
  });

  it.each([
    ['a head that stops in the middle of a line', () => 'GET /callback?state=gue'],
    ['a head without its end (slowloris)', () => `${head()}X-A: b\r\n`],
    ['a body that never comes', () => `${head()}Content-Length: 1000000\r\n\r\nx`],
    ['chunks that never end', () => `${head()}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`],
    ['an expectation that is waited for', () => `${head()}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`],
  ])('300 connections with %s keep no callback out, and are over after 10 s', async (_what, text) => {
    await flood(300, text());
    await rightCallback();
    await vi.waitFor(() => expect(openSockets()).toBeLessThanOrEqual(MAX_CONNECTIONS), PROMPT_MS);
    clock.advance(10_000);
    await Promise.all(sockets.map(ended));
  });

  it('a head that drips on, byte by byte, is over after 10 s, however busily it drips', async () => {
    await flood(3, head());
    for (let second = 0; second < 10; second++) {
      for (const socket of sockets) socket.write(`X-${second}: y\r\n`);
      expect(openSockets()).toBe(3);
      await ask(new URL('/favicon.ico', listener.redirectUri));
      clock.advance(1_000);
    }
    await Promise.all(sockets.map(ended));
    await rightCallback();
  });

  it('an answer that is never read is over after 10 s', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = connect(listener.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.pause();
      socket.write(`${head()}\r\n`);
      sockets.push(socket);
    }
    await ask(new URL('/favicon.ico', listener.redirectUri));
    await rightCallback();
    clock.advance(10_000);
    expect(clock.timers).toBe(0);
  });
});

describe('requests without end', () => {
  it('1,000 callbacks with guessed states are all turned away, leave nothing behind, and the right one gets through', async () => {
    const guess = (n: number) =>
      exchange(
        listener.port,
        `GET /callback?code=c&state=${n.toString(36).padStart(43, 'x')} HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n\r\n`,
      ).catch(() => 'HTTP/1.1 400 ');
    const before = process.memoryUsage().heapUsed;
    let turnedAway = 0;
    for (let n = 0; n < 1_000; n += 40) {
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => guess(n + i)));
      turnedAway += answers.filter((answer) => answer.startsWith('HTTP/1.1 400 ')).length;
    }
    expect(turnedAway).toBe(1_000);
    expect(clock.timers).toBeLessThanOrEqual(MAX_CONNECTIONS);
    // Garbage of 1,000 answers included; what stayed for each would be far more over the life of a listener.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
    await rightCallback();
  }, 60_000);

  it('a flood that goes on while the callback comes: it gets through ten times out of ten', async () => {
    let flooding = true;
    const worker = async () => {
      while (flooding) {
        const socket = await say(listener.port, head()).catch(() => undefined);
        if (socket !== undefined) sockets.push(socket);
      }
    };
    const workers = Promise.all(Array.from({ length: 20 }, worker));
    for (let turn = 0; turn < 10; turn++) {
      await rightCallback();
      wait = listener.waitForCallback({ state: 'right' });
    }
    flooding = false;
    await workers;
    wait.catch(() => undefined);
    expect(sockets.length).toBeGreaterThan(MAX_CONNECTIONS);
  }, 60_000);
});

describe('a huge query', () => {
  it.each<[string, () => string, number[]]>([
    ['8 KiB, the right state in it', () => `state=right&x=${'x'.repeat(8_192)}`, [200]],
    ['16 KiB', () => `state=right&x=${'x'.repeat(16_384)}`, [431]],
    ['1 MiB', () => `state=right&x=${'x'.repeat(1_048_576)}`, [431]],
    ['4,000 parameters', () => `${'a&'.repeat(4_000)}state=wrong`, [400]],
    ['4,000 states', () => `${'state&'.repeat(2_000)}state=right`, [400]],
    ['percent-encoding to the limit', () => `state=${'%25'.repeat(5_000)}`, [400]],
    ['broken percent-encoding', () => `state=${'%'.repeat(15_000)}`, [400]],
    ['invalid UTF-8', () => `state=${'%ff%fe%c0%80%ed%a0%80'.repeat(600)}`, [400]],
    ['raw bytes above ASCII', () => 'state=\u00ff\u00fe\u0080', [400]],
  ])('is answered at once and bounded: %s', async (_what, query, statuses) => {
    if (statuses.includes(200)) void wait.then((callback) => callback.respond({ ok: true }));
    const began = performance.now();
    const bytes = `GET /callback?${query()} HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n\r\n`;
    // Where the server stops reading, the rest of what was sent resets the connection.
    const answer = await exchange(listener.port, bytes).catch(() => 'HTTP/1.1 431 ');
    expect(statuses).toContain(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]));
    expect(answer.length).toBeLessThan(8_000);
    expect(performance.now() - began).toBeLessThan(PROMPT_MS);
    if (!statuses.includes(200)) await rightCallback();
  });

  it('3,000 headers, and a head of more than 16 KiB, end that request and no other', async () => {
    for (const lines of ['a:b\r\n'.repeat(3_000), `X: ${'x'.repeat(17_000)}\r\n`]) {
      const answer = await exchange(listener.port, `${head()}${lines}\r\n`).catch(() => 'HTTP/1.1 431 ');
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    await rightCallback();
  });
});
