import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { bearerToken, createAuthProvider, MemoryTokenStore, type OwnedToken, withOAuth } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, rpc, TestClock, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** An MCP endpoint that takes the tokens in `good`, and says what it was sent. */
async function endpoint(
  good: Set<string>,
  refusal: { status: number; challenge: string } = { status: 401, challenge: 'Bearer' },
) {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    seen.push(authorization);
    request.resume();
    if (authorization !== undefined && good.has(authorization.replace('Bearer ', ''))) {
      response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}');
    } else {
      response.writeHead(refusal.status, { 'www-authenticate': refusal.challenge }).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return closing({
    url,
    seen,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
}

function open(serverUrl: string, token: Parameters<typeof bearerToken>[0], store = new MemoryTokenStore()) {
  const clock = new TestClock();
  const opened: string[] = [];
  const openBrowser = (url: string) => void opened.push(url);
  return {
    ...{ clock, opened, store },
    provider: closing(createAuthProvider({ serverUrl, grant: bearerToken(token), store, clock, openBrowser })),
  };
}

describe('bearerToken()', () => {
  it('sends the token of someone else, without asking the server for anything and without storing it', async () => {
    const server = await endpoint(new Set(['api-key']));
    const { provider, store } = open(server.url, 'api-key');
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.seen).toEqual(['Bearer api-key']);
    expect(await store.list('')).toEqual([]);
    expect(await provider.session()).toMatchObject({ signedIn: true, store: { kind: 'memory' } });
    expect(JSON.stringify(await provider.session())).not.toContain('api-key');
  });

  it('asks the function once for 100 calls at once', async () => {
    const server = await endpoint(new Set(['t1']));
    let asked = 0;
    const { provider } = open(server.url, async () => {
      asked += 1;
      return 't1';
    });
    const calls = Array.from({ length: 100 }, () => provider.fetch(server.url, rpc('ping')));
    for (const response of await Promise.all(calls)) expect(response.status).toBe(200);
    expect(asked).toBe(1);
  });

  it('asks once more when the token is refused, and goes on with the new one', async () => {
    const good = new Set(['t1']);
    const server = await endpoint(good);
    let number = 0;
    const { provider } = open(server.url, () => `t${++number}`);
    await provider.fetch(server.url, rpc('ping'));
    good.clear();
    good.add('t2');
    const calls = Array.from({ length: 20 }, () => provider.fetch(server.url, rpc('ping')));
    for (const response of await Promise.all(calls)) expect(response.status).toBe(200);
    expect(number).toBe(2);
  });

  it.each([
    ['a string', 'bad-token'],
    ['a function with the same token again', () => 'bad-token'],
  ])('%s that is refused ends in a clear error, without a browser and without the token in it', async (_, token) => {
    const server = await endpoint(new Set());
    const { provider, opened } = open(server.url, token);
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'token_rejected', message: expect.stringContaining('bearerToken()') });
    expect(JSON.stringify(error) + error.stack).not.toContain('bad-token');
    expect([opened, server.seen.length]).toEqual([[], 1]);
  });

  it('two different tokens that are refused end in the same error, after two requests', async () => {
    const server = await endpoint(new Set());
    let number = 0;
    const { provider } = open(server.url, () => `t${++number}`);
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'token_rejected' });
    expect(server.seen).toEqual(['Bearer t1', 'Bearer t2']);
  });

  it('a 403 for scope says that the token`s issuer has to give more', async () => {
    const server = await endpoint(new Set(), {
      status: 403,
      challenge: 'Bearer error="insufficient_scope", scope="admin"',
    });
    const { provider } = open(server.url, 'weak');
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
      code: 'insufficient_scope',
      message: expect.stringContaining('bearerToken()'),
    });
  });

  it('a token with an end is asked for again when that has come', async () => {
    const server = await endpoint(new Set(['t1', 't2']));
    let number = 0;
    const { provider, clock } = open(
      server.url,
      (): OwnedToken => ({ token: `t${++number}`, expiresAt: clock.now() + 60_000 }),
    );
    await provider.fetch(server.url, rpc('ping'));
    await provider.fetch(server.url, rpc('ping'));
    expect(number).toBe(1);
    clock.advance(61_000);
    await provider.fetch(server.url, rpc('ping'));
    expect(server.seen.at(-1)).toBe('Bearer t2');
  });

  it.each([
    ['throws', () => Promise.reject(new Error('the vault is sealed')), 'authorization_failed'],
    ['gives nothing', () => '' as string, 'authorization_failed'],
    ['gives what no header can carry', () => 'a\r\nb', 'authorization_failed'],
    ['gives no text', () => undefined as never, 'authorization_failed'],
  ])('a function that %s fails the call with a typed error', async (_, token, code) => {
    const server = await endpoint(new Set());
    const { provider } = open(server.url, token);
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code });
    expect(server.seen).toEqual([]);
  });

  it('a function that throws a secret, however short, shows nothing of it in error, event or log', async () => {
    const server = await endpoint(new Set());
    const events: unknown[] = [];
    const token = () => Promise.reject(Object.assign(new Error('no access with key hunter2'), { code: 'EACCES' }));
    const provider = closing(
      createAuthProvider({ serverUrl: server.url, grant: bearerToken(token), onEvent: (event) => events.push(event) }),
    );
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'authorization_failed', cause: { name: 'Error', code: 'EACCES' } });
    expect(events).not.toEqual([]);
    expect(inspect([error, events], { depth: 12, showHidden: true })).not.toContain('hunter2');
  });

  it.each([
    ['at first', 0],
    ['when it is asked again', 1],
  ])('a function that hangs %s is waited for as long as a request may take', async (_, good) => {
    const server = await endpoint(new Set(['t1']));
    const clock = new TestClock();
    let asked = 0;
    const token = () =>
      asked++ < good ? { token: 't1', expiresAt: clock.now() + 60_000 } : new Promise<string>(() => {});
    const provider = closing(
      createAuthProvider({
        serverUrl: server.url,
        grant: bearerToken(token as never),
        clock,
        timeouts: { request: 5_000 },
      }),
    );
    if (good > 0) expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    clock.advance(good * 61_000);
    const answer = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => asked > good, 'the question');
    // What has to begin after the question was asked.
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5_001);
    expect(await answer).toMatchObject({ code: 'timeout' });
    expect(asked).toBe(good + 1);
  });

  it('F43: signOut() forgets it until authorize()', async () => {
    const server = await endpoint(new Set(['api-key']));
    const { provider } = open(server.url, 'api-key');
    await provider.fetch(server.url, rpc('ping'));
    expect(await provider.signOut()).toEqual({
      revoked: false,
      registrationDeleted: false,
      registrationForgotten: false,
    });
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
    await provider.authorize();
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });

  it('connects through withOAuth without a probe', async () => {
    const server = await endpoint(new Set(['api-key']));
    class Transport {
      readonly url: URL;
      readonly fetch: typeof globalThis.fetch;
      constructor(url: URL, options?: { fetch?: typeof globalThis.fetch }) {
        this.url = url;
        this.fetch = options?.fetch ?? globalThis.fetch;
      }
      async start(): Promise<void> {
        await this.fetch(this.url, rpc('ping'));
      }
      async close(): Promise<void> {}
    }
    const transport = closing(withOAuth(Transport, server.url, { grant: bearerToken('api-key') }));
    await transport.start();
    expect(server.seen).toEqual(['Bearer api-key']);
  });
});
