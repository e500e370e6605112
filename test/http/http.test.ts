import { describe, expect, it } from 'vitest';
import { createHttp, type Http, type HttpOptions, resolveHttp } from '../../src/http/index.js';
import { ManualClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { fakeFetch } from './support.js';

const ANCHOR = 'https://mcp.example.com/mcp';
const URL_A = 'https://auth.example.net/a';

function http(answer: Parameters<typeof fakeFetch>[0], options: Partial<HttpOptions> = {}) {
  const { fetch, calls } = fakeFetch(answer);
  return { http: createHttp({ anchor: ANCHOR, fetch, ...options }), calls };
}

function redirect(location: string, status = 302): Response {
  return new Response('moved', { status, headers: { location } });
}

describe('requests', () => {
  it('ask for JSON, follow no redirect by themselves and give the answer whatever its status', async () => {
    const sent = http(
      () => new Response('{"a":1}', { status: 418, headers: { 'content-type': 'application/json', 'x-a': 'b' } }),
    );
    const response = await sent.http.request('metadata', URL_A);
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.headers.get('x-a'), await response.json()]).toEqual([418, 'b', { a: 1 }]);
    const init = sent.calls[0]?.init;
    expect(init).toMatchObject({ method: 'GET', redirect: 'manual', headers: { accept: 'application/json' } });
    expect(init).not.toHaveProperty('body');
  });

  it('keep the given method, headers and body', async () => {
    const sent = http(() => new Response(null, { status: 204 }));
    const body = new URLSearchParams({ grant_type: 'refresh_token' });
    const response = await sent.http.request('token', URL_A, {
      method: 'POST',
      headers: { Accept: 'text/plain', DPoP: 'x' },
      body,
    });
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(sent.calls[0]?.init).toMatchObject({ method: 'POST', headers: { accept: 'text/plain', dpop: 'x' }, body });
  });

  it('give an answer whose headers describe the body as it was read', async () => {
    const headers = { 'content-encoding': 'gzip', 'content-length': '7', 'retry-after': '3' };
    const response = await http(() => new Response('plain', { headers })).http.request('metadata', URL_A);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'text/plain;charset=UTF-8',
      'retry-after': '3',
    });
  });

  it('F40: never reach an address that the rule refuses', async () => {
    const sent = http(() => new Response());
    for (const [purpose, stage] of [
      ['metadata', 'discovery'],
      ['token', 'token'],
      ['registration', 'registration'],
      ['revocation', 'token'],
    ] as const) {
      const error = await failure(sent.http.request(purpose, 'https://169.254.169.254/latest'));
      expect(error).toMatchObject({ code: 'address_refused', stage });
    }
    expect(sent.calls).toEqual([]);
  });

  it('refuse an anchor that is no URL', async () => {
    expect(await failure(() => createHttp({ anchor: 'mcp' }))).toMatchObject({
      code: 'invalid_options',
      stage: 'configuration',
    });
  });
});

