import { afterEach, describe, expect, it } from 'vitest';
import { callbackOf, closers, isPortFree, redirectUriOf, TestClock, until } from '../auth-provider/support.js';
import { absentPerson, type Person } from '../with-oauth/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL, paused, pausedToTheEnd } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

/** A person who looks at the authorization URL and leaves it to the test what comes of it. */
function onlooker(): Person {
  const tabs: string[] = [];
  return { tabs, openBrowser: (url) => void tabs.push(url), close: async () => undefined };
}

describe('mcp-oauth-client login', () => {
  it('signs in by the browser and says who, where and for how long', async () => {
    const { server, who, run } = await open();
    const { exitCode, stdout, stderr } = await run(['login', server.url]);
    expect(exitCode).toBe(0);
    expect(who.tabs).toHaveLength(1);
    expect(stdout).toContain('Signed in.\n');
    expect(stdout).toContain(server.url);
    expect(stdout).toMatch(/Scopes +mcp:read/);
    expect(stdout).toMatch(/Expires +in 60 minutes .* then refreshed by itself/);
    expect(stdout).toMatch(/Client +\S+ \(registered dynamically\)/);
    expect(stdout).toMatch(/Kept in +the system's keychain/);
    expect(stderr).toContain(`the browser opens:\n  ${who.tabs[0]}\n`);
  });

  it('does nothing where the session is valid', async () => {
    const { server, who, run } = await open();
    await run(['login', server.url]);
    const { exitCode, stdout, stderr } = await run(['login', server.url]);
    expect({ exitCode, tabs: who.tabs.length, stderr }).toEqual({ exitCode: 0, tabs: 1, stderr: '' });
    expect(stdout).toContain('Signed in already.');
  });

  it('gives one object of JSON on stdout, and JSON lines on a stderr that no person reads', async () => {
    const { server, run } = await open();
    const { exitCode, stdout, stderr } = await run(['login', server.url, '--json', '--account', 'work']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      serverUrl: server.url,
      accountKey: 'work',
      signedIn: true,
      signedInNow: true,
      issuer: server.issuer,
      scope: ['mcp:read'],
      store: { kind: 'keychain' },
    });
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event.type);
    expect(events).toEqual(expect.arrayContaining(['authorization_url', 'signed_in']));
  });

  it('shows the URL as text where --json meets a person at stderr', async () => {
    const { server, who, run } = await open();
    const { stderr } = await run(['login', server.url, '--json'], { tty: ['stdin', 'stderr'], env: { NO_COLOR: '1' } });
    expect(stderr).toContain(`  ${who.tabs[0]}\n`);
  });

  it('keeps quiet but for what a person needs', async () => {
    const { server, who, run } = await open();
    const { stderr } = await run(['login', server.url, '--quiet']);
    expect(stderr).toContain(who.tabs[0]);
    expect(stderr).not.toContain('authorization server');
  });

  it('asks for the scopes that are named, and for more than the session has', async () => {
    const { server, who, run } = await open();
    await run(['login', server.url]);
    const { exitCode } = await run(['login', server.url, '--scope', 'mcp:write', '--json']);
    expect(exitCode).toBe(0);
    expect(new URL(who.tabs[1] ?? '').searchParams.get('scope')?.split(' ')).toEqual(['mcp:read', 'mcp:write']);
  });

  it('F42: passes prompt and login hint on, and asks although the session is valid', async () => {
    const { server, who, run } = await open();
    await run(['login', server.url]);
    const { exitCode } = await run([
      'login',
      server.url,
      '--prompt',
      'select_account',
      '--login-hint',
      'alice@example.com',
    ]);
    expect(exitCode).toBe(0);
    const parameters = new URL(who.tabs[1] ?? '').searchParams;
    expect(parameters.get('prompt')).toBe('select_account');
    expect(parameters.get('login_hint')).toBe('alice@example.com');
  });

  it('F21: fails at once with the command to run where nobody may be asked', async () => {
    const { server, who, run } = await open();
    const { exitCode, stdout, stderr } = await run(['login', server.url, '--non-interactive', '--account', "it's me"]);
    expect({ exitCode, stdout, tabs: who.tabs }).toEqual({ exitCode: 3, stdout: '', tabs: [] });
    expect(stderr).toContain('error [interaction_required]: ');
    expect(stderr).toContain(`Run: mcp-oauth-client login '${server.url}' --account 'it'\\''s me'\n`);
  });

  it('F18: shows the URL, opens nothing, and takes the URL that the browser ended at', async () => {
    const who = onlooker();
    const { server, start } = await open({}, who);
    const login = start(['login', server.url, '--no-browser'], { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } });
    await until(() => login.stderr.text.includes('paste the URL'), 'the invitation');
    const url = /^ {2}(http\S+)$/m.exec(login.stderr.text)?.[1] ?? '';
    login.stdin.write(`${await callbackOf(url)}\n`);
    expect(await pausedToTheEnd(login)).toBe(0);
    expect(login.stdout.text).toContain('Signed in.');
    expect(who.tabs).toEqual([]);
    expect(login.stdin.raw).toBe(false);
  });

  it('refuses a pasted URL with a missing or foreign state, says why, and goes on waiting', async () => {
    const who = onlooker();
    const { server, start } = await open({}, who);
    const login = start(['login', server.url], { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } });
    await until(() => who.tabs.length === 1, 'the tab');
    const good = await callbackOf(who.tabs[0] ?? '');
    const foreign = new URL(good);
    foreign.searchParams.set('state', 'somebody-elses');
    login.stdin.write(`${foreign}\n`);
    await paused(login, () => login.stderr.text.includes('error [state_mismatch]'), 'the error');
    const stateless = new URL(good);
    stateless.searchParams.delete('state');
    login.stdin.write(`${stateless}\n`);
    await paused(login, () => login.stderr.text.split('Still waiting.').length === 3, 'the next error');
    login.stdin.write('not a URL\n');
    await paused(login, () => login.stderr.text.split('Still waiting.').length === 4, 'the last error');
    expect(server.counts.count('token')).toBe(0);
    login.stdin.write(`${good}\n`);
    expect(await pausedToTheEnd(login)).toBe(0);
  });

  it.each([
    ['in one go', (lines: readonly string[]) => [`${lines.join('\n')}\n`]],
    ['line by line', (lines: readonly string[]) => lines.map((line) => `${line}\n`)],
    ['without a line end, which the person types later', (lines: readonly string[]) => [lines.join('\n'), '\n']],
  ])('F18: puts a pasted URL together that a terminal wrapped in the middle of its code, %s', async (_, chunksOf) => {
    const who = onlooker();
    const { server, start } = await open({}, who);
    const login = start(['login', server.url], { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } });
    await until(() => who.tabs.length === 1, 'the tab');
    const url = new URL(await callbackOf(who.tabs[0] ?? ''));
    const code = url.searchParams.get('code') ?? '';
    url.searchParams.delete('code');
    const [first, second] = [`${url}&code=${code.slice(0, 9)}`, code.slice(9)];
    const chunks = chunksOf([first, second]);
    for (const chunk of chunks) {
      login.stdin.write(chunk);
      await until(() => login.stderr.text.includes((chunk.trim() || second).slice(-9)), 'the echo');
      // Less than the time in which the next line follows; a line that has no end yet is waited for as long as it takes.
      for (let times = chunk.endsWith('\n') ? 1 : 9; times > 0; times -= 1) (login.clock as TestClock).advance(90);
    }
    expect(await pausedToTheEnd(login)).toBe(0);
    expect(login.stderr.text).not.toContain('Still waiting.');
    expect(server.counts.count('token:authorization_code')).toBe(1);
  });

  it('shows the time that is left, once a second, on a terminal', async () => {
    const who = onlooker();
    const { server, start } = await open({}, who);
    const clock = new TestClock();
    const login = start(['login', server.url, '--timeout', '90'], { tty: ON_A_TERMINAL, clock });
    await until(() => login.stderr.text.includes('1:30 left'), 'the time');
    clock.advance(1_000);
    expect(login.stderr.text).toContain('1:29 left');
    login.interrupt();
    await login.exitCode;
  });

  it('writes one line and no escape sequence outside a terminal', async () => {
    const { server, run } = await open();
    const { stdout, stderr } = await run(['login', server.url]);
    expect(stderr.split('Waiting for the browser')).toHaveLength(2);
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it('ends with 3 when nobody came in time', async () => {
    const who = onlooker();
    const { server, start } = await open({}, who);
    const clock = new TestClock();
    const login = start(['login', server.url, '--timeout', '90'], { clock });
    await until(() => who.tabs.length === 1, 'the tab');
    clock.advance(90_000);
    expect(await login.exitCode).toBe(3);
    expect(login.stderr.text).toContain('error [sign_in_timeout]');
  });

  it.each([
    ['in a pipe', []],
    ['on a terminal', ON_A_TERMINAL],
  ])('F23: is interrupted %s: the port is free within 100 ms, and the exit code is 130', async (_, tty) => {
    const who = closing(absentPerson());
    const { server, start } = await open({}, who);
    const login = start(['login', server.url], { tty, env: { NO_COLOR: '1' } });
    await until(() => who.tabs.length === 1, 'the tab');
    const began = performance.now();
    // In raw mode Ctrl-C comes as a key.
    if (login.stdin.raw) login.stdin.write('\u0003');
    else login.interrupt();
    expect(await login.exitCode).toBe(130);
    expect(performance.now() - began).toBeLessThan(100);
    expect(await isPortFree(redirectUriOf(who.tabs[0] ?? ''))).toBe(true);
    expect(login.stderr.text).toContain('error [aborted]: Interrupted.');
    expect(login.stdin.raw).toBe(false);
  });

  it('takes the address of the callback from the options', async () => {
    const { server, who, run } = await open();
    const { exitCode } = await run(['login', server.url, '--callback-host', 'localhost', '--callback-path', '/back']);
    expect(exitCode).toBe(0);
    expect(redirectUriOf(who.tabs[0] ?? '')).toMatch(/^http:\/\/localhost:\d+\/back$/);
  });
});
