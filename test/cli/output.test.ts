import { afterEach, describe, expect, it } from 'vitest';
import { readJson, sendJson } from '../../examples/servers/loopback-server.js';
import { relativeTime, timeLeft } from '../../src/cli/duration.js';
import { printable, printableLines, safeJson } from '../../src/cli/printable.js';
import { shellQuote } from '../../src/cli/shell.js';
import { painter, wantsColour } from '../../src/cli/style.js';
import { closers, person } from '../auth-provider/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL, Sink } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

const CLEAR_SCREEN = '\u001b[2J';
const TITLE = '\u001b]0;owned\u0007';
const C1 = '\u009b31m';
const BIDI = '\u202e';
const HOSTILE = `${CLEAR_SCREEN}${TITLE}${C1}${BIDI}`;

/** A server whose every word is an attack on the terminal. */
const hostileServer = () =>
  open({
    async intercept(request, response) {
      if (request.method !== 'POST' || request.url !== '/mcp' || request.headers.authorization === undefined)
        return false;
      const rpc = (await readJson(request)) as { id?: number; method: string; params?: { name?: string } };
      const answer = (result: unknown) => sendJson(response, 200, { jsonrpc: '2.0', id: rpc.id, result });
      if (rpc.id === undefined) response.writeHead(202).end();
      else if (rpc.method === 'tools/list') {
        const inputSchema = { type: 'object', properties: { [`a${HOSTILE}`]: {} } };
        answer({ tools: [{ name: `t${HOSTILE}`, description: `d${HOSTILE}\nsecond line`, inputSchema }] });
      } else if (rpc.params?.name === 'fail') {
        sendJson(response, 200, { jsonrpc: '2.0', id: rpc.id, error: { code: -32_000, message: `m${HOSTILE}` } });
      } else if (rpc.method === 'tools/call') {
        answer({
          content: [
            { type: 'text', text: `r${HOSTILE}\n\ttwo` },
            { type: 'image', data: 'AAAA', mimeType: `x${HOSTILE}` },
          ],
        });
      } else {
        answer({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } });
      }
      return true;
    },
  });

/** Nothing in it that a terminal would obey. */
function expectHarmless(text: string): void {
  expect(text.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\u202e]/u);
}

describe('what a server says', () => {
  it('F40: steers no terminal: tools, results and errors', async () => {
    const { server, run } = await hostileServer();
    await run(['login', server.url]);
    // NO_COLOR, so that not even our own sequences are there.
    const options = { tty: ['stdout', 'stderr'] as const, env: { NO_COLOR: '1' } };
    const tools = await run(['tools', server.url], options);
    expectHarmless(tools.stdout);
    expect(tools.stdout).toMatch(/^t\ufffd.* a\ufffd.*\n {2}d\ufffd.* second line\n$/u);
    const call = await run(['call', server.url, 'x'], options);
    expectHarmless(call.stdout);
    expect(call.stdout).toMatch(/^r\ufffd.*\n\ttwo\n\[image, x\ufffd/u);
    const failed = await run(['call', server.url, 'fail'], options);
    expect(failed.exitCode).toBe(1);
    expectHarmless(failed.stderr);
    expect(failed.stderr).toMatch(/^error \[mcp_failed\]: .*m\ufffd/u);
  });

  it('is escaped in JSON, and the same when it is read', async () => {
    const { server, run } = await hostileServer();
    await run(['login', server.url]);
    for (const argv of [
      ['tools', server.url, '--json'],
      ['call', server.url, 'x', '--json'],
    ]) {
      const { stdout } = await run(argv);
      expectHarmless(stdout);
      expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(HOSTILE).slice(1, -1));
    }
    const failed = await run(['call', server.url, 'fail', '--json']);
    expectHarmless(failed.stderr);
    expect(JSON.parse(failed.stderr).error).toMatchObject({ message: expect.stringContaining('m\ufffd'), exitCode: 1 });
  });
});

