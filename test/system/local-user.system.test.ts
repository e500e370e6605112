import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileTokenStore, startLoopbackListener } from '../../src/index.js';
import { entryName } from '../../src/stores/file-envelope.js';
import { formatHolder, thisHolder } from '../../src/stores/file-lock-holder.js';
import { ask, NAVIGATION } from '../loopback/support.js';
import { NOBODY, ROOT_REMEDY } from './requirements.js';

// The test is the user, and runs as root so that a second user can be had: `nobody`, whom nothing here belongs to.
let parent: string;
let directory: string;
let store: FileTokenStore;

beforeEach(async () => {
  if (process.getuid?.() !== 0) throw new Error(ROOT_REMEDY);
  parent = await mkdtemp(join(tmpdir(), 'local-user-'));
  // As open as /tmp is, so that what stops the other user is the store and not the way to it.
  await chmod(parent, 0o1777);
  directory = join(parent, 'store');
  store = new FileTokenStore({ keyStorage: 'file', directory });
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** What a shell script prints when the other user runs it. */
const asNobody = (script: string, ...args: string[]) =>
  execFileSync('/bin/sh', ['-c', script, 'sh', ...args], {
    uid: NOBODY,
    gid: NOBODY,
    encoding: 'utf8',
    cwd: '/',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
const entryOf = (key: string) => join(directory, `${entryName(key)}.json`);
const lockOf = (key: string) => join(directory, `${entryName(key)}.lock`);

describe('another user of the machine, at the files', () => {
  it('can list nothing, read nothing, change nothing and remove nothing', async () => {
    await store.set('a', 'the-secret');
    await store.lock('a', async () => {
      const names = await readdir(directory);
      expect(names).toHaveLength(3);
      const script = `ls "$1" && echo listed; cd "$1" && echo entered; touch "$1/x" && echo created; mv "$1" "$1.moved" && echo moved`;
      expect(asNobody(`${script}; true`, directory)).toBe('');
      for (const name of names) {
        const each = `cat "$1" && echo read; echo x >> "$1" && echo written; rm -f "$1" && echo removed; ln "$1" "$2" && echo linked; stat "$1" && echo seen`;
        expect(asNobody(`${each}; true`, join(directory, name), join(parent, 'link'))).toBe('');
      }
    });
    expect(await store.get('a')).toBe('the-secret');
  });

  it.each([
    '700',
    '755',
    '777',
  ])('who made the directory first, with mode %s, gets nothing written into it', async (mode) => {
    asNobody(`mkdir "$1" && chmod ${mode} "$1"`, directory);
    for (const call of [
      () => store.set('a', 'v'),
      () => store.get('a'),
      () => store.list(''),
      () => store.lock('a', async () => 1),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'store_failed',
        message: expect.stringContaining('belongs to another user'),
      });
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('who put a link to a directory of their own there gets nothing written into it', async () => {
    asNobody('mkdir -m 777 "$1.own" && ln -s "$1.own" "$1"', directory);
    await expect(store.set('a', 'v')).rejects.toMatchObject({ code: 'store_failed' });
    expect(await readdir(`${directory}.own`)).toEqual([]);
  });

  it('who put an entry or a key there, while the directory was open by mistake, is not believed', async () => {
    await store.set('a', 'v');
    for (const path of [entryOf('a'), join(directory, 'key')]) {
      await chmod(directory, 0o777);
      asNobody('mv "$1" "$1.was"; head -c 32 /dev/zero > "$1"; chmod 600 "$1"', path);
      await expect(store.get('a')).rejects.toMatchObject({
        code: 'store_failed',
        message: expect.stringContaining('belongs to another user'),
      });
      await rename(`${path}.was`, path);
      expect(await store.get('a')).toBe('v');
    }
  });

  it('who left a lock there, while the directory was open by mistake, and keeps it fresh for ever, keeps nobody out', async () => {
    await store.set('a', 'v');
    await chmod(directory, 0o777);
    // It says that it is this very thread, which lives.
    const path = lockOf('a');
    await writeFile(join(parent, 'claim'), formatHolder(thisHolder()), { mode: 0o644 });
    asNobody('cat "$2" > "$1"; touch -d "2100-01-01" "$1"', path, join(parent, 'claim'));
    const began = performance.now();
    expect(await store.lock('a', async () => 'done', { timeoutMs: 8_000 })).toBe('done');
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  it('a store of root in the directory of a user is refused, and changes neither its owner nor its mode', async () => {
    await mkdir(directory, { mode: 0o755 });
    await chown(directory, NOBODY, NOBODY);
    await expect(store.set('a', 'v')).rejects.toMatchObject({ code: 'store_failed' });
    expect(asNobody('stat -c "%u %a" "$1"', directory).trim()).toBe(`${NOBODY} 755`);
  });

  it('a link of theirs in the place of an entry leads nowhere', async () => {
    await store.set('a', 'v');
    await rm(entryOf('a'));
    await writeFile(join(parent, 'private'), 'private', { mode: 0o600 });
    await symlink(join(parent, 'private'), entryOf('a'));
    await expect(store.set('a', 'w')).rejects.toMatchObject({ code: 'store_failed' });
    expect(await readFile(join(parent, 'private'), 'utf8')).toBe('private');
  });
});

/** A program of the other user's that asks `port` for each of `targets` and prints the answers. */
function strangerAsks(port: number, targets: readonly string[]): Promise<{ status: number; body: string }[]> {
  const program = `
    const answers = [];
    for (const target of ${JSON.stringify(targets)}) {
      const response = await fetch('http://127.0.0.1:${port}' + target, { redirect: 'manual' });
      answers.push({ status: response.status, body: await response.text() });
    }
    process.stdout.write(JSON.stringify(answers));
  `;
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.once('error', reject);
    child.once('close', () => resolve(JSON.parse(output)));
  });
}

describe('another user of the machine, at the port', () => {
  it('can connect, but without the state neither ends nor answers the sign-in, and sees nothing of how it went', async () => {
    const listener = await startLoopbackListener({ clientName: 'Acme IDE' });
    const wait = listener.waitForCallback({ state: 'the-state' });
    const forged = await strangerAsks(listener.port, [
      '/callback?code=forged&state=guess',
      '/callback?error=access_denied',
      '/callback/done',
      '/',
    ]);
    expect(forged.map(({ status }) => status)).toEqual([400, 400, 400, 404]);
    const real = ask(`${listener.redirectUri}?code=real&state=the-state`, { headers: NAVIGATION });
    const callback = await wait;
    expect(callback.url.searchParams.get('code')).toBe('real');
    const responded = callback.respond({ ok: false, title: 'It failed', detail: 'for a private reason' });
    const { location = '' } = (await real).headers;
    // While the browser is on its way to the page, and again with the used state.
    const [done, replay] = await strangerAsks(listener.port, ['/callback/done', '/callback?code=x&state=the-state']);
    expect([done?.status, replay?.status]).toEqual([400, 410]);
    expect(`${done?.body} ${replay?.body}`).not.toMatch(/private|failed/);
    await ask(new URL(location, listener.redirectUri), { headers: NAVIGATION }).catch(() => undefined);
    await responded;
    await listener.close();
  });

  it('cannot read the memory, the environment or the open files of the process', () => {
    const script =
      'for f in mem environ maps; do head -c 1 "/proc/$1/$f" && echo read; done; ls "/proc/$1/fd" && echo listed; true';
    expect(asNobody(script, String(process.pid))).toBe('');
  });
});