describe('redirects', () => {
  it('are followed for metadata, at most five, with a relative location too', async () => {
    const sent = http((url) => {
      const n = Number(new URL(url).searchParams.get('n'));
      return n < 5 ? redirect(`/next?n=${n + 1}`, [301, 302, 303, 307, 308][n]) : new Response(url);
    });
    expect(await (await sent.http.request('metadata', `${URL_A}?n=0`)).text()).toBe(
      'https://auth.example.net/next?n=5',
    );
    expect(sent.calls).toHaveLength(6);
    const loop = http(() => redirect(URL_A));
    expect(await failure(loop.http.request('metadata', URL_A))).toMatchObject({
      code: 'redirect_refused',
      status: 302,
    });
    expect(loop.calls).toHaveLength(6);
  });

  it.each([
    ['https://169.254.169.254/latest/meta-data', 'address_refused'],
    ['https://10.0.0.1/', 'address_refused'],
    ['https://localhost/', 'address_refused'],
    ['https://user:pw@b.example/', 'address_refused'],
    ['http://b.example/', 'redirect_refused'],
    ['http://127.0.0.1:6379/', 'redirect_refused'],
    ['file:///etc/passwd', 'redirect_refused'],
    ['https://[', 'redirect_refused'],
  ])('F40: are judged at every hop: %s', async (location, code) => {
    const sent = http((url) => (url === URL_A ? redirect('https://b.example/') : redirect(location)));
    expect(await failure(sent.http.request('metadata', URL_A))).toMatchObject({ code, stage: 'discovery' });
    expect(sent.calls.map(({ url }) => url)).toEqual([URL_A, 'https://b.example/']);
  });

  it('may go from https to http within loopback', async () => {
    const sent = http((url) => (url.startsWith('https') ? redirect('http://127.0.0.1:9000/x') : new Response('here')), {
      anchor: 'http://localhost:3000/mcp',
    });
    expect(await (await sent.http.request('metadata', 'https://localhost:9443/')).text()).toBe('here');
  });

  it('without a location are refused', async () => {
    const sent = http(() => new Response(null, { status: 302 }));
    expect(await failure(sent.http.request('metadata', URL_A))).toMatchObject({ code: 'redirect_refused' });
  });

  it.each([
    ['token', 'token'],
    ['registration', 'registration'],
    ['revocation', 'token'],
  ] as const)('are refused for %s requests', async (purpose, stage) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const sent = http(() => redirect('https://auth.example.net/b', status));
      const error = await failure(sent.http.request(purpose, URL_A, { method: 'POST', body: 'secret' }));
      expect(error).toMatchObject({ code: 'redirect_refused', stage, status, url: URL_A });
      expect(sent.calls).toHaveLength(1);
    }
  });

  it('are refused for metadata that is not fetched by GET', async () => {
    const sent = http(() => redirect('https://auth.example.net/b'));
    expect(await failure(sent.http.request('metadata', URL_A, { method: 'POST' }))).toMatchObject({
      code: 'redirect_refused',
    });
  });

  it('take no credentials to another origin', async () => {
    const sent = http((url) =>
      url === URL_A ? redirect('/same') : url.endsWith('/same') ? redirect('https://b.example/') : new Response(),
    );
    await sent.http.request('metadata', URL_A, { headers: { authorization: 'Bearer t', cookie: 'c', 'x-kept': 'y' } });
    expect(sent.calls.map(({ init }) => init.headers)).toEqual([
      { accept: 'application/json', authorization: 'Bearer t', cookie: 'c', 'x-kept': 'y' },
      { accept: 'application/json', authorization: 'Bearer t', cookie: 'c', 'x-kept': 'y' },
      { accept: 'application/json', 'x-kept': 'y' },
    ]);
  });

  it('that a browser hides are refused', async () => {
    const opaque = new Response(null, { status: 200 });
    Object.defineProperties(opaque, { type: { value: 'opaqueredirect' }, status: { value: 0 } });
    expect(await failure(http(() => opaque).http.request('metadata', URL_A))).toMatchObject({
      code: 'redirect_refused',
    });
  });

  it('that a given fetch followed by itself are judged by where they ended', async () => {
    const followed = (url: string) =>
      Object.defineProperties(new Response('x'), { redirected: { value: true }, url: { value: url } });
    const sent = (url: string) => http(() => followed(url)).http;
    expect((await sent('https://b.example/').request('metadata', URL_A)).status).toBe(200);
    expect(await failure(sent('https://10.0.0.1/').request('metadata', URL_A))).toMatchObject({
      code: 'address_refused',
    });
    expect(await failure(sent('https://b.example/').request('token', URL_A))).toMatchObject({
      code: 'redirect_refused',
    });
  });
});

