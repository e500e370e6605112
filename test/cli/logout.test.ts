import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { closers } from '../auth-provider/support.js';
import { cliScene } from './scene.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

describe('mcp-oauth-client logout', () => {
  it('F43: revokes, forgets, and stays signed out until the next login', async () => {
    const { server, who, run } = await open();
    await run(['login', server.url]);
    const { exitCode, stdout } = await run(['logout', server.url]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe('Signed out. The server has revoked the tokens.\n');
    expect(server.counts.count('revoke')).toBe(2);
    const token = await run(['token', server.url, '--interactive']);
    expect(token).toMatchObject({ exitCode: 3, stdout: '', stderr: expect.stringContaining('error [signed_out]') });
    expect(token.stderr).toContain(`Run: mcp-oauth-client login '${server.url}'`);
    expect(who.tabs).toHaveLength(1);
    expect((await run(['login', server.url])).exitCode).toBe(0);
  });

  it('does nothing, and leaves no mark, where there is no session', async () => {
    const { server, run } = await open();
    expect(await run(['logout', server.url])).toMatchObject({ exitCode: 0, stdout: /no session/ });
    expect(JSON.parse((await run(['status', '--json'])).stdout)).toEqual({ sessions: [] });
    const json = await run(['logout', server.url, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ hadSession: false });
  });

  it('leaves the other accounts alone', async () => {
    const { server, run } = await open();
    await run(['login', server.url, '--account', 'home']);
    await run(['login', server.url, '--account', 'work']);
    await run(['logout', server.url, '--account', 'work']);
    expect((await run(['status', server.url, '--account', 'home'])).exitCode).toBe(0);
    expect((await run(['status', server.url, '--account', 'work'])).exitCode).toBe(3);
  });

  it('F14: forgets the registration when it is told to, so that the next login registers anew', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    await run(['logout', server.url]);
    await run(['login', server.url]);
    expect(server.counts.count('register')).toBe(1);
    const { exitCode, stdout } = await run(['logout', server.url, '--forget-registration', '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      signedOut: true,
      hadSession: true,
      revoked: true,
      registrationDeleted: false,
      registrationForgotten: true,
    });
    await run(['login', server.url]);
    expect(server.counts.count('register')).toBe(2);
  });

  it('F14: forgets the registration without a session too, and says so', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    await run(['logout', server.url]);
    const { exitCode, stdout } = await run(['logout', server.url, '--forget-registration']);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'There is no session for that server and account. The client registration was forgotten here.\n',
    });
    await run(['login', server.url]);
    expect(server.counts.count('register')).toBe(2);
  });

  it('says where there is no registration to forget', async () => {
    const { server, run } = await open();
    const { exitCode, stdout } = await run(['logout', server.url, '--forget-registration']);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'There is no session for that server and account. No client registration is stored for that server.\n',
    });
  });

  it('ends with 5 where the server that names the registration cannot be reached', async () => {
    const { server, run } = await open();
    await server.close();
    const { exitCode, stdout, stderr } = await run(['logout', server.url, '--forget-registration']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 5, stdout: expect.stringContaining('the next line says why') });
    expect(stderr).toContain('error [network_error]');
  });

  it('says that the tokens live on, and does not end with 0, where the server does not revoke them', async () => {
    const { server, run } = await open({
      intercept(request, response) {
        if (request.url !== '/revoke') return false;
        sendJson(response, 400, { error: 'invalid_request' });
        return true;
      },
    });
    await run(['login', server.url]);
    const { exitCode, stdout, stderr } = await run(['logout', server.url]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('has not confirmed that the tokens are revoked');
    expect(stderr).toContain('error [revocation_failed]');
    expect((await run(['status', server.url])).exitCode).toBe(3);
  });
});
