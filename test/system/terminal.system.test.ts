import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RotatingServer, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { callbackOf, isPortFree, redirectUriOf } from '../auth-provider/support.js';
import { command, openTerminal, type Terminal, type TerminalOptions } from './terminal.js';
import { drawScreen } from './terminal-screen.js';

/** Cancel to released port. */
const RELEASE_MS = 100;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is coloured with
const COLOUR = /\x1b\[\d+(;\d+)*m/;

let server: RotatingServer;
let directory: string;
let terminals: Terminal[];

beforeEach(async () => {
  server = await startRotatingServer();
  directory = await mkdtemp(join(tmpdir(), 'terminal-'));
  terminals = [];
});
afterEach(async () => {
  for (const terminal of terminals) terminal.kill();
  await Promise.all(terminals.map(({ exitCode }) => exitCode));
  await server.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
});

/** A shell in a terminal. A browser is there and opens nothing: the test plays the person. */
function open(line: string, options: TerminalOptions): Terminal {
  const env = { BROWSER: '/usr/bin/true', ...options.env };
  const terminal = openTerminal(line, { ...options, env });
  terminals.push(terminal);
  return terminal;
}

const session = (...parameters: string[]) =>
  command(parameters[0] ?? '', server.url, '--store', 'file', '--directory', directory, ...parameters.slice(1));

/** The authorization URL that is shown, once it is waited for. */
async function shownUrl(terminal: Terminal, columns: number): Promise<string> {
  await terminal.until((output) => output.includes('Waiting for the browser'), 'the wait');
  const { rows } = terminal.screen();
  const first = rows.findIndex((row) => row.trim().startsWith('http') && row.includes('/authorize'));
  let url = rows[first] ?? '';
  for (let at = first; rows[at]?.length === columns; at += 1) url += rows[at + 1];
  return url.trim();
}

/** The last rows of a screen that nothing is left on. */
function endOf(terminal: Terminal): readonly string[] {
  const { rows, cursor, sane, unknown } = terminal.screen();
  expect({ sane, unknown }).toEqual({ sane: true, unknown: [] });
  // The prompt of the shell comes at the beginning of an empty row.
  expect(cursor).toEqual([rows.length - 1, 0]);
  expect(rows.at(-1)).toBe('');
  expect(rows.join('\n')).not.toMatch(/Waiting|Or paste|yyy/);
  return rows.slice(0, -1);
}

describe.each([{ columns: 80 }, { columns: 40 }])('the command in a terminal of $columns columns', (size) => {
  const { columns } = size;
  const wrapped = (text: string) => text.replaceAll(/\s+/g, '');
  const text = (rows: readonly string[]) => wrapped(rows.join(''));

  it('login: shows where to go and what it waits for, and at the end only what stays true', async () => {
    const terminal = open(session('login'), size);
    const url = await shownUrl(terminal, columns);
    expect(new URL(url).origin).toBe(server.issuer);
    await terminal.until((output) => new Set(output.match(/4:5\d left/g)).size >= 2, 'the time running down');
    // One line at the bottom, however often it was drawn.
    expect(terminal.screen().rows.filter((row) => row.includes('Waiting for the browser'))).toHaveLength(1);
    await (await fetch(url)).text();
    expect(await terminal.exitCode).toBe(0);
    const rows = endOf(terminal);
    const shown = text(rows);
    for (const part of [`The authorization server is ${server.issuer}.`, url, 'Signed in.', server.url, 'mcp:read']) {
      expect(shown).toContain(wrapped(part));
    }
    expect(terminal.output()).toMatch(COLOUR);
  });

  it('login with NO_COLOR: says the same without a colour', async () => {
    const terminal = open(session('login'), { ...size, env: { NO_COLOR: '1' } });
    await (await fetch(await shownUrl(terminal, columns))).text();
    expect(await terminal.exitCode).toBe(0);
    expect(text(endOf(terminal))).toContain(wrapped('Signed in.'));
    expect(terminal.output()).not.toMatch(COLOUR);
  });

  it('F23: Ctrl-C ends it with 130, frees the port and leaves the terminal as it was', async () => {
    const settings = (name: string) => `stty -g > '${join(directory, name)}'`;
    const line = `${settings('before')}; ${session('login')}; code=$?; ${settings('after')}; cmp '${join(directory, 'before')}' '${join(directory, 'after')}' && exit $code`;
    const terminal = open(line, size);
    const redirectUri = redirectUriOf(await shownUrl(terminal, columns));
    expect(await isPortFree(redirectUri)).toBe(false);
    // Half a paste, longer than a row.
    terminal.type('y'.repeat(90));
    await terminal.until((output) => output.split('y').length > 90, 'the echo');
    const pressed = performance.now();
    terminal.type('\x03');
    while (!(await isPortFree(redirectUri)));
    expect(performance.now() - pressed).toBeLessThan(RELEASE_MS);
    expect(await terminal.exitCode).toBe(130);
    expect(text(endOf(terminal))).toMatch(/error\[aborted\]:Interrupted\..*nothingisleftopen\.$/);
  });

  it('F18: a URL that is pasted finishes the sign-in; one that does not belong to it is refused in words that stay', async () => {
    const terminal = open(session('login'), size);
    const url = await shownUrl(terminal, columns);
    terminal.type('I pressed Allow\r');
    await terminal.until((output) => output.includes('Still waiting'), 'the answer to the first line');
    terminal.type(`${redirectUriOf(url)}?code=x&state=${'B'.repeat(43)}\r`);
    await terminal.until((output) => output.split('Still waiting').length === 3, 'the answer to the second line');
    const refusal =
      /error\[(\w+)\]:[A-Z][^[]+?\.Stillwaiting\.PastethewholeURLfromtheaddressbarofthissign-in.sbrowsertab\./g;
    const refused = text(terminal.screen().rows).matchAll(refusal);
    expect([...refused].map(([, code]) => code)).toEqual(['invalid_callback', 'state_mismatch']);
    const callback = await callbackOf(url);
    terminal.type(callback);
    await terminal.until(
      (output) => drawScreen(output, columns).rows.join('').includes(callback.slice(-20)),
      'the echo',
    );
    terminal.type('\r');
    expect(await terminal.exitCode).toBe(0);
    const rows = terminal.screen().rows.map((row) => row.trim());
    expect(rows).toContain('Signed in.');
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });

  it('F18: a URL that another terminal wrapped is pasted as several lines, and finishes the sign-in as one', async () => {
    const terminal = open(session('login'), size);
    const callback = await callbackOf(await shownUrl(terminal, columns));
    const lines = callback.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [];
    expect(lines.length).toBeGreaterThan(1);
    // A terminal pastes a line end as Enter, and the last line has none.
    terminal.type(lines.join('\r'));
    const end = callback.slice(-9);
    await terminal.until((output) => drawScreen(output, columns).rows.join('').includes(end), 'the echo');
    terminal.type('\r');
    expect(await terminal.exitCode).toBe(0);
    expect(terminal.output()).not.toContain('Still waiting');
    expect(terminal.screen().rows.map((row) => row.trim())).toContain('Signed in.');
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });

  it('token: warns that a secret is on the screen, and not where it is passed on', async () => {
    const login = open(session('login'), size);
    await (await fetch(await shownUrl(login, columns))).text();
    expect(await login.exitCode).toBe(0);

    const shown = open(session('token'), size);
    expect(await shown.exitCode).toBe(0);
    expect(text(endOf(shown))).toMatch(/^warning:thisisasecret\..*\S{20,}$/);

    const passed = open(`token=$(${session('token')}); echo "\${#token} characters"`, size);
    expect(await passed.exitCode).toBe(0);
    expect(text(endOf(passed))).toMatch(/^\d\d+characters$/);
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });
});
