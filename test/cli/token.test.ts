import { afterEach, describe, expect, it } from 'vitest';
import { closers, HOUR, TestClock } from '../auth-provider/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

describe('mcp-oauth-client token', () => {
  it('prints the token and nothing else in a pipe', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const { exitCode, stdout, stderr } = await run(['token', server.url]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const answer = await fetch(server.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${stdout.trim()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    expect(answer.status).toBe(200);
    expect(stdout).toMatch(/^\S+\n$/);
  });

  it('warns on stderr where the token lands on a screen', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const { stdout, stderr } = await run(['token', server.url], { tty: ['stdout'] });
    expect(stdout).toMatch(/^\S+\n$/);
    expect(stderr).toContain('this is a secret');
    expect(stderr).not.toContain(stdout.trim());
  });

  it.each([
    ['is over', HOUR + 1_000],
    ['has less than a minute left', HOUR - 30_000],
  ])('refreshes a token that %s', async (_, later) => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const first = await run(['token', server.url]);
    const clock = new TestClock();
    clock.advance(later);
    const second = await run(['token', server.url], { clock });
    expect(second.exitCode).toBe(0);
    expect(second.stdout).not.toBe(first.stdout);
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect((await run(['token', server.url], { clock })).stdout).toBe(second.stdout);
  });

  it('F21, F22: fails at once with the command to run in a pipe, and sends nothing', async () => {
    const { server, who, run } = await open();
    const { exitCode, stdout, stderr } = await run(['token', server.url]);
    expect({ exitCode, stdout, tabs: who.tabs }).toEqual({ exitCode: 3, stdout: '', tabs: [] });
    expect(stderr).toBe(
      `error [interaction_required]: Someone has to sign in, and nobody may be asked here.\n  Run: mcp-oauth-client login '${server.url}'\n`,
    );
    expect(server.counts.total()).toBe(0);
  });

  it.each([
    ['at a terminal', ['token'], ON_A_TERMINAL, 1],
    ['in $(…) at a terminal', ['token'], ['stdin', 'stderr'], 1],
    ['without a terminal but told to', ['token', '--interactive'], [], 1],
    ['with a piped stdin', ['token'], ['stderr'], 0],
    ['with stderr in a file', ['token'], ['stdin'], 0],
    ['at a terminal but told not to', ['token', '--non-interactive'], ON_A_TERMINAL, 0],
  ] as const)('F22: asks the person or not: %s', async (_, argv, tty, tabs) => {
    const { server, who, run } = await open();
    const { exitCode } = await run([...argv, server.url], { tty });
    expect({ exitCode, tabs: who.tabs.length }).toEqual({ exitCode: tabs === 1 ? 0 : 3, tabs });
  });

  it('F4: ends with 5 and keeps the session where the server cannot be reached', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const clock = new TestClock();
    clock.advance(2 * HOUR);
    await server.close();
    const { exitCode, stdout, stderr } = await run(['token', server.url], { clock });
    expect({ exitCode, stdout }).toEqual({ exitCode: 5, stdout: '' });
    expect(stderr).toContain('error [network_error]');
    expect((await run(['status', server.url], { clock })).exitCode).toBe(0);
  });
});
