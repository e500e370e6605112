import type { IncomingMessage, ServerResponse } from 'node:http';
import { WriteStream } from 'node:tty';
import { afterEach, describe, expect, it } from 'vitest';
import { readJson, sendJson } from '../../examples/servers/loopback-server.js';
import type { Output } from '../../src/cli/io.js';
import { shownUrl } from '../../src/cli/shown-url.js';
import { wantsColour } from '../../src/cli/style.js';
import { closers } from '../auth-provider/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

interface Rpc {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly name?: string };
}

/** An MCP server whose tools repeat the token that they were called with. */
async function echoingServer() {
  const tokens = new Set<string>();
  const answers: Readonly<Record<string, (token: string) => object>> = {
    headers: (token) => ({
      result: { content: [{ type: 'text', text: `You sent: Bearer ${token}\nand ${encodeURIComponent(token)}` }] },
    }),
    structured: (token) => ({ result: { content: [], structuredContent: { [token]: [{ token }] } } }),
    base64: (token) => ({
      result: { content: [{ type: 'text', text: Buffer.from(`x:${token}`).toString('base64') }] },
    }),
    failing: (token) => ({ result: { isError: true, content: [{ type: 'text', text: `bad token ${token}` }] } }),
    refusing: (token) => ({ error: { code: -32_000, message: `no: ${token}` } }),
    long: (token) => ({ result: { content: [{ type: 'text', text: `${'word '.repeat(10_000)}${token} the end` }] } }),
  };
  const intercept = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const token = request.headers.authorization?.slice('Bearer '.length);
    if (request.url !== '/mcp' || request.method !== 'POST' || token === undefined) return false;
    tokens.add(token);
    const { id, method, params } = ((await readJson(request)) ?? {}) as Rpc;
    if (method === 'tools/list') {
      const tools = [{ name: `tool-${token}`, description: `for ${token}`, inputSchema: { type: 'object' } }];
      sendJson(response, 200, { jsonrpc: '2.0', id, result: { tools } });
    } else if (method === 'tools/call') {
      sendJson(response, 200, { jsonrpc: '2.0', id, ...answers[params?.name ?? '']?.(token) });
    } else if (method === 'initialize') {
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'e', version: '1' },
      };
      sendJson(response, 200, { jsonrpc: '2.0', id, result });
    } else if (id !== undefined) {
      sendJson(response, 200, { jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } });
    } else response.writeHead(202, { 'content-length': '0' }).end();
    return true;
  };
  const scene = closing(await cliScene({ intercept }));
  await scene.run(['login', scene.server.url]);
  return { ...scene, tokens, answers };
}

function assertHidden(text: string, tokens: ReadonlySet<string>): void {
  expect(tokens.size).toBeGreaterThan(0);
  for (const token of tokens) {
    for (const form of [token, Buffer.from(`x:${token}`).toString('base64').slice(4, -4)])
      expect(text).not.toContain(form);
  }
}

describe('a server that repeats the token', () => {
  it('in the answer of a tool finds it in no output of call, as text or as JSON', async () => {
    const { run, server, tokens, answers } = await echoingServer();
    for (const tool of Object.keys(answers)) {
      for (const flags of [[], ['--json']]) {
        const { stdout, stderr } = await run(['call', server.url, tool, ...flags]);
        assertHidden(stdout + stderr, tokens);
        expect(stdout + stderr).toContain('…');
      }
    }
  });

  it('in a long answer leaves the rest of it whole', async () => {
    const { run, server } = await echoingServer();
    const { stdout } = await run(['call', server.url, 'long']);
    expect(stdout).toBe(`${'word '.repeat(10_000)}… the end\n`);
  });

  it('in the names and descriptions of its tools finds it in no output of tools', async () => {
    const { run, server, tokens } = await echoingServer();
    for (const flags of [[], ['--json']]) {
      const { stdout } = await run(['tools', server.url, ...flags]);
      assertHidden(stdout, tokens);
      expect(stdout).toContain('tool-…');
    }
  });
});

describe('a key in the URL of the server', () => {
  it.each([
    ['https://h.example.com/mcp?api_key=4711', 'https://h.example.com/mcp?api_key=…'],
    ['https://h.example.com/mcp?a=1&Token=x%20y&b=2#f', 'https://h.example.com/mcp?a=1&Token=…&b=2#f'],
    ['https://h.example.com/mcp?k=sk1234567890abcdefghij', 'https://h.example.com/mcp?k=…'],
    ['https://h.example.com/mcp?project_ref=abcdefghijklmnopqrst&read_only=true', undefined],
    ['https://h.example.com/mcp', undefined],
  ])('%s is not shown', (url, shown = url) => {
    expect(shownUrl(url)).toBe(shown);
  });

  it('is not in what the commands print for people, nor in the commands they are told to run', async () => {
    const { run, server } = closing(await cliScene());
    const url = `${server.url}?api_key=s3cr3t-key-of-the-user&team=blue`;
    for (const [argv, told] of [
      [['status', url], '/mcp?api_key=…&team=blue'],
      [['tools', url, '--non-interactive'], 'Put the key of the URL in place of the dots.'],
      [['tools', url, '--non-interactive', '--json'], 'Put the key of the URL in place of the dots.'],
    ] as const) {
      const { stdout, stderr } = await run(argv);
      expect(stdout + stderr).not.toContain('s3cr3t');
      expect(stdout + stderr).toContain(told);
    }
  });

  it('is not in what is said while somebody signs in', async () => {
    const { run, server } = closing(await cliScene());
    const { stderr } = await run(['login', `${server.url}?api_key=s3cr3t-key-of-the-user`], { tty: ON_A_TERMINAL });
    expect(stderr).toContain('To sign in to');
    expect(
      stderr
        .split('\n')
        .filter((line) => !line.includes('/authorize?'))
        .join('\n'),
    ).not.toContain('s3cr3t');
  });
});

describe('NO_COLOR', () => {
  it('turns colours off where it has a value, and not where it is empty', () => {
    const hasColors = WriteStream.prototype.hasColors as (this: object, env?: object) => boolean;
    const terminal = { isTTY: true, hasColors: (env?: object): boolean => hasColors.call(terminal, env) };
    Object.setPrototypeOf(terminal, WriteStream.prototype);
    const wants = (env: NodeJS.ProcessEnv) =>
      wantsColour(terminal as unknown as Output, { TERM: 'xterm-256color', ...env });
    expect(wants({})).toBe(true);
    expect(wants({ NO_COLOR: '' })).toBe(true);
    expect(wants({ NO_COLOR: '1' })).toBe(false);
    expect(wants({ NO_COLOR: '', TERM: 'dumb' })).toBe(false);
  });
});
