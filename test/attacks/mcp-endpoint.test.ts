import { afterEach, describe, expect, it } from 'vitest';
import { type AuthProvider, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { closers, rpc } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { open, SSE } from '../with-oauth/support.js';
import { rawServer } from './raw-server.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SERVER = 'https://mcp.example.com/mcp';
const TOKEN = 'the-marked-token';

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly authorization: string | null;
  readonly redirect: string | undefined;
}

/** A signed-in provider at a server that is played by `answer`, and everything that was sent. */
async function signedIn(answer: (sent: Sent, count: number) => Response | Promise<Response>) {
  const sent: Sent[] = [];
  const provider: AuthProvider = createAuthProvider({
    serverUrl: SERVER,
    store: new MemoryTokenStore(),
    interactive: false,
    async fetch(input, init) {
      const request = new Request(input, init);
      const { url, method, headers } = request;
      sent.push({ url, method, authorization: headers.get('authorization'), redirect: init?.redirect });
      return answer(sent.at(-1) as Sent, sent.length);
    },
  });
  closing(provider);
  await provider.tokens.setTokens({ accessToken: TOKEN, tokenType: 'Bearer', issuedAt: Date.now() });
  return { provider, sent };
}

const redirect = (status: number, location: string) => new Response(null, { status, headers: { location } });

const STATUSES = [301, 302, 303, 307, 308];
const METHODS = ['GET', 'POST', 'DELETE'];
const ELSEWHERE = [
  'https://evil.example/mcp',
  '//evil.example/mcp',
  'https://mcp.example.com:8443/mcp',
  'http://mcp.example.com/mcp',
  'https://mcp.example.com.evil.example/mcp',
  'https://mcp.example.com@evil.example/mcp',
  'https://alice:hunter2@mcp.example.com/other',
  'https://alice@mcp.example.com/mcp',
  '\\\\evil.example\\mcp',
  'file:///etc/passwd',
  'data:text/plain,x',
  'javascript:alert(1)',
  'blob:https://mcp.example.com/1',
];

describe('a redirect of the MCP endpoint', () => {
  it('to another origin, port or scheme, or with credentials in it, is refused for every status and method, and nothing more is sent', async () => {
    for (const status of STATUSES) {
      for (const method of METHODS) {
        for (const location of ELSEWHERE) {
          const { provider, sent } = await signedIn(() => redirect(status, location));
          const error = await failure(provider.fetch(SERVER, { method }));
          expect([status, method, location, error.code]).toEqual([status, method, location, 'redirect_refused']);
          expect(error.message).not.toMatch(/alice|hunter2/);
          expect(sent.map(({ url }) => url)).toEqual([SERVER]);
        }
      }
    }
  });

  it('within its origin keeps the token, and a request that is not a read is sent on by 307 and 308 alone', async () => {
    for (const status of STATUSES) {
      for (const method of METHODS) {
        const { provider, sent } = await signedIn((_, count) =>
          count === 1 ? redirect(status, '../other?x=1') : new Response('done'),
        );
        const call = provider.fetch(SERVER, { method });
        if (method === 'GET' || status >= 307) {
          expect(await (await call).text()).toBe('done');
          expect(sent.at(-1)).toMatchObject({ url: 'https://mcp.example.com/other?x=1', method });
        } else {
          expect(await failure(call)).toMatchObject({ code: 'redirect_refused' });
          expect(sent).toHaveLength(1);
        }
        for (const each of sent) expect(each.authorization).toBe(`Bearer ${TOKEN}`);
      }
    }
  });

  it('without end is followed five times, for each method that may be', async () => {
    for (const method of METHODS) {
      const { provider, sent } = await signedIn((_, count) => redirect(307, `/mcp/${count}`));
      expect(await failure(provider.fetch(SERVER, { method }))).toMatchObject({ code: 'redirect_refused' });
      expect(sent).toHaveLength(6);
    }
  });

  it('is asked of no fetch to be followed by itself, whatever the caller says', async () => {
    for (const init of [{}, { redirect: 'follow' }, { redirect: 'error' }, { redirect: 'manual' }] as const) {
      const { provider, sent } = await signedIn(() => new Response('done'));
      await provider.fetch(SERVER, init);
      await provider.fetch(new Request(SERVER, init));
      expect(sent.map((each) => each.redirect ?? 'manual')).toEqual(['manual', 'manual']);
    }
  });

  it('that the given fetch followed by itself to another origin is an error that says so, whatever the caller says', async () => {
    const follow = (url: string) =>
      Object.defineProperties(Response.json({ stolen: true }), { redirected: { value: true }, url: { value: url } });
    for (const url of ['https://evil.example/mcp?token=secret', 'http://mcp.example.com/mcp', '']) {
      for (const init of [{}, { redirect: 'manual' }] as const) {
        const { provider } = await signedIn(() => follow(url));
        const error = await failure(provider.fetch(SERVER, init));
        expect(error).toMatchObject({ code: 'redirect_refused', stage: 'resource' });
        expect(error.message).toContain("redirect: 'manual'");
        expect(error.message).not.toContain('secret');
      }
    }
    const { provider } = await signedIn(() => follow('https://mcp.example.com/moved'));
    expect(await (await provider.fetch(SERVER)).json()).toEqual({ stolen: true });
  });

  it('that a browser hides is refused, unless the caller wants it as it is', async () => {
    const hidden = () =>
      Object.defineProperties(new Response(), { type: { value: 'opaqueredirect' }, status: { value: 0 } });
    const { provider } = await signedIn(hidden);
    expect(await failure(provider.fetch(SERVER))).toMatchObject({ code: 'redirect_refused' });
    expect((await provider.fetch(SERVER, { redirect: 'manual' })).type).toBe('opaqueredirect');
  });

  it('is refused with its body closed', async () => {
    const cancelled: string[] = [];
    const body = () => new ReadableStream({ cancel: () => void cancelled.push('cancelled') });
    const { provider } = await signedIn(
      () => new Response(body(), { status: 307, headers: { location: 'https://evil.example/' } }),
    );
    await failure(provider.fetch(SERVER));
    expect(cancelled).toEqual(['cancelled']);
  });
});

