import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttp } from '../../src/http/index.js';
import { fakeFetch, serve } from '../http/support.js';
import { failure } from '../support/failure.js';
import { URLS } from './address-forms.js';

const ANCHOR = 'https://mcp.example.com/mcp';
const START = 'https://auth.example.net/start';

function answering(answer: Parameters<typeof fakeFetch>[0], anchor = ANCHOR) {
  const { fetch, calls } = fakeFetch(answer);
  return { http: createHttp({ anchor, fetch }), sent: () => calls.map(({ url }) => url), calls };
}

const moved = (location: string, status = 302) => new Response(null, { status, headers: { location } });

describe.each(Object.entries(URLS))('redirects to %s', (_, urls) => {
  // A header holds neither line breaks nor what is not Latin-1.
  it.each(
    urls.filter((url) => /^[\x20-\x7e]+$/.test(url)),
  )('a redirect of metadata to %j leads to no other host', async (url) => {
    const { http, sent } = answering(() => moved(url));
    const { code } = await failure(http.request('metadata', START));
    expect(['address_refused', 'redirect_refused']).toContain(code);
    // Without slashes some of them are relative: paths of the host that was asked.
    expect(new Set(sent().map((one) => new URL(one).host))).toEqual(new Set(['auth.example.net']));
  });
});

describe('redirects that are odd', () => {
  it.each([300, 304, 305, 306, 310, 399])('a %s with a Location is an answer and not a way', async (status) => {
    const { http, sent } = answering(() => moved('https://elsewhere.example/', status));
    expect((await http.request('metadata', START)).status).toBe(status);
    expect(sent()).toHaveLength(1);
  });

  it.each([
    ['refresh', '0; url=https://elsewhere.example/'],
    ['content-location', 'https://elsewhere.example/'],
    ['location', 'https://elsewhere.example/'],
    ['alt-svc', 'h2="elsewhere.example:443"; ma=3600'],
    ['link', '<https://elsewhere.example/>; rel="canonical"'],
  ])('a 200 with the header %s leads nowhere', async (name, value) => {
    const { http, sent } = answering(() => new Response('here', { headers: { [name]: value } }));
    expect(await (await http.request('metadata', START)).text()).toBe('here');
    await http.request('metadata', START);
    expect(sent()).toEqual([START, START]);
  });

  it.each([
    ['to itself', () => START],
    ['between two hosts', (n: number) => `https://${n % 2 ? 'a' : 'b'}.example/`],
    ['to ever new hosts', (n: number) => `https://host-${n}.example/`],
    ['to ever longer URLs', (n: number) => `https://a.example/${'x'.repeat(1_000 * n)}`],
  ])('a loop of redirects %s ends after five', async (_, target) => {
    const { http, sent } = answering(() => moved(target(sent().length)));
    expect(await failure(http.request('metadata', START))).toMatchObject({ code: 'redirect_refused' });
    expect(sent()).toHaveLength(6);
  });

  it.each([
    ['//10.0.0.1/', 'address_refused'],
    ['/\\10.0.0.1/', 'address_refused'],
    ['\\\\10.0.0.1\\', 'address_refused'],
    ['///10.0.0.1/', 'address_refused'],
    [`https://b.example/${'x'.repeat(8_192)}`, 'address_refused'],
    ['https://b.example/, https://c.example/', undefined],
  ])('a relative or overlong Location cannot hide its host: %.40s', async (location, code) => {
    const { http, sent } = answering(() => (sent().length === 1 ? moved(location) : new Response()));
    const outcome = await http.request('metadata', START).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    expect(outcome).toBe(code);
    expect(sent().filter((url) => !/^https:\/\/(auth\.example\.net|b\.example)\//.test(url))).toEqual([]);
  });

  it('a redirect keeps a public server out of loopback, also over a host that is allowed', async () => {
    const { http, sent } = answering((url) =>
      moved(url === START ? 'https://b.example/' : 'http://127.0.0.1:9229/json'),
    );
    expect(await failure(http.request('metadata', START))).toMatchObject({ code: 'redirect_refused' });
    expect(sent()).toHaveLength(2);
  });

  it('a cookie that was set on the way is not carried on', async () => {
    const { http, calls } = answering((url) =>
      url === START
        ? new Response(null, { status: 307, headers: { location: '/next', 'set-cookie': 'track=me; Path=/' } })
        : new Response('end'),
    );
    await http.request('metadata', START);
    expect(calls.map(({ init }) => Object.keys(init.headers ?? {}))).toEqual([['accept'], ['accept']]);
  });

  it.each([
    'https://10.0.0.1/',
    'http://auth.example.net/',
    'file:///etc/passwd',
    'data:application/json,{}',
    '',
  ])('a given fetch that followed a redirect to %j by itself is found out', async (url) => {
    const followed = () =>
      Object.defineProperties(new Response('{}'), { redirected: { value: true }, url: { value: url } });
    const { code } = await failure(answering(followed).http.request('metadata', START));
    expect(['address_refused', 'redirect_refused']).toContain(code);
  });
});

describe('redirects on the wire', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  /** Answers every request with these bytes. */
  async function raw(answer: string) {
    const sockets = new Set<Socket>();
    let requests = 0;
    const server = createTcpServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      socket.on('data', () => {
        requests += 1;
        socket.end(Buffer.from(answer, 'latin1'));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of sockets) socket.destroy();
        }),
    );
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests };
  }

  it.each([
    ['nothing in it', 'Location:', ['redirect_refused']],
    ['blanks alone', 'Location:   ', ['redirect_refused']],
    ['a control character', 'Location: http://169.254.169.254/\x01', ['address_refused', 'network_error']],
    ['a NUL', 'Location: http://169.254.169.254/\0', ['network_error', 'address_refused']],
    [
      'a line folded',
      'Location: http://\r\n 169.254.169.254/',
      ['network_error', 'address_refused', 'redirect_refused'],
    ],
    ['two of them', 'Location: http://169.254.169.254/\r\nLocation: /x', ['address_refused', 'redirect_refused']],
    ['bytes over ASCII', 'Location: http://169.254.169.254\xe3\x80\x82/', ['address_refused', 'redirect_refused']],
    ['a tab within the host', 'Location: http://169.254.\t169.254/', ['address_refused']],
    [
      'an escape of the header',
      'Location: http://169.254.169.254/\rX-Injected: 1',
      ['network_error', 'address_refused'],
    ],
  ])('a Location with %s ends in an error, and in bounds', { timeout: 20_000 }, async (_, header, codes) => {
    const server = await raw(`HTTP/1.1 302 Found\r\n${header}\r\nContent-Length: 0\r\n\r\n`);
    const http = createHttp({ anchor: server.url, timeoutMs: 15_000 });
    const { code } = await failure(http.request('metadata', `${server.url}/`));
    expect(codes).toContain(code);
    // An empty one means the URL itself.
    expect(server.requests()).toBeLessThanOrEqual(6);
  });

  it('a server that announces another host (Alt-Svc) is asked itself again', async () => {
    let misled = 0;
    const other = await serve((_, response) => {
      misled += 1;
      response.end();
    });
    const server = await serve((_, response) =>
      response
        .writeHead(200, { 'alt-svc': `http/1.1="127.0.0.1:${other.port}"; ma=3600`, connection: 'close' })
        .end('own'),
    );
    stops.push(other.stop, server.stop);
    const http = createHttp({ anchor: server.url });
    for (let i = 0; i < 3; i += 1) expect(await (await http.request('metadata', server.url)).text()).toBe('own');
    expect(misled).toBe(0);
  });
});
