import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import { type PersonOptions, playPerson } from '../../examples/servers/person.js';
import { type RotatingServerOptions, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { closers } from '../with-oauth/support.js';
import { type BuiltExample, buildExample, newMachine, until, urlIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

let example: BuiltExample;
beforeAll(async () => {
  example = await buildExample('cli');
}, 60_000);
afterAll(() => example.close());

/** Node says that a person sits at standard input, though it is a pipe. */
const ON_A_TERMINAL = { NODE_OPTIONS: '--import=data:text/javascript,process.stdin.isTTY=true' };

async function shell() {
  const { env } = closing(await newMachine());
  return {
    /** In a script. */
    script: (...args: string[]) => closing(example.start(args, env)),
    /** At a terminal. */
    terminal: (...args: string[]) => closing(example.start(args, { ...env, ...ON_A_TERMINAL })),
  };
}

const rotating = async (options: RotatingServerOptions = {}) => closing(await startRotatingServer(options));

async function signIn({ output }: { output: { stderr: string } }, options: PersonOptions = {}) {
  await until(() => urlIn(output.stderr) !== undefined, 'the URL');
  return playPerson(urlIn(output.stderr) ?? '', options);
}

describe('a command-line tool', { timeout: 60_000 }, () => {
  it('signs a person in at a terminal; a script needs the session that is there, or ends with 3', async () => {
    const server = await rotating();
    const { script, terminal } = await shell();
    const early = script(server.url, 'echo', '{"text":"early"}');
    expect(await early.ended).toBe(3);
    expect(early.output).toEqual({ stdout: '', stderr: expect.stringMatching(/^[^\n]+\n$/) });
    expect(server.counts.count('authorize')).toBe(0);

    const call = terminal(server.url, 'echo', '{"text":"hi"}', '--no-browser');
    await signIn(call);
    expect([await call.ended, call.output.stdout]).toEqual([0, 'hi\n']);

    const later = script(server.url, 'echo', '{"text":"later"}');
    expect([await later.ended, later.output]).toEqual([0, { stdout: 'later\n', stderr: '' }]);
  });

  it('shows a short code where no browser can be shown and the server offers one', async () => {
    const as = closing(await startAuthorizationServer({ features: { deviceFlow: { enabled: true } } }));
    const server = closing(await startMcpServerV2({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const { terminal } = await shell();
    const call = terminal(server.url, 'echo', '{"text":"by code"}');
    const code = () => /enter (\S+)/.exec(call.output.stderr)?.[1];
    await until(() => code() !== undefined, 'the code');
    await signIn(call, { userCode: code() ?? '' });
    expect([await call.ended, call.output.stdout]).toEqual([0, 'by code\n']);
    expect(as.counts.count('authorization')).toBe(0);
  });

  it('ends with 130 on Ctrl-C in the middle of a sign-in', async () => {
    const server = await rotating();
    const { terminal } = await shell();
    const call = terminal(server.url, 'echo', '--no-browser');
    await until(() => urlIn(call.output.stderr) !== undefined, 'the URL');
    call.child.kill('SIGINT');
    expect(await call.ended).toBe(130);
    expect(call.output.stderr).toMatch(/\nInterrupted\.\n$/);
    expect(call.output.stdout).toBe('');
  });

  it.each([
    ['nothing', [], 2, /^Usage: /],
    ['a flag that is none', ['https://mcp.example.com', 'echo', '--browser'], 2, /^Usage: /],
    ['arguments that are no object', ['https://mcp.example.com', 'echo', '[1]'], 2, /^Usage: /],
    ['no https', ['http://mcp.example.com', 'echo'], 2, /^serverUrl must be an https URL/],
    ['a server that is away', ['http://127.0.0.1:9/mcp', 'echo'], 5, /could not be reached/],
  ] as const)('says what is wrong with %s', async (_, args, code, message) => {
    const { script } = await shell();
    const call = script(...args);
    expect(await call.ended).toBe(code);
    expect(call.output).toEqual({ stdout: '', stderr: expect.stringMatching(message) });
  });
});
