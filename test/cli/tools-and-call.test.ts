import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { readJson, sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import { closers, person, until } from '../auth-provider/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

/** Only the older SDK is installed. */
const onlyV1 = (specifier: string) =>
  specifier === '@modelcontextprotocol/client' ? notInstalled(specifier) : import(specifier);

async function notInstalled(specifier: string): Promise<never> {
  const name = /^@[^/]+\/[^/]+/.exec(specifier)?.[0];
  throw Object.assign(new Error(`Cannot find package '${name}' imported from /somewhere/cli.js`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
}

const SDKS = [
  ['the v2 SDK', undefined],
  ['the v1 SDK', onlyV1],
] as const;
const sdk = (importModule: ((specifier: string) => Promise<unknown>) | undefined) =>
  importModule === undefined ? {} : { importModule };

/** oidc-provider with both MCP servers before it. */
async function realServers() {
  const authorizationServer = closing(await startAuthorizationServer());
  const v1 = closing(await startMcpServerV1({ authorizationServer, scopesSupported: ['mcp:read'] }));
  const v2 = closing(await startMcpServerV2({ authorizationServer, scopesSupported: ['mcp:read'], legacy: 'reject' }));
  return { v1, v2 };
}

describe.each(SDKS)('mcp-oauth-client tools and call, with %s', (_, importModule) => {
  it('signs in on a terminal, lists the tools, and calls one', async () => {
    const { server, who, run } = await open();
    const tools = await run(['tools', server.url], {
      tty: ON_A_TERMINAL,
      env: { NO_COLOR: '1' },
      ...sdk(importModule),
    });
    expect(tools.exitCode).toBe(0);
    expect(tools.stdout).toBe('echo  text?\ncreate_issue  text?\n');
    const call = await run(['call', server.url, 'echo', '{"text":"hi"}'], sdk(importModule));
    expect(call).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: '' });
    expect(who.tabs).toHaveLength(1);
  });

  it('works against oidc-provider, over Streamable HTTP and over SSE', async () => {
    const { run } = await open();
    const { v1 } = await realServers();
    for (const [url, transport] of [
      [v1.url, 'http'],
      [v1.sseUrl, 'sse'],
    ] as const) {
      const options = { tty: ['stdin', 'stderr'] as const, ...sdk(importModule) };
      const { exitCode, stdout } = await run(['call', url, 'echo', '{"text":"hi"}', '--transport', transport], options);
      expect({ exitCode, stdout, transport }).toEqual({ exitCode: 0, stdout: 'hi\n', transport });
    }
  });

  it('gives JSON', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const tools = await run(['tools', server.url, '--json'], sdk(importModule));
    expect(JSON.parse(tools.stdout).tools).toMatchObject([{ name: 'echo' }, { name: 'create_issue' }]);
    const call = await run(['call', server.url, 'echo', '{"text":"hi"}', '--json'], sdk(importModule));
    expect(JSON.parse(call.stdout)).toMatchObject({ content: [{ type: 'text', text: 'hi' }] });
  });
});

describe('mcp-oauth-client tools', () => {
  it('speaks the modern wire with the v2 SDK', async () => {
    const { run } = await open();
    const { v2 } = await realServers();
    const { exitCode, stdout, stderr } = await run(['tools', v2.url], { tty: ['stdin', 'stderr'] });
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('echo  text\n  Says the text again\n');
  });

  it('F21: fails at once with the command to run where nobody can be asked', async () => {
    const { server, who, run } = await open();
    const { exitCode, stderr } = await run(['tools', server.url, '--store', 'file']);
    expect({ exitCode, tabs: who.tabs }).toEqual({ exitCode: 3, tabs: [] });
    expect(stderr).toContain(`Run: mcp-oauth-client login '${server.url}' --store file\n`);
  });

  it('says how to bring an SDK along where none is installed, and asks nobody to sign in before', async () => {
    const { server, who, run } = await open();
    const options = { tty: ON_A_TERMINAL, importModule: notInstalled };
    const { exitCode, stderr } = await run(['tools', server.url], options);
    expect({ exitCode, tabs: who.tabs }).toEqual({ exitCode: 1, tabs: [] });
    expect(stderr).toContain(
      `Run: npx -p mcp-oauth-client -p @modelcontextprotocol/client mcp-oauth-client tools '${server.url}'\n`,
    );
  });

  it('follows every page, but not for ever', async () => {
    let pages = 0;
    const { server, run } = await open({
      async intercept(request, response) {
        if (request.method !== 'POST' || request.url !== '/mcp' || request.headers.authorization === undefined)
          return false;
        const rpc = (await readJson(request)) as { id?: number; method: string };
        if (rpc.id === undefined) response.writeHead(202).end();
        else if (rpc.method === 'tools/list') {
          pages += 1;
          const tools = [{ name: `tool-${pages}`, inputSchema: { type: 'object' } }];
          sendJson(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { tools, nextCursor: `page-${pages}` } });
        } else {
          const serverInfo = { name: 'endless', version: '1' };
          const result = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo };
          sendJson(response, 200, { jsonrpc: '2.0', id: rpc.id, result });
        }
        return true;
      },
    });
    await run(['login', server.url]);
    const { exitCode, stdout } = await run(['tools', server.url], { importModule: onlyV1 });
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toHaveLength(101);
    expect(pages).toBe(100);
  });
});