describe('an error', () => {
  it('is one object of JSON on stderr with --json, with code, stage, remedy and exit code', async () => {
    const { server, run } = await open();
    const { exitCode, stdout, stderr } = await run(['call', server.url, 'echo', '--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    const last = stderr.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toEqual({
      error: {
        code: 'interaction_required',
        stage: 'authorization',
        message: expect.any(String),
        remedy: `Run: mcp-oauth-client login '${server.url}'`,
        exitCode: 3,
      },
    });
  });

  it('never shows a stack', async () => {
    const { run } = await open({}, person());
    const { exitCode, stderr } = await run(['login', 'http://127.0.0.1:1/mcp']);
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(/^error \[network_error\]: .* try again\.\n$/);
    expect(stderr).not.toContain('    at ');
  });
});

describe('colour', () => {
  it.each([
    ['a terminal', {}, true, true],
    ['a pipe', {}, false, false],
    ['a terminal with NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['a terminal with an empty NO_COLOR', { NO_COLOR: '' }, true, true],
    ['a terminal that is dumb', { TERM: 'dumb' }, true, false],
    ['a pipe with FORCE_COLOR', { FORCE_COLOR: '1' }, false, true],
    ['a terminal with FORCE_COLOR=0', { FORCE_COLOR: '0' }, true, false],
    ['both of them', { NO_COLOR: '1', FORCE_COLOR: '1' }, false, false],
  ])('for %s', (_, env, isTTY, wanted) => {
    expect(wantsColour(new Sink(isTTY), env)).toBe(wanted);
  });

  it('is in the output of a terminal, and with NO_COLOR there is none', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const colourful = await run(['status', server.url], { tty: ON_A_TERMINAL });
    const plain = await run(['status', server.url], { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } });
    expect(colourful.stdout).toContain('\u001b[');
    expect(plain.stdout).not.toContain('\u001b');
    const forced = await run(['status', server.url], { env: { FORCE_COLOR: '1' } });
    expect(forced.stdout).toBe(colourful.stdout);
  });

  it('is decided for each stream alone', () => {
    const io = { stdout: new Sink(true), stderr: new Sink(false), env: {} } as unknown as Parameters<typeof painter>[0];
    expect(painter(io, 'stdout')('red', 'x')).toContain('\u001b[31m');
    expect(painter(io, 'stderr')('red', 'x')).toBe('x');
  });
});

describe('text', () => {
  it('keeps what is harmless: letters of every script, joined emoji, lines and tabs', () => {
    const text = 'Grüße, 世界, سلام, نمی‌خواهم, 👩‍👩‍👧';
    expect(printable(text)).toBe(text);
    expect(printableLines(`${text}\r\n\t${text}`)).toBe(`${text}\n\t${text}`);
    expect(JSON.parse(safeJson({ text }))).toEqual({ text });
  });

  it('is cut where it is too long', () => {
    expect(printable('abcdef', 3)).toBe('abc...');
  });

  it.each([
    ['linux', "a'b; $(x) `y`", "'a'\\''b; $(x) `y`'"],
    ['win32', 'a"b%PATH%$(x)', '"a%22b%25PATH%25%24(x)"'],
  ] as const)('is one harmless word of a command line on %s', (platform, text, word) => {
    expect(shellQuote(text, platform)).toBe(word);
  });

  it.each([
    [30_000, 'in 30 seconds'],
    [58 * 60_000, 'in 58 minutes'],
    [5 * 3_600_000, 'in 5 hours'],
    [-3 * 86_400_000, '3 days ago'],
  ])('says %i ms in words', (ms, words) => {
    expect(relativeTime(1e12 + ms, 1e12)).toBe(words);
  });

  it('shows the time left as a clock does', () => {
    expect([299_001, 60_000, 59_000, -5].map(timeLeft)).toEqual(['5:00', '1:00', '0:59', '0:00']);
  });
});
