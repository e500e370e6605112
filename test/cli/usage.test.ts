import { describe, expect, it } from 'vitest';
import { SystemStandIn } from '../stores/system-stand-in.js';
import { command } from './support.js';

const COMMANDS = ['login', 'status', 'logout', 'token', 'tools', 'call', 'doctor'] as const;
const run = (...argv: string[]) => command(argv, { system: new SystemStandIn('/nowhere') });

describe('mcp-oauth-client', () => {
  it.each(COMMANDS)('%s explains itself, with its exit codes, on stdout', async (name) => {
    const { exitCode, stdout, stderr } = await run(name, '--help');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: mcp-oauth-client ${name} `));
    expect(stdout).toMatch(/Exit codes:\n {2}0 +.*\n {2}1 +.*\n {2}2 +wrong usage\n[\s\S]* {2}130 +interrupted/);
    expect(stdout).not.toContain('(default: [])');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it.each(COMMANDS)('%s shows examples', async (name) => {
    const { stdout } = await run(name, '--help');
    expect(stdout).toMatch(/Examples:\n {2}\$ .*mcp-oauth-client/);
  });

  it('names every command in its own --help, and explains one by help', async () => {
    const { exitCode, stdout } = await run('--help');
    expect(exitCode).toBe(0);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect((await run('help', 'token')).stdout).toContain('Usage: mcp-oauth-client token');
  });

  it('tells its version', async () => {
    expect(await run('--version')).toEqual({ exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it('shows its help on stderr, as wrong usage, where no command is named', async () => {
    const { exitCode, stdout, stderr } = await run();
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('Usage: mcp-oauth-client');
  });

  it.each([
    ['an unknown command', ['logni'], 'Did you mean login?'],
    ['an unknown option', ['login', 'https://mcp.example.com', '--jsno'], 'mcp-oauth-client login --help'],
    ['a missing URL', ['token'], "missing required argument 'url'"],
    ['a URL without a scheme', ['login', 'mcp.example.com/mcp'], 'Write https://mcp.example.com/mcp'],
    ['this machine without a scheme', ['login', '127.0.0.1:3232/mcp'], 'error: 127.0.0.1:3232/mcp is not an absolute'],
    ['this machine by number', ['login', '127.0.0.1:3232/mcp'], 'Write http://127.0.0.1:3232/mcp'],
    ['this machine by name', ['doctor', 'localhost:3232/mcp'], 'Write http://localhost:3232/mcp'],
    ['a host that only begins like this machine', ['login', 'localhost.example.com/mcp'], 'Write https://localhost.'],
    ['a URL without a scheme for doctor', ['doctor', 'mcp.example.com/mcp'], 'Write https://mcp.example.com/mcp'],
    ['another scheme for doctor', ['doctor', 'file:///etc/passwd'], 'not an absolute https URL'],
    [
      'a parameter without a value',
      ['login', 'https://mcp.example.com', '--authorization-parameter', 'x'],
      'NAME=VALUE',
    ],
    [
      'a parameter of the library',
      ['login', 'https://mcp.example.com', '--authorization-parameter', 'state=x'],
      '--authorization-parameter must not contain',
    ],
    [
      'an issuer without another',
      ['login', 'https://mcp.example.com', '--metadata-issuer', 'https://a.example'],
      'ISSUER=OTHER',
    ],
    ['an issuer that is none', ['tools', 'https://mcp.example.com', '--assume-s256', 'a.example'], 'absolute URL'],
    ['a resource that is none', ['login', 'https://mcp.example.com', '--resource', 'nothing'], 'absolute URL'],
    [
      'a host that is none',
      ['call', 'https://mcp.example.com', 'x', '--allow-insecure-http', 'http://a/b'],
      'must be a host',
    ],
    [
      'a registration token that is not there',
      ['login', 'https://mcp.example.com', '--initial-access-token-env', 'T'],
      'T that --initial-access-token-env names is empty',
    ],
    ['another scheme', ['login', 'file:///etc/passwd'], 'not an absolute https URL'],
    ['plain http beyond loopback', ['status', 'http://mcp.example.com/mcp'], 'must be an https URL'],
    ['a bad port', ['login', 'https://mcp.example.com', '--callback-port', '65536'], 'from 1 to 65535'],
    ['a bad time', ['login', 'https://mcp.example.com', '--timeout', '-1'], 'number of seconds'],
    ['a bad choice', ['tools', 'https://mcp.example.com', '--transport', 'smtp'], 'Allowed choices are http, sse'],
    [
      'a contradiction',
      ['token', 'https://mcp.example.com', '--interactive', '--non-interactive'],
      'cannot be used with',
    ],
    ['a secret without its client', ['login', 'https://mcp.example.com', '--client-secret-env', 'S'], '--client-id'],
    [
      'a secret that is not there',
      ['login', 'https://mcp.example.com', '--client-id', 'x', '--client-secret-env', 'S'],
      'S that --client-secret-env names is empty',
    ],
    [
      'a mode without what it needs',
      ['login', 'https://mcp.example.com', '--registration', 'cimd'],
      '--client-metadata-url',
    ],
    [
      'a directory for the keychain',
      ['status', '--store', 'keychain', '--directory', '/x'],
      '--directory is for files',
    ],
  ])('refuses %s as wrong usage', async (_, argv, words) => {
    const { exitCode, stdout, stderr } = await run(...argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^error/);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
  });

  it('reports wrong usage as JSON with --json', async () => {
    const { stderr } = await run('login', '--json');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'usage_error',
        message: "missing required argument 'url'. Try: mcp-oauth-client login --help",
        exitCode: 2,
      },
    });
  });

  it("keeps the library's words in JSON, which programs read", async () => {
    const argv = ['status', 'http://mcp.example.com/mcp'];
    expect(JSON.parse((await run(...argv, '--json')).stderr).error.message).toContain('network.allowInsecureHttp');
    expect((await run(...argv)).stderr).toContain('list the host in --allow-insecure-http.');
  });
});
