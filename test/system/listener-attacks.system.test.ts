import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LoopbackCallback, type LoopbackListener, startLoopbackListener } from '../../src/index.js';
import { ask } from '../loopback/support.js';
import { CHROMIUM } from './requirements.js';

/** Shown on no page and in no answer that an attacker can read. */
const CLIENT = 'Acme IDE';
/** How long a page is given for what it tries, in ms: all of it is on this machine. */
const TRY_MS = 1_500;
/** No more than this is awaited at one step of the person's. */
const PATIENCE_MS = 10_000;

let browser: Browser;
let site: { readonly port: number; close(): Promise<unknown> };
let listener: LoopbackListener;
let wait: Promise<LoopbackCallback>;
let page: Page;
/** The status of each answer of the listener that the browser saw. */
let answered: number[];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-popup-blocking', '--host-resolver-rules=MAP *.test 127.0.0.1'],
  });
  // The attacker's site: one empty page, under any name.
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>evil</title><body>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site = {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

beforeEach(async () => {
  listener = await startLoopbackListener({ clientName: CLIENT });
  wait = listener.waitForCallback({ state: 'right' });
  answered = [];
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  context.on('response', (response) => {
    if (new URL(response.url()).port === String(listener.port)) answered.push(response.status());
  });
  page = await context.newPage();
});

/** Whatever was tried: the person comes back, in the same browser, and sees the end of their own sign-in. */
afterEach(async () => {
  const tab = await page.context().newPage();
  const arrival = tab.goto(`${listener.redirectUri}?code=real&state=right`);
  const callback = await wait;
  expect(callback.url.searchParams.get('code')).toBe('real');
  const responded = callback.respond({ ok: true });
  await arrival;
  await responded;
  expect(await tab.locator('h1').innerText()).toBe('You’re signed in');
  expect(new URL(tab.url()).pathname).toBe('/callback/done');
  expect(tab.url()).not.toMatch(/real|right/);
  await page.context().close();
  await listener.close();
});

/** What a script on a page of the attacker's can try at a URL without leaving its page, and what each attempt told it. */
const tryEverything = ([url, patience]: readonly [string, number]): Promise<Record<string, string>> => {
  const told: Record<string, string> = {};
  const note = (name: string) => (text: unknown) => {
    told[name] = String(text);
  };
  const body = document.body;
  const put = (name: string, tag: string, attributes: Record<string, string>) => {
    const element = document.createElement(tag);
    // A frame says that it has loaded whatever it shows, an error of the browser's too.
    if (tag !== 'iframe' && tag !== 'embed') element.onload = () => note(name)('loaded');
    element.onerror = () => note(name)('failed');
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    body.append(element);
    return element;
  };
  for (const mode of ['cors', 'no-cors', 'same-origin', 'navigate'] as const) {
    Promise.resolve()
      .then(() => fetch(url, { mode, credentials: 'include' }))
      .then((response) => response.text().then((text) => note(`fetch ${mode}`)(`${response.status} ${text}`)))
      .catch(() => note(`fetch ${mode}`)('failed'));
  }
  fetch(url, { method: 'POST', mode: 'no-cors', body: 'code=forged&state=right' }).catch(() => undefined);
  fetch(url, { method: 'PUT', headers: { 'X-A': 'b' } }).catch(() => note('preflight')('failed'));
  put('image', 'img', { src: url });
  put('script', 'script', { src: url });
  put('style', 'link', { rel: 'stylesheet', href: url });
  put('prefetch', 'link', { rel: 'prefetch', href: url });
  put('preload', 'link', { rel: 'preload', as: 'fetch', href: url });
  put('object', 'object', { data: url });
  put('embed', 'embed', { src: url });
  put('video', 'video', { src: url });
  const frame = put('frame', 'iframe', { src: url, name: 'target' }) as HTMLIFrameElement;
  const rules = document.createElement('script');
  rules.type = 'speculationrules';
  rules.textContent = JSON.stringify({ prerender: [{ urls: [url] }], prefetch: [{ urls: [url] }] });
  body.append(rules);
  put('named', 'iframe', { name: 'form-target' });
  for (const method of ['get', 'post']) {
    const form = document.createElement('form');
    Object.assign(form, { action: url, method, target: 'form-target' });
    form.innerHTML = '<input name=code value=forged><input name=state value=right>';
    body.append(form);
    form.submit();
  }
  navigator.sendBeacon(url, 'code=forged&state=right');
  new EventSource(url).onopen = () => note('events')('open');
  const socket = new WebSocket(url.replace('http', 'ws'));
  socket.onopen = () => note('socket')('open');
  socket.onmessage = ({ data }) => note('socket')(data);
  return new Promise((resolve) => {
    setTimeout(() => {
      try {
        note('frame')(frame.contentDocument?.body.innerText ?? 'closed');
      } catch {
        note('frame')('closed');
      }
      resolve(told);
    }, patience);
  });
};

/** That nothing arrived, and nobody was told anything of the listener but that something is there. */
async function expectNothingHappened(told: Record<string, string>): Promise<void> {
  expect(await Promise.race([wait.then(() => 'arrived'), Promise.resolve('nothing')])).toBe('nothing');
  expect(JSON.stringify(told)).not.toMatch(/Acme|sign-in|"loaded|"open|\b[245]\d\d /);
}

describe('a page of an attacker in the person’s browser', { timeout: 60_000 }, () => {
  it.each([
    ['another port of the same address', '127.0.0.1'],
    ['a name under localhost', 'evil.localhost'],
    ['a name of the attacker’s that leads to this machine', 'evil.test'],
  ])('on %s tries every way there is, with the right state even: none arrives, and none tells it anything', async (_where, name) => {
    await page.goto(`http://${name}:${site.port}/`);
    const told = await page.evaluate(tryEverything, [
      `${listener.redirectUri}?code=forged&state=right`,
      TRY_MS,
    ] as const);
    await expectNothingHappened(told);
    expect(told['fetch cors']).toBe('failed');
    // They did get here, and were refused by the listener and not by chance.
    expect(answered.length).toBeGreaterThan(3);
    expect(answered.filter((status) => status !== 403 && status !== 405)).toEqual([]);
  });

  it('whose name is rebound to the listener’s own port is answered 421: at the top, in a frame and by fetch', async () => {
    const rebound = `http://evil.test:${listener.port}/callback?code=forged&state=right`;
    // An answer without content is shown as an error of the browser's.
    await page.goto(rebound).catch(() => undefined);
    page = await page.context().newPage();
    await page.goto(`http://evil.test:${site.port}/`);
    const told = await page.evaluate(tryEverything, [rebound, TRY_MS] as const);
    await expectNothingHappened(told);
    expect(answered.length).toBeGreaterThan(3);
    expect(new Set(answered)).toEqual(new Set([421]));
  });

  it('that opens windows with guessed states sees neither their text nor where they are, and shows the person no text of its own', async () => {
    await page.goto(`http://evil.test:${site.port}/`);
    const popups: Promise<Page>[] = [];
    page.context().on('page', (popup) => popups.push(Promise.resolve(popup)));
    const told = await page.evaluate(
      async ([redirectUri, patience]) => {
        const queries = ['?state=guess&error=server_error&error_description=Call+555', '', '/done', '/done?x=Call+555'];
        const opened = queries.map((query) => window.open(redirectUri + query));
        await new Promise((resolve) => setTimeout(resolve, patience));
        return opened.map((handle) => {
          try {
            return handle?.closed ? 'closed' : `${handle?.location.href} ${handle?.document.body.innerText}`;
          } catch {
            return 'closed';
          }
        });
      },
      [listener.redirectUri, TRY_MS] as const,
    );
    expect(told).toEqual(['closed', 'closed', 'closed', 'closed']);
    const texts = await Promise.all((await Promise.all(popups)).map((popup) => popup.locator('body').innerText()));
    expect(texts).toHaveLength(4);
    for (const text of texts) {
      expect(text).toContain('No sign-in is waiting for this');
      expect(text).not.toMatch(/555|server_error|guess/);
    }
    await expectNothingHappened({});
  });

  it('that asks for the clean path over and over, while the person’s browser is on its way there, does not take the page away', async () => {
    await page.goto(`http://evil.test:${site.port}/`);
    await page.evaluate((url) => {
      const frame = document.createElement('iframe');
      document.body.append(frame);
      const popup = window.open('about:blank');
      setInterval(() => {
        frame.src = url;
        if (popup && !popup.closed) popup.location.href = url;
      }, 20);
    }, `${listener.redirectUri}/done`);
    // What follows, the person's own callback, is in afterEach.
    await expect.poll(() => answered.length, { timeout: PATIENCE_MS }).toBeGreaterThan(3);
    expect(answered.every((status) => status === 400 || status === 403)).toBe(true);
  });
});

it('10,000 callbacks with guessed states from another program: bounded memory, and the right one gets through among them', async () => {
  const program = `
    const { connect } = require('node:net');
    let left = 10_000, turnedAway = 0, open = 0;
    const one = () => {
      if (left-- <= 0) return;
      open += 1;
      const socket = connect(${listener.port}, '127.0.0.1', () =>
        socket.write('GET /callback?code=c&state=' + left.toString(36).padStart(43, 'x') + ' HTTP/1.1\\r\\nHost: 127.0.0.1:${listener.port}\\r\\n\\r\\n'));
      socket.once('data', (data) => { if (String(data).startsWith('HTTP/1.1 400 ')) turnedAway += 1; });
      socket.on('error', () => {});
      socket.on('close', () => { open -= 1; one(); if (open === 0) process.stdout.write(String(turnedAway)); });
    };
    for (let i = 0; i < 40; i++) one();
  `;
  const before = process.memoryUsage().rss;
  const flood = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  flood.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const over = new Promise((resolve) => flood.once('close', resolve));
  let longest = 0;
  for (let turn = 0; flood.exitCode === null; turn++) {
    const began = performance.now();
    const answer = ask(`${listener.redirectUri}?code=${turn}&state=right`);
    const callback = await wait;
    wait = listener.waitForCallback({ state: 'right' });
    expect(callback.url.searchParams.get('code')).toBe(String(turn));
    void callback.respond({ ok: true });
    expect((await answer).status).toBe(200);
    longest = Math.max(longest, performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await over;
  expect(output).toBe('10000');
  expect(longest).toBeLessThan(5_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  if (process.env['TEST_FIGURES'] !== undefined) {
    process.stdout.write(
      `10,000 guesses: right callback within ${Math.round(longest)} ms, ${Math.round((process.memoryUsage().rss - before) / 1e6)} MB\n`,
    );
  }
}, 120_000);
