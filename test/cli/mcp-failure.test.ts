import { afterEach, describe, expect, it } from 'vitest';
import type { RotatingServerOptions } from '../../examples/servers/rotating-server.js';
import type { FetchLike } from '../../src/types.js';
import { closers } from '../auth-provider/support.js';
import { cliScene } from './scene.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

type Answer = Parameters<NonNullable<RotatingServerOptions['intercept']>>[1];

/** A server that signs people in and then fails in its own way. */
async function failing(fail: (response: Answer) => void) {
  const scene = closing(
    await cliScene({
      intercept(request, response) {
        if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
        fail(response);
        return true;
      },
    }),
  );
  await scene.run(['login', scene.server.url]);
  return scene;
}

const page =
  (status: number, words = 'upstream is gone') =>
  (response: Answer) => {
    const html = `<!DOCTYPE html><html><head><style>body { color: red }</style></head><body><h1>Sorry, ${words}</h1>${'<p>more</p>'.repeat(1_000)}</body></html>`;
    response.writeHead(status, { 'content-type': 'text/html' }).end(html);
  };

const onlyV1 = async (specifier: string) => {
  if (specifier !== '@modelcontextprotocol/client') return import(specifier);
  throw Object.assign(new Error(`Cannot find package '${specifier}' imported from x`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
};

describe.each([
  ['the v2 SDK', (specifier: string) => import(specifier)],
  ['the v1 SDK', onlyV1],
])('an MCP server that fails, with %s', (_, importModule) => {
  it.each([
    ['a page with 502', page(502), 5],
    ['a page with 404', page(404), 1],
    ['a page with 200', page(200), 1],
    ['a plain 403', page(403, 'you may not'), 4],
  ])('by %s: is said in a few words, with the command that helps', async (__, fail, code) => {
    const { server, run } = await failing(fail);
    for (const argv of [
      ['tools', server.url],
      ['call', server.url, 'echo'],
    ]) {
      const { exitCode, stdout, stderr } = await run(argv, { importModule });
      expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
      expect(stderr).toMatch(/^error \[mcp_failed\]: /);
      expect(stderr).not.toMatch(/<|color: red/);
      expect(stderr.length).toBeLessThan(600);
      expect(stderr).toContain(`run: mcp-oauth-client doctor '${server.url}'\n`);
    }
  });

  it('by hanging up: is to be tried again', async () => {
    const { server, run } = await failing((response) => response.destroy());
    const { exitCode, stderr } = await run(['tools', server.url], { importModule });
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(/^error \[\w+\]: /);
  });

  it('gives code and exit code as JSON', async () => {
    const { server, run } = await failing(page(500));
    const { stderr } = await run(['tools', server.url, '--json'], { importModule });
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'mcp_failed', exitCode: 5, remedy: expect.any(String) });
  });

  it('by a 403 without a scope to a tool: says that there is none to ask for, and what the server has', async () => {
    const { server, run } = closing(await cliScene());
    const { url } = server;
    await run(['login', url]);
    const refusing: FetchLike = async (input, init) =>
      String(init?.body).includes('tools/call') ? new Response('you may not', { status: 403 }) : fetch(input, init);
    const { exitCode, stderr } = await run(['call', url, 'echo'], { importModule, fetch: refusing });
    expect(exitCode).toBe(4);
    expect(stderr).toContain(
      `The server refuses this and names no scope that would help. What it has: mcp-oauth-client tools '${url}'\n`,
    );
    expect(stderr).not.toContain('doctor');
  });
});
