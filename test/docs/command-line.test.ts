import * as readline from 'node:readline';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { EXIT } from '../../src/cli/exit-code.js';
import type { Io } from '../../src/cli/io.js';
import { createProgram } from '../../src/cli/program.js';
import { type AuthProviderOptions, MemoryTokenStore, type Session } from '../../src/index.js';
import { closers, redirectUriOf, until } from '../auth-provider/support.js';
import { cliScene } from '../cli/scene.js';
import { Sink } from '../cli/support.js';
import { rows, section } from '../support/markdown.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/command-line.md';

/** The flags of each subcommand. */
function flagsByCommand(): Map<string, readonly string[]> {
  const stdout = new Sink();
  const program = createProgram({ stdout, stderr: stdout, env: {}, version: '1.0.0' } as unknown as Io);
  return new Map(program.commands.map((each) => [each.name(), each.options.map(({ long }) => long ?? '')]));
}

/** The rows of the tables under a heading. */
const table = (heading: string): string[][] => rows(section(documentText(PATH), heading));

const words = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

/** The subcommands that a cell "Of" names: all, all but some, or a list. */
function takers(of: string): string[] {
  const commands = [...flagsByCommand().keys()];
  const named = words(of);
  return of.startsWith('all') ? commands.filter((command) => !named.includes(command)) : named;
}

describe('the command in its guide', () => {
  it('has the subcommands and no other', () => {
    const named = table('The command').map(([cell = '']) => /`(\w+)/.exec(cell)?.[1]);
    expect(named).toEqual([...flagsByCommand().keys()]);
  });

  it('has each flag once in the table, with the subcommands that take it', () => {
    const documented = table('Flags').flatMap(([flags = '', of = '']) =>
      words(flags).map((flag) => [flag, takers(of).sort()] as const),
    );
    expect(new Set(documented.map(([flag]) => flag)).size).toBe(documented.length);
    const commands = [...flagsByCommand()];
    const flags = new Set(commands.flatMap(([, each]) => each));
    const taken = [...flags].map((flag) => [
      flag,
      commands.flatMap(([command, each]) => (each.includes(flag) ? [command] : [])).sort(),
    ]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(taken));
  });

  it('is shown with subcommands and flags that it has', () => {
    const lines = [...documentText(PATH).matchAll(/mcp-oauth-client (?!tools URL`)(\w+) ([^`\n]*)/g)];
    expect(lines.length).toBeGreaterThan(5);
    const known = flagsByCommand();
    for (const [line, name = '', rest = ''] of lines) {
      if (!known.has(name)) continue;
      const flags = [...rest.matchAll(/(?<=\s)(--[a-z0-9-]+)/g)].map(([, flag]) => flag);
      expect([line, flags.filter((flag) => !known.get(name)?.includes(flag ?? ''))]).toEqual([line, []]);
    }
  });

  it('ends with the exit codes of the table', () => {
    const codes = table('Scripts').map(([cell]) => Number(cell));
    expect(codes.filter((code) => !Number.isNaN(code))).toEqual(Object.values(EXIT));
  });
});

describe('the programs of the command-line guide', { timeout: 30_000 }, () => {
  it('a command of one`s own shows the URL and takes the address that is pasted, and refuses another', async () => {
    type Login = (serverUrl: string, options: Partial<AuthProviderOptions>) => Promise<Session>;
    const stdin = new PassThrough();
    const stderr = new Sink();
    const modules = { 'node:process': { stdin, stderr }, 'node:readline': readline };
    const { login } = await runBlock<{ login: Login }>(PATH, 'async function login', modules);
    const { server } = closing(await cliScene());
    const signedIn = login(server.url, { store: new MemoryTokenStore(), openBrowser: () => false });
    await until(() => stderr.text.includes('To sign in, open '), 'the URL');
    const url = /open (\S+)/.exec(stderr.text)?.[1] ?? '';
    stdin.write('yes, I did\n');
    await until(() => stderr.text.includes('The sign-in still waits for it.'), 'the refusal');
    const visit = await playPerson(url, { stopAt: redirectUriOf(url) });
    stdin.write(`${visit.url}\n`);
    expect(await signedIn).toMatchObject({ signedIn: true });
  });

  it('a program without a person lives on the session of the command, and says 3 where there is none', async () => {
    const said: string[] = [];
    const console = { error: (text: string) => said.push(text) };
    type Ping = (serverUrl: string, directory: string) => Promise<number>;
    const { ping } = await runBlock<{ ping: Ping }>(PATH, 'async function ping', {}, { console });
    const { server, run, home, who } = closing(await cliScene());
    const directory = `${home}/shared`;
    expect(await ping(server.url, directory)).toBe(3);
    expect(said).toEqual([expect.stringContaining(`mcp-oauth-client login ${server.url}`)]);
    expect((await run(['login', server.url, '--directory', directory])).exitCode).toBe(0);
    expect(await ping(server.url, directory)).toBe(0);
    server.revokeAllAccessTokens();
    expect(await ping(server.url, directory)).toBe(0);
    expect(who.tabs).toHaveLength(1);
    expect((await run(['logout', server.url, '--directory', directory])).exitCode).toBe(0);
    expect(await ping(server.url, directory)).toBe(3);
    expect(said.at(-1)).toMatch(/^signed_out: /);
  });

  it('--json writes the result to stdout, and what went wrong to stderr, as the guide says', async () => {
    const { server, run } = closing(await cliScene());
    const failed = await run(['token', server.url, '--non-interactive']);
    expect([failed.exitCode, failed.stdout]).toEqual([EXIT.signInNeeded, '']);
    const login = await run(['login', server.url, '--json']);
    expect(JSON.parse(login.stdout)).toMatchObject({ serverUrl: server.url, signedInNow: true, signedIn: true });
    const lines = login.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event?: { type: string } });
    expect(lines.map(({ event }) => event?.type)).toContain('authorization_url');
    const other = await run(['call', `${server.url}-not`, 'echo', '--json', '--non-interactive']);
    const { error } = JSON.parse(other.stderr.trim().split('\n').at(-1) ?? '') as { error: Record<string, unknown> };
    expect(other.exitCode).toBe(error['exitCode']);
    expect(Object.keys(error)).toEqual(expect.arrayContaining(['code', 'message', 'exitCode']));
  });
});
