import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { listenOnLoopback, sendJson } from '../../examples/servers/loopback-server.js';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { rejection } from '../support/failure.js';
import { closers } from '../with-oauth/support.js';
import { initialize, startRawHost } from './stdio-proxy-host.js';
import { type BuiltExample, buildExample, type Machine, newMachine, until, urlIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

let example: BuiltExample;
beforeAll(async () => {
  example = await buildExample('stdio-proxy');
}, 60_000);
afterAll(() => example.close());

const rawHost = (machine: Machine, serverUrl: string) => closing(startRawHost(example, machine, serverUrl));

/** A host with a client of its own that starts the proxy, as its settings say. */
function startHost(machine: Machine, serverUrl: string) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [example.program, serverUrl],
    env: machine.env,
    stderr: 'pipe',
  });
  const notices = { text: '' };
  transport.stderr?.on('data', (chunk) => {
    notices.text += String(chunk);
  });
  const client = closing(new Client({ name: 'host', version: '1.0.0' }));
  const errors: Error[] = [];
  client.onerror = (error) => void errors.push(error);
  const asked = () => until(() => urlIn(notices.text) !== undefined, 'the URL');
  return {
    client,
    errors,
    notices,
    transport,
    connect: () => client.connect(transport, { timeout: 30_000 }),
    asked,
    /** Does what the proxy asks the person to. */
    async signIn(deny = false) {
      await asked();
      return playPerson(urlIn(notices.text) ?? '', { deny });
    },
  };
}

const echo = (client: Client, text: string) => client.callTool({ name: 'echo', arguments: { text } });
const answering = (text: string) => ({ content: [{ type: 'text', text }] });

describe('a host that speaks stdio only', { timeout: 60_000 }, () => {
  it('calls a tool of a protected server; a second instance at once shares the sign-in', async () => {
    const versions = new Set<unknown>();
    const server = closing(
      await startRotatingServer({
        intercept(request) {
          const isCall = server.counts.count('mcp:initialize', 200) === 2 && request.method === 'POST';
          if (isCall) versions.add(request.headers['mcp-protocol-version']);
          return false;
        },
      }),
    );
    const machine = closing(await newMachine());
    const first = startHost(machine, server.url);
    const connected = first.connect();
    await first.asked();
    const second = startHost(machine, server.url);
    const both = Promise.all([connected, second.connect()]);
    await until(() => second.notices.text.includes('Another window'), 'the second');
    await first.signIn();
    await both;

    expect(await echo(first.client, 'one')).toEqual(answering('one'));
    expect(await echo(second.client, 'two')).toEqual(answering('two'));
    expect(urlIn(second.notices.text)).toBeUndefined();
    expect(['authorize', 'register', 'token'].map((kind) => server.counts.count(kind))).toEqual([1, 1, 1]);
    expect([...versions]).toEqual([LATEST_PROTOCOL_VERSION]);
    // stdout that is not JSON-RPC would be an error of the client.
    expect([...first.errors, ...second.errors]).toEqual([]);
  });

  it('gets messages of the server, in both directions and in order, over a legacy SSE server too', async () => {
    const server = closing(await startInternalMcpServerV1());
    const machine = closing(await newMachine());
    const host = startHost(machine, server.sseUrl);
    await Promise.all([host.connect(), host.signIn()]);
    const texts = Array.from({ length: 5 }, (_, index) => `text ${index}`);
    expect(await Promise.all(texts.map((text) => echo(host.client, text)))).toEqual(texts.map(answering));
    expect(server.counts.count('GET /sse', 200)).toBe(1);
    const { pid } = host.transport;
    await host.client.close();
    await until(() => !isAlive(pid), 'the end of the proxy');
  });

  it('is answered with a JSON-RPC error where the sign-in fails, and can try again', async () => {
    const server = closing(
      await startRotatingServer({
        intercept(request, response) {
          const isRefused = request.url?.startsWith('/authorize') === true && refusing;
          if (isRefused) {
            const { searchParams } = new URL(request.url ?? '', 'http://localhost');
            const back = new URL(searchParams.get('redirect_uri') ?? '');
            back.search = String(
              new URLSearchParams({
                error: 'access_denied',
                state: searchParams.get('state') ?? '',
                iss: `http://${request.headers.host}`,
              }),
            );
            response.writeHead(302, { location: back.href }).end();
          }
          return isRefused;
        },
      }),
    );
    let refusing = true;
    const proxy = rawHost(closing(await newMachine()), server.url);
    proxy.send(initialize(1));
    await until(() => urlIn(proxy.output.stderr) !== undefined, 'the URL');
    await playPerson(urlIn(proxy.output.stderr) ?? '');
    expect(await proxy.answer(1)).toMatchObject({
      error: { code: -32_000, message: expect.stringMatching(/\w/), data: { code: 'access_denied', retryable: false } },
    });

    refusing = false;
    proxy.output.stderr = '';
    proxy.send(initialize(2));
    await until(() => urlIn(proxy.output.stderr) !== undefined, 'the second URL');
    await playPerson(urlIn(proxy.output.stderr) ?? '');
    expect(await proxy.answer(2)).toMatchObject({ result: { serverInfo: { name: 'rotating' } } });
  });

  it('is told what the server, the URL or the order of requests is wrong with', async () => {
    const broken = closing(await listenOnLoopback((_, response) => sendJson(response, 500, { error: 'broken' })));
    const machine = closing(await newMachine());
    const host = startHost(machine, `${broken.origin}/mcp`);
    expect(await rejection(host.connect())).toMatchObject({
      code: -32_000,
      message: expect.stringContaining('broken'),
    });

    const proxy = rawHost(machine, 'http://mcp.example.com/mcp');
    proxy.send({ jsonrpc: '2.0', id: 'early', method: 'tools/list' });
    expect(await proxy.answer('early')).toMatchObject({ error: { message: expect.stringContaining('"initialize"') } });
    proxy.send(initialize(1));
    expect(await proxy.answer(1)).toMatchObject({ error: { data: { code: 'invalid_options' } } });
  });

  it.each(['SIGTERM', 'the end of stdin'])('ends on %s in the middle of a sign-in, and lets go of it', async (how) => {
    const server = closing(await startRotatingServer());
    const proxy = rawHost(closing(await newMachine()), server.url);
    proxy.send(initialize(1));
    await until(() => urlIn(proxy.output.stderr) !== undefined, 'the URL');
    if (how === 'SIGTERM') proxy.child.kill('SIGTERM');
    else proxy.child.stdin?.end();
    expect(await proxy.ended).toBe(0);
    expect(await proxy.answer(1)).toMatchObject({ error: { code: -32_000, data: { code: 'closed' } } });
  });
});

function isAlive(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