describe('bounds', () => {
  const endless = (onCancel?: () => void) =>
    new Response(new ReadableStream({ pull: () => new Promise(() => {}), cancel: onCancel ?? (() => {}) }));
  const tick = () => new Promise((resolve) => setImmediate(resolve));

  it('a body over 1 MiB is refused, one of 1 MiB is not', async () => {
    const size = (bytes: number) => http(() => new Response(new Uint8Array(bytes))).http.request('metadata', URL_A);
    expect((await (await size(1_048_576)).arrayBuffer()).byteLength).toBe(1_048_576);
    expect(await failure(size(1_048_577))).toMatchObject({ code: 'response_too_large', stage: 'discovery' });
  });

  it('a body that never ends in size is read no further than 1 MiB and cancelled', async () => {
    let pulled = 0;
    let cancelled = false;
    const stream = new ReadableStream({
      pull(controller) {
        pulled += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel() {
        cancelled = true;
      },
    });
    expect(await failure(http(() => new Response(stream)).http.request('token', URL_A))).toMatchObject({
      code: 'response_too_large',
    });
    expect(pulled).toBeLessThan(1_300_000);
    expect(cancelled).toBe(true);
  });

  it.each([
    ['a server that never answers', () => new Promise<Response>(() => {})],
    ['a body that never ends in time', () => endless()],
  ])('%s is given up after timeoutMs, also by a fetch that ignores its signal', async (_, answer) => {
    const clock = new ManualClock();
    const pending = failure(http(answer, { clock, timeoutMs: 5000 }).http.request('token', URL_A));
    await tick();
    clock.advance(4999);
    await tick();
    expect(clock.timers).toBe(1);
    clock.advance(1);
    expect(await pending).toMatchObject({ code: 'timeout', stage: 'token', retryable: true });
    expect(clock.timers).toBe(0);
  });

  it('redirects share the time of one request', async () => {
    const clock = new ManualClock();
    const sent = http(
      () => {
        clock.advance(2000);
        return redirect(URL_A);
      },
      { clock, timeoutMs: 5000 },
    );
    expect(await failure(sent.http.request('metadata', URL_A))).toMatchObject({ code: 'timeout' });
    expect(sent.calls).toHaveLength(3);
  });

  it('30 s are the default', async () => {
    const clock = new ManualClock();
    const pending = failure(http(() => new Promise(() => {}), { clock }).http.request('token', URL_A));
    await tick();
    clock.advance(29_999);
    expect(clock.timers).toBe(1);
    clock.advance(1);
    expect((await pending).code).toBe('timeout');
  });

  it('an abort ends the wait, closes the body and leaves nothing behind', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    let cancelled = false;
    const answer = () => endless(() => (cancelled = true));
    const pending = failure(http(answer, { clock }).http.request('metadata', URL_A, { signal: controller.signal }));
    await tick();
    controller.abort(new Error('enough'));
    expect(await pending).toMatchObject({ code: 'aborted', stage: 'discovery', cause: controller.signal.reason });
    expect([cancelled, clock.timers]).toEqual([true, 0]);
  });

  it('an aborted signal sends nothing; both signals of fetchFor count', async () => {
    const sent = http(() => new Response());
    const init = { method: 'GET', headers: {} };
    expect(await failure(sent.http.request('metadata', URL_A, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'aborted',
    });
    expect(await failure(sent.http.fetchFor('metadata', AbortSignal.abort())(URL_A, init))).toMatchObject({
      code: 'aborted',
    });
    expect(
      await failure(sent.http.fetchFor('metadata')(URL_A, { ...init, signal: AbortSignal.abort() })),
    ).toMatchObject({ code: 'aborted' });
    expect(sent.calls).toEqual([]);
  });

  it('the signal given to fetch is aborted with the request', async () => {
    const clock = new ManualClock();
    const sent = http(() => new Promise(() => {}), { clock });
    const pending = failure(sent.http.request('token', URL_A));
    await tick();
    expect(sent.calls[0]?.init.signal?.aborted).toBe(false);
    clock.advance(30_000);
    await pending;
    expect(sent.calls[0]?.init.signal?.aborted).toBe(true);
  });

  it('a body of another kind than a stream is read too', async () => {
    const odd = (bytes: Uint8Array<ArrayBuffer>) =>
      Object.defineProperties(new Response(), {
        body: { value: {} },
        arrayBuffer: { value: async () => bytes.buffer },
      });
    expect(await (await http(() => odd(new TextEncoder().encode('hi'))).http.request('metadata', URL_A)).text()).toBe(
      'hi',
    );
    const large = http(() => odd(new Uint8Array(1_048_577))).http.request('metadata', URL_A);
    expect(await failure(large)).toMatchObject({ code: 'response_too_large' });
  });
});

describe('failures', () => {
  const failing = (error: unknown) => http(() => Promise.reject(error)).http.request('token', URL_A);

  it('without an answer are network errors with their code and a remedy', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = await failure(failing(new TypeError('fetch failed', { cause })));
    expect(error).toMatchObject({ code: 'network_error', stage: 'token', retryable: true });
    expect(error.message).toContain('(ECONNREFUSED)');
    expect(error.cause).toMatchObject({ name: 'TypeError', message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
  });

  it('of time are timeouts', async () => {
    const cause = new AggregateError([Object.assign(new Error(), { code: 'ETIMEDOUT' })]);
    expect(await failure(failing(new TypeError('fetch failed', { cause })))).toMatchObject({ code: 'timeout' });
    const headers = Object.assign(new Error(), { code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect(await failure(failing(headers))).toMatchObject({ code: 'timeout' });
  });

  it.each([
    ['a string'],
    [undefined],
    [{ code: 'X' }],
  ])('that are no errors (%j) are network errors', async (thrown) => {
    expect(await failure(failing(thrown))).toMatchObject({ code: 'network_error' });
  });

  it('keep nothing of a request that a thrown error carries', async () => {
    const thrown = Object.assign(new Error(`bad\n${'x'.repeat(500)}`), { config: { body: 'refresh_token=s3cret' } });
    const error = await failure(failing(thrown));
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
    expect((error.cause as Error).message).toHaveLength(201);
    expect((error.cause as Error).message).not.toContain('\n');
  });

  it('of a status that HTTP does not know are invalid responses', async () => {
    const odd = Object.defineProperty(new Response('x'), 'status', { value: 999 });
    expect(await failure(http(() => odd).http.request('metadata', URL_A))).toMatchObject({ code: 'invalid_response' });
  });
});

describe('resolveHttp', () => {
  it('takes the given one, else makes one for the anchor', async () => {
    const given: Http = http(() => new Response()).http;
    expect(resolveHttp(ANCHOR, { http: given })).toBe(given);
    const { fetch, calls } = fakeFetch(() => new Response());
    const made = resolveHttp('http://localhost:3000/', {
      fetch,
      network: { allowInsecureHttp: ['a.example'] },
      timeoutMs: 1,
    });
    await made.request('metadata', 'http://a.example/');
    expect(calls).toHaveLength(1);
    expect(
      await failure(() => resolveHttp(ANCHOR, undefined).assertDiscoveredUrl('https://10.0.0.1', 'token')),
    ).toMatchObject({
      code: 'address_refused',
    });
  });
});
