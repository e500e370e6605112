import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startDpopResource } from '../../examples/servers/dpop-resource.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { playPerson } from '../../examples/servers/person.js';
import { closers, person, type TestClock, until } from '../auth-provider/support.js';
import { hesitantPerson } from '../with-oauth/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

const PLAIN = { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } };

/** A pause in which what was sent can be answered. */
const soon = () => new Promise<false>((resolve) => setTimeout(resolve, 50, false));

async function oidcServer(options: Parameters<typeof startAuthorizationServer>[0]) {
  const authorizationServer = closing(await startAuthorizationServer(options));
  return closing(await startMcpServerV1({ authorizationServer, scopesSupported: ['mcp:read'] }));
}

describe('mcp-oauth-client login --device', () => {
  it('F20: shows code and URL, and signs in when the code was entered', async () => {
    const { who, start } = await open();
    const { url } = await oidcServer({ features: { deviceFlow: { enabled: true } } });
    const login = start(['login', url, '--device'], PLAIN);
    await until(() => login.stderr.text.includes('Waiting for the code'), 'the code');
    const shown = /open on any device:\n {2}(\S+)\nand enter the code:\n {2}(\S+)\nOr open this, .*:\n {2}(\S+)\n/.exec(
      login.stderr.text,
    );
    expect(shown).not.toBeNull();
    const [, verificationUri = '', code = '', complete = ''] = shown ?? [];
    expect(complete).toContain(verificationUri);
    expect(complete).toContain(code);
    expect(login.stderr.text).toMatch(/Waiting for the code to be entered, \d+:\d\d left\./);
    await playPerson(complete);
    // One poll may be under way already, with the answer of before.
    const ended = login.exitCode.then(() => true);
    for (let poll = 0; poll < 20 && !(await Promise.race([ended, soon()])); poll += 1) {
      (login.clock as TestClock).advance(5_000);
    }
    expect(await login.exitCode).toBe(0);
    expect(login.stdout.text).toContain('Signed in.');
    expect(who.tabs).toEqual([]);
  });

  it('F20: is interrupted at once', async () => {
    const { start } = await open();
    const { url } = await oidcServer({ features: { deviceFlow: { enabled: true } } });
    const login = start(['login', url, '--device'], PLAIN);
    await until(() => login.stderr.text.includes('Waiting for the code'), 'the code');
    login.interrupt();
    expect(await login.exitCode).toBe(130);
  });

  it('says so where the server offers no device code', async () => {
    const { server, run } = await open();
    const { exitCode, stderr } = await run(['login', server.url, '--device']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error \[\w+\]: .*device/m);
  });
});

describe('a client of the person', () => {
  it('is used with the secret of the environment variable, which is shown nowhere', async () => {
    const { run } = await open();
    const secret = 'a-very-secret-secret-0123456789';
    const { url } = await oidcServer({
      registration: false,
      clients: [
        {
          client_id: 'by-hand',
          client_secret: secret,
          redirect_uris: ['http://127.0.0.1/callback'],
          application_type: 'native',
          grant_types: ['authorization_code', 'refresh_token'],
        },
      ],
    });
    const argv = ['login', url, '--client-id', 'by-hand', '--client-secret-env', 'MY_SECRET'];
    const { exitCode, stdout, stderr } = await run(argv, { env: { MY_SECRET: secret } });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Client +by-hand \(registered by hand\)/);
    expect(stdout + stderr).not.toContain(secret);
  });

  it('is asked for, by the command to run, where the server registers nobody', async () => {
    const { run } = await open();
    const { url } = await oidcServer({ registration: false });
    const { exitCode, stderr } = await run(['login', url]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('error [registration_unavailable]');
    expect(stderr).toContain(`mcp-oauth-client login '${url}' --client-id ID`);
  });
});

describe('a person who says no', () => {
  it('ends login with 4 and the remedy', async () => {
    const { run } = await open({}, person({ deny: true }));
    const { url } = await oidcServer({});
    const { exitCode, stdout, stderr } = await run(['login', url]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toMatch(/error \[access_denied\]: .*\n {2}To be asked again/);
  });
});

describe('two sign-ins at once', () => {
  it('to different servers do not disturb each other', async () => {
    const one = await open();
    const two = await open();
    const system = one.system;
    const outcomes = await Promise.all([
      one.run(['login', one.server.url]),
      one.run(['login', two.server.url], { system }),
    ]);
    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  });

  it('F13: to the same server open one tab, and both succeed', async () => {
    const who = hesitantPerson();
    const { server, start } = await open({}, who);
    who.wait();
    const first = start(['login', server.url]);
    await until(() => who.tabs.length === 1, 'the tab');
    const second = start(['login', server.url]);
    await until(() => second.stderr.text.includes('Another window or process is signing in'), 'the second to wait');
    who.goOn();
    expect(await Promise.all([first.exitCode, second.exitCode])).toEqual([0, 0]);
    expect(who.tabs).toHaveLength(1);
  });
});

describe('a browser that cannot be opened', () => {
  it('F19: is no failure: the URL is there', async () => {
    const { server, start } = await open();
    const login = start(['login', server.url], { openBrowser: () => false });
    await until(() => login.stderr.text.includes('No browser could be opened here.'), 'the note');
    await playPerson(/^ {2}(http\S+)$/m.exec(login.stderr.text)?.[1] ?? '');
    expect(await login.exitCode).toBe(0);
  });
});

describe('mcp-oauth-client login --dpop', () => {
  it('signs in for tokens that are bound to a key; token says that one is of no use to curl', async () => {
    const { run } = await open();
    const authorizationServer = closing(await startAuthorizationServer({ features: { dPoP: { enabled: true } } }));
    const { url } = closing(await startDpopResource({ authorizationServer, scopesSupported: ['mcp:read'] }));
    const refused = await run(['login', url]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('Set the option --dpop');
    expect((await run(['login', url, '--dpop'])).exitCode).toBe(0);
    const status = await run(['status', url, '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ signedIn: true, dpop: true });
    const token = await run(['token', url]);
    expect([token.exitCode, token.stdout]).toEqual([2, '']);
    expect(token.stderr).toMatch(/^error \[bound_token\]: .*bound to a key \(DPoP\).*curl/);
    expect(token.stderr).toMatch(/tools and call.*logout, then login without --dpop/);
    expect((await run(['token', url, '--dpop'])).stderr).toContain("unknown option '--dpop'");
  });
});
