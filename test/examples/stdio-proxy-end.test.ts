import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { listenOnLoopback } from '../../examples/servers/loopback-server.js';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { documentText } from '../docs/run-block.js';
import { closers } from '../with-oauth/support.js';
import { initialize, startRawHost } from './stdio-proxy-host.js';
import { type BuiltExample, buildExample, newMachine, until, urlIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

let example: BuiltExample;
beforeAll(async () => {
  example = await buildExample('stdio-proxy');
}, 60_000);
afterAll(() => example.close());

const start = async (serverUrl: string) => closing(startRawHost(example, closing(await newMachine()), serverUrl));
type Proxy = Awaited<ReturnType<typeof start>>;

async function signIn(proxy: Proxy): Promise<void> {
  await until(() => urlIn(proxy.output.stderr) !== undefined, 'the URL');
  const url = urlIn(proxy.output.stderr) ?? '';
  proxy.output.stderr = '';
  await playPerson(url);
}

/** A proxy that its host has initialized. */
async function connected(serverUrl: string): Promise<Proxy> {
  const proxy = await start(serverUrl);
  proxy.send(initialize(1));
  await signIn(proxy);
  expect(await proxy.answer(1)).toMatchObject({ result: {} });
  proxy.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return proxy;
}

const list = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/list' });

describe('the stdio proxy', { timeout: 25_000 }, () => {
  it('has fewer than 90 lines in all', () => {
    expect(documentText('examples/stdio-proxy/main.ts').trimEnd().split('\n').length).toBeLessThan(90);
    expect(documentText('examples/stdio-proxy/main.ts')).not.toMatch(/from '\./);
  });

  it('outlives a server that is down, and goes on with the one that comes back', async () => {
    const server = closing(await startRotatingServer());
    const proxy = await connected(server.url);
    await server.close();
    proxy.send(list(2));
    expect(await proxy.answer(2)).toMatchObject({ error: { data: { retryable: true } } });

    const back = closing(await startRotatingServer({ port: server.port }));
    proxy.send(list(3));
    await signIn(proxy);
    expect(await proxy.answer(3)).toMatchObject({ result: { tools: expect.any(Array) } });
    expect(back.counts.count('mcp:initialize')).toBe(0);
    proxy.child.stdin?.end();
    expect(await proxy.ended).toBe(0);
  });

  it('ends with code 1 where the person denies a sign-in that the event stream needs', async () => {
    const streams: ServerResponse[] = [];
    let isLost = false;
    const server = closing(
      await startInternalMcpServerV1({
        intercept(request, response) {
          if (request.method === 'GET' && request.url === '/sse') streams.push(response);
          if (request.url !== '/token' || !isLost) return false;
          response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
          return true;
        },
      }),
    );
    const proxy = await connected(server.sseUrl);
    await until(() => server.counts.count('POST /message', 202) === 2, 'the notification');
    isLost = true;
    server.revokeAllAccessTokens();
    streams.at(-1)?.end();
    await until(() => urlIn(proxy.output.stderr) !== undefined, 'the URL');
    const asked = new URL(urlIn(proxy.output.stderr) ?? '');
    const back = new URL(asked.searchParams.get('redirect_uri') ?? '');
    back.search = String(new URLSearchParams({ error: 'access_denied', state: asked.searchParams.get('state') ?? '' }));
    await fetch(back);
    expect(await proxy.ended).toBe(1);
  });

  it.each(['SIGTERM', 'the end of stdin'])('ends within 2 seconds on %s, though the server hangs', async (how) => {
    let asked = false;
    const server = closing(
      await listenOnLoopback((request) => {
        asked ||= request.method === 'POST';
      }),
    );
    const proxy = await start(`${server.origin}/mcp`);
    proxy.send(initialize(1));
    await until(() => asked, 'the request');
    const before = performance.now();
    if (how === 'SIGTERM') proxy.child.kill('SIGTERM');
    else proxy.child.stdin?.end();
    await once(proxy.child, 'exit');
    expect(performance.now() - before).toBeLessThan(4_000);
    expect(await proxy.ended).toBe(0);
  });
});
