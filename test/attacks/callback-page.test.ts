import { afterEach, describe, expect, it } from 'vitest';
import { type LoopbackListener, startLoopbackListener } from '../../src/loopback/index.js';
import { createPages } from '../../src/loopback/page.js';
import { ask, exchange, NAVIGATION } from '../loopback/support.js';

const open: LoopbackListener[] = [];
const start = async (clientName = 'Acme IDE') => {
  const listener = await startLoopbackListener({ clientName });
  open.push(listener);
  return listener;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

/** Texts that leave the place they are put in, where it does not hold them. */
const ESCAPES = [
  '<script>alert(1)</script>',
  '</title><script>alert(1)</script>',
  '</p></main></body></html><script src=//evil.example></script>',
  '</style><style>*{display:none}</style>',
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "'-alert(1)-'",
  '<!--',
  '--><script>alert(1)</script>',
  ']]><script>',
  '<meta http-equiv=refresh content="0;url=//evil.example">',
  '<base href=//evil.example>',
  '<form action=//evil.example><input type=password>',
  '<a href="javascript:alert(1)">Continue</a>',
  '&lt;script&gt;',
  '&#60;script&#62;',
  '$'.concat('{alert(1)}'),
  '{{constructor.constructor("alert(1)")()}}',
  '$&$`$1',
  '+ADw-script+AD4-',
  '\u00bcscript\u00be',
  '\ud83d<script>',
];
/** Texts that a reader sees otherwise than they are, or a terminal obeys. */
const DISGUISES = [
  '\u0000',
  '\u0007',
  '\u0008',
  '\u001b[2J\u001b]0;owned\u0007',
  '\u009b31m',
  '\u0085',
  '\u2028',
  '\u200b',
  '\u200e',
  '\u202e',
  '\u2066',
  '\u061c',
  '\u00ad',
  '\u034f',
  '\u2800',
  '\u3164',
  '\ufeff',
  '\ufff9',
  '\u{1d173}',
  '\u{e0041}',
  '\ud800',
];
/** The elements of a page, in order. */
const shape = (html: string) => [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag).join('');

describe('a text that others chose', () => {
  it.each(ESCAPES)('adds no element and no attribute to the page, wherever it stands: %s', (text) => {
    const [plain, hostile] = [createPages('name').failure('title', 'detail'), createPages(text).failure(text, text)];
    expect(shape(hostile.html)).toBe(shape(plain.html));
    for (const kind of ['success', 'finishing', 'used', 'unknown'] as const) {
      expect(shape(createPages(text)[kind]().html)).toBe(shape(createPages('name')[kind]().html));
    }
    expect(shape(hostile.html)).not.toMatch(/<script|<img|<form|<base|<a |refresh|\son\w+=/i);
    expect(createPages(text).headers).toEqual(createPages('name').headers);
  });

  it.each(DISGUISES)('shows what would steer a terminal or hide from the reader as a replacement: %j', (character) => {
    const { html } = createPages(`a${character}b`).failure(`a${character}b`, `a${character}b`);
    expect(html).not.toContain(character);
    expect(html.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(html).not.toMatch(/\p{Cs}/u);
  });

  it('is bounded, however long, and cannot paint over the lines around it', () => {
    const long = createPages('n'.repeat(1_000_000)).failure('t'.repeat(1_000_000), 'd'.repeat(1_000_000)).html;
    expect(long.length).toBeLessThan(5_000);
    expect(
      createPages('&'.repeat(1_000_000)).failure('"'.repeat(1_000_000), '<'.repeat(1_000_000)).html.length,
    ).toBeLessThan(8_000);
    expect(createPages('n').failure(`Z${'\u0300'.repeat(200)}`).html).not.toMatch(/\p{M}{6}/u);
  });
});

describe('what the listener sends', () => {
  const HEADERS = {
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    connection: 'close',
  };

  it('carries the whole policy whatever was asked: no frame, no script, no referrer, nothing kept', async () => {
    const { redirectUri } = await start();
    for (const [method, target] of [
      ['GET', '/callback?code=1&state=wrong'],
      ['GET', '/callback/done'],
      ['HEAD', '/callback'],
      ['POST', '/callback'],
      ['GET', '/elsewhere'],
      ['OPTIONS', '/callback'],
    ] as const) {
      const answer = await ask(new URL(target, redirectUri), { method });
      expect(answer.headers).toMatchObject(HEADERS);
      for (const name of ['set-cookie', 'server', 'x-powered-by', 'refresh'])
        expect(answer.headers).not.toHaveProperty(name);
      if (answer.body === '') continue;
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(answer.headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[^;]+; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      );
    }
  });

  it('repeats nothing of a callback: neither code nor state nor any parameter is on a page or in a header', async () => {
    const listener = await start();
    const wait = listener.waitForCallback({ state: 'the-state' });
    const marks = 'code=the-code&state=the-state&iss=https://the-issuer.example&session_state=the-rest';
    const real = ask(`${listener.redirectUri}?${marks}`, { headers: NAVIGATION });
    void (await wait).respond({ ok: true });
    const redirect = await real;
    const page = await ask(new URL(redirect.headers.location ?? '', listener.redirectUri), { headers: NAVIGATION });
    const replay = await ask(`${listener.redirectUri}?${marks}`, { headers: NAVIGATION });
    const wrong = await ask(`${listener.redirectUri}?${marks.replace('the-state', 'the-state-not')}`, {
      headers: NAVIGATION,
    });
    expect([redirect, page, replay, wrong].map(({ status }) => status)).toEqual([303, 200, 410, 400]);
    for (const { headers, body } of [redirect, page, replay, wrong]) {
      expect(JSON.stringify(headers) + body).not.toMatch(/the-(code|state|issuer|rest)/);
    }
  });

  it('a header line in the query does not become one of the answer', async () => {
    const { port } = await start('x\r\nSet-Cookie: a=b');
    const answer = await exchange(
      port,
      `GET /callback?state=%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
    );
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).not.toMatch(/set-cookie/i);
    expect(body).toContain('x Set-Cookie: a=b');
  });
});
