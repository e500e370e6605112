import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { closers } from '../auth-provider/support.js';
import { cliScene } from './scene.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

describe('mcp-oauth-client status', () => {
  it('shows a session, and ends with 0', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    const requests = server.counts.total();
    const { exitCode, stdout, stderr } = await run(['status', server.url]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/Signed in +yes/);
    expect(stdout).toContain(server.issuer);
    expect(server.counts.total()).toBe(requests);
  });

  it('ends with 3 where nobody is signed in', async () => {
    const { server, run } = await open();
    const { exitCode, stdout } = await run(['status', server.url]);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/Signed in +no\n/);
  });

  it('says who ended a session that was signed out', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    await run(['logout', server.url]);
    expect((await run(['status', server.url])).stdout).toMatch(/Signed in +no \(signed out by you\)\n/);
  });

  it('gives JSON of one session', async () => {
    const { server, run } = await open();
    await run(['login', server.url, '--account', 'work']);
    const { stdout } = await run(['status', server.url, '--account', 'work', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      serverUrl: server.url,
      accountKey: 'work',
      signedIn: true,
      refreshable: true,
      registration: 'dynamic',
      store: { kind: 'keychain', reason: expect.any(String) },
    });
    expect(stdout).not.toMatch(/token/i);
  });

  it('lists every session of both places of the default store without a URL', async () => {
    const { server, system, run } = await open();
    await run(['login', server.url, '--account', 'keychain']);
    system.mode = 'denies';
    await run(['login', server.url, '--account', 'files'], { system: system.anotherProcess('denies') });
    system.mode = 'works';
    const { exitCode, stdout } = await run(['status', '--json'], { system: system.anotherProcess('works') });
    expect(exitCode).toBe(0);
    const { sessions } = JSON.parse(stdout) as { sessions: { accountKey: string; store: { kind: string } }[] };
    expect(sessions.map(({ accountKey, store }) => [accountKey, store.kind])).toEqual([
      ['keychain', 'keychain'],
      ['files', 'file'],
    ]);
  });

  it('says that other accounts have sessions where the one that is named has none', async () => {
    const { server, run } = await open();
    await run(['login', server.url]);
    await run(['login', server.url, '--account', 'work']);
    const { exitCode, stdout, stderr } = await run(['status', '--account', 'nobody']);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: 'No session is stored for the account nobody. There are others: the one without a name, work.\n',
    });
  });

  it('F34: says in one line where a session is kept, and why not in the keychain', async () => {
    const { server, home, system, run } = await open();
    const kept = (stdout: string) => /^ {2}Kept in +(.*)$/m.exec(stdout)?.[1];
    expect(kept((await run(['login', server.url])).stdout)).toBe(
      "the system's keychain, as mcp-oauth-client/mcp-oauth-client",
    );
    const denied = { system: system.anotherProcess('denies') };
    const fallen = kept((await run(['login', server.url, '--account', 'files'], denied)).stdout);
    expect(fallen).toContain(`encrypted files in ${home}`);
    expect(fallen).toMatch(/, as the system's keychain cannot be used$/);
    const listed = await run(['status', '--account', 'files'], denied);
    expect(kept(listed.stdout)).toContain(`encrypted files in ${home}`);
  });

  it('lists for people, and says where there is nothing', async () => {
    const { server, home, run } = await open();
    const empty = await run(['status']);
    expect(empty).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('No sessions') });
    expect(empty.stderr).toContain(
      "of this command are stored in the system's keychain, as mcp-oauth-client/mcp-oauth-client",
    );
    expect(empty.stderr).toMatch(/An application keeps its own, under its client_name: .*--directory DIR/);
    const apart = join(home, 'apart');
    expect((await run(['status', '--directory', apart])).stderr).toContain(
      `are stored in encrypted files in ${apart}.`,
    );
    await run(['login', server.url]);
    await run(['login', server.url, '--account', 'work']);
    const { stdout } = await run(['status']);
    expect(stdout.split(server.url)).toHaveLength(3);
    expect(stdout).toMatch(/Account +work/);
  });

  it('keeps and finds sessions in the directory that is named, apart from the default store', async () => {
    const { server, home, run } = await open();
    const directory = join(home, 'mine');
    const login = await run(['login', server.url, '--directory', directory]);
    expect(login.stdout).toMatch(/Kept in +encrypted files/);
    expect(login.stdout).toContain(directory);
    expect((await run(['status', server.url])).exitCode).toBe(3);
    expect((await run(['status', server.url, '--directory', directory])).exitCode).toBe(0);
    const listed = await run(['status', '--directory', directory, '--json']);
    expect(JSON.parse(listed.stdout).sessions).toMatchObject([{ serverUrl: server.url, store: { kind: 'file' } }]);
  });

  it('names the keychain or the files of the default store by --store', async () => {
    const { server, run } = await open();
    await run(['login', server.url, '--store', 'keychain']);
    expect((await run(['status', server.url])).exitCode).toBe(0);
    expect((await run(['status', server.url, '--store', 'file'])).exitCode).toBe(3);
  });

  it('F34: fails with the reason where --store keychain names one that cannot be used', async () => {
    const { server, system, run } = await open();
    const { exitCode, stderr } = await run(['login', server.url, '--store', 'keychain'], {
      system: system.anotherProcess('denies'),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("error [store_failed]: The system's keychain cannot be used:");
    expect(stderr).toContain('--store file');
  });
});