describe('mcp-oauth-client call', () => {
  it('reads the arguments from stdin', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const { exitCode, stdout } = await run(['call', server.url, 'echo', '-'], { input: '{"text":"from a pipe"}' });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'from a pipe\n' });
  });

  it.each([
    ['no JSON', 'text=hi'],
    ['no object', '[1]'],
    ['null', 'null'],
  ])('refuses arguments that are %s as wrong usage', async (_, json) => {
    const { server, run } = await open();
    const { exitCode, stderr } = await run(['call', server.url, 'echo', json]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/error: The tool's arguments must be .*'\{"text":"hi"\}'/);
    expect(server.counts.total()).toBe(0);
  });

  it('F26: asks before scopes grow, and calls the tool when they have', async () => {
    const { server, who, start } = await open({ challengeScope: 'mcp:read' });
    const call = start(['call', server.url, 'create_issue', '{"text":"x"}'], {
      tty: ON_A_TERMINAL,
      env: { NO_COLOR: '1' },
    });
    await until(() => call.stderr.text.includes('[Y/n]'), 'the question');
    expect(call.stderr.text).toContain('For the tool create_issue the server asks for more scope: mcp:write.');
    expect(who.tabs).toHaveLength(1);
    call.stdin.write('\n');
    expect(await call.exitCode).toBe(0);
    expect(call.stdout.text).toBe('x\n');
    expect(who.tabs).toHaveLength(2);
  });

  it('ends with 4 where the person refuses more scope', async () => {
    const { server, who, start } = await open();
    const call = start(['call', server.url, 'create_issue'], { tty: ON_A_TERMINAL });
    await until(() => call.stderr.text.includes('[Y/n]'), 'the question');
    call.stdin.write('n\n');
    expect(await call.exitCode).toBe(4);
    expect(call.stderr.text).toContain('[step_up_denied]');
    expect(who.tabs).toHaveLength(1);
  });

  it('F21: names the scopes in the command to run where nobody can be asked', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const { exitCode, stderr } = await run(['call', server.url, 'create_issue', '{}']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`Run: mcp-oauth-client login '${server.url}' --scope 'mcp:write'\n`);
  });

  it('ends with 4 where the person refuses at the authorization server', async () => {
    const { run } = await open({}, person({ deny: true }));
    const { v1 } = await realServers();
    const { exitCode, stderr } = await run(['call', v1.url, 'echo', '{"text":"hi"}', '--interactive']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('error [access_denied]');
  });

  it('prints the answer of a tool that failed, and ends with 1', async () => {
    const { run } = await open();
    const { v1 } = await realServers();
    const { exitCode, stdout, stderr } = await run(['call', v1.url, 'slow', '{"ms":"x"}', '--interactive']);
    expect(exitCode).toBe(1);
    expect(stdout.length).toBeGreaterThan(5);
    expect(stderr).toContain('error [tool_failed]: The tool slow reported an error');
  });

  it('is interrupted while a tool works', async () => {
    const { server, run, start } = await open({ mcpDelayMs: 0 });
    await run(['login', server.url]);
    server.settings.mcpDelayMs = 20_000;
    const call = start(['call', server.url, 'echo', '{}']);
    await until(() => server.counts.count('mcp') > 1, 'the request');
    call.interrupt();
    expect(await call.exitCode).toBe(130);
  });
});
