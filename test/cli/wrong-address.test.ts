import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closers } from '../auth-provider/support.js';
import { cliScene } from './scene.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A plain server on this machine, and its port. */
async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
  return (server.address() as AddressInfo).port;
}

/** What `login` says of the server by this address. */
async function login(url: string, ...flags: string[]) {
  const { run } = closing(await cliScene());
  return run(['login', url, ...flags]);
}

describe('login at a server that knows itself by another address', () => {
  it.each([
    [
      'JSON',
      'application/json',
      (origin: string) => JSON.stringify({ error: 'x', error_description: `This is ${origin}.` }),
    ],
    [
      'problem details',
      'application/problem+json',
      (origin: string) => JSON.stringify({ title: `This is ${origin}.` }),
    ],
    [
      'an error of JSON-RPC',
      'application/json',
      (origin: string) => JSON.stringify({ error: { code: -32_000, message: `This is ${origin}` } }),
    ],
    ['a page', 'text/html', (origin: string) => `<html><head><title>This is ${origin}</title></head></html>`],
  ])('says what the server answered: %s', async (_, type, body) => {
    const port = await serve((request, response) => {
      request.resume();
      const host = `127.0.0.1:${port}`;
      response.writeHead(421, { 'content-type': type }).end(body(`http://${host}`));
    });
    const { exitCode, stderr } = await login(`http://localhost:${port}/mcp`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`It answered 421: This is http://127.0.0.1:${port}.\n`);
    expect(stderr).toMatch(/^error \[authorization_server_not_found\]: /);
    expect(stderr).not.toContain('The authorization server is');
  });

  it('shortens and cleans what it says', async () => {
    const said = `\u001b[2J\u202e${'word '.repeat(400)}`;
    const port = await serve((request, response) => {
      request.resume();
      response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ message: said }));
    });
    const { stderr } = await login(`http://localhost:${port}/mcp`);
    expect(stderr).toContain('It answered 404: ');
    expect(stderr).not.toMatch(/\p{Cc}(?<!\n)|\p{Cf}/u);
    expect(stderr.length).toBeLessThan(700);
  });

  it('says nothing of an answer where it was a success', async () => {
    const port = await serve((request, response) => {
      request.resume();
      if (request.method === 'POST')
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"message":"hi"}');
      else response.writeHead(404).end();
    });
    const { stderr } = await login(`http://127.0.0.1:${port}/mcp`);
    expect(stderr).toMatch(/^error \[authorization_server_not_found\]: .*did not ask for a token/);
    expect(stderr).not.toContain('It answered');
  });

  it('names the status alone where the body does not end', { timeout: 20_000 }, async () => {
    const port = await serve((request, response) => {
      request.resume();
      if (request.method !== 'POST') return void response.writeHead(404).end();
      response.writeHead(400, { 'content-type': 'text/plain' }).write('so far');
    });
    const { systemClock } = await import('../../src/index.js');
    const { run } = closing(await cliScene());
    const { stderr } = await run(['login', `http://127.0.0.1:${port}/mcp`], { clock: systemClock });
    expect(stderr).toContain('It answered 400.\n');
  });
});

describe('login by https at a server that speaks plain http', () => {
  it('says so, and what to write', async () => {
    const port = await serve((_, response) => response.end());
    const { exitCode, stderr } = await login(`https://127.0.0.1:${port}/mcp`);
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(
      /^error \[network_error\]: .*It does not speak TLS; for a server on this machine write http:\/\//,
    );
  });

  it('F21: sends nothing with --non-interactive, as docs/command-line.md says', async () => {
    let requests = 0;
    const port = await serve((_, response) => {
      requests += 1;
      response.end();
    });
    const { exitCode } = await login(`http://127.0.0.1:${port}/mcp`, '--non-interactive');
    expect({ exitCode, requests }).toEqual({ exitCode: 3, requests: 0 });
  });
});