describe('the headers of a request', () => {
  it('an Authorization of the caller is replaced at the origin, and the token is in no request to another one', async () => {
    const { provider, sent } = await signedIn(() => new Response('done'));
    const headers = { authorization: 'Basic dXNlcjpwYXNz', cookie: 'a=b' };
    await provider.fetch(SERVER, { headers });
    await provider.fetch('https://mcp.example.com/.well-known/x', { headers });
    for (const url of [
      'https://evil.example/mcp',
      'http://mcp.example.com/mcp',
      'https://mcp.example.com:444/',
      'https://mcp.example.com.evil.example/',
    ]) {
      await provider.fetch(url);
      await provider.fetch(new Request(url));
    }
    // Its origin is the one of the server.
    await provider.fetch('blob:https://mcp.example.com/1');
    expect(sent.filter(({ authorization }) => authorization?.includes(TOKEN)).map(({ url }) => url)).toEqual([
      SERVER,
      'https://mcp.example.com/.well-known/x',
    ]);
    expect(sent.some(({ authorization }) => authorization?.startsWith('Basic'))).toBe(false);
  });

  it('a URL with credentials in it sends nothing', async () => {
    const { provider, sent } = await signedIn(() => new Response('done'));
    await failure(provider.fetch('https://user:pass@mcp.example.com/mcp'));
    expect(sent).toEqual([]);
  });
});

describe('a 401 or 403 whose body nobody needs', () => {
  it('does not hold up the call, even where neither the body nor its cancellation ever ends', async () => {
    const stuck = () => new ReadableStream({ pull: () => new Promise(() => {}), cancel: () => new Promise(() => {}) });
    for (const [status, challenge] of [
      [401, 'Bearer error="invalid_token"'],
      [403, 'Bearer error="insufficient_scope", scope="a"'],
    ] as const) {
      for (const type of ['application/json', 'text/event-stream']) {
        const headers = { 'www-authenticate': challenge, 'content-type': type };
        const { provider } = await signedIn(() => new Response(stuck(), { status, headers }));
        expect((await failure(provider.fetch(SERVER, rpc('ping')))).code).toBe('interaction_required');
      }
    }
  });

  it('may be of another kind than a stream', async () => {
    const odd = () => Object.defineProperty(new Response(null, { status: 401 }), 'body', { value: {} });
    const { provider } = await signedIn(odd);
    expect((await failure(provider.fetch(SERVER, rpc('ping')))).code).toBe('interaction_required');
  });
});

describe.each(SSE)('$name', (kind) => {
  it('an `endpoint` event that names another origin gets neither the token nor a message', async () => {
    const elsewhere = closing(await rawServer((socket) => socket.end('HTTP/1.1 202 Accepted\r\n\r\n')));
    const server = closing(
      await rawServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
        socket.write(`event: endpoint\ndata: ${elsewhere.url}messages\n\n`);
      }),
    );
    const provider = closing(createAuthProvider({ serverUrl: server.url, store: new MemoryTokenStore() }));
    await provider.tokens.setTokens({ accessToken: TOKEN, tokenType: 'Bearer', issuedAt: Date.now() });
    const client = closing(open(kind, server.url, { authProvider: provider }));
    await expect(client.connect({ timeout: 2_000 })).rejects.toThrow(/origin/);
    expect(server.requests.join()).toContain(`authorization: Bearer ${TOKEN}`);
    expect(elsewhere.requests).toEqual([]);
  });
});
