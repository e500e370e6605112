import { execFileSync } from 'node:child_process';
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dataDirectory } from '../../src/stores/data-directory.js';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';

let parent: string;
let directory: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'local-user-'));
  directory = join(parent, 'store');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(parent, { recursive: true, force: true });
});

const storeAt = (at = directory) => new FileTokenStore({ keyStorage: 'file', directory: at });
const entryOf = (key: string) => join(directory, `${entryName(key)}.json`);
const lockOf = (key: string) => join(directory, `${entryName(key)}.lock`);
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
/** Far more than a call takes, far less than for ever. */
const AT_ONCE_MS = 8_000;

/** What can lie in the place of a file without being one. */
const HOSTILE: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ['a FIFO, at which a reader would wait for ever', async (path) => execFileSync('mkfifo', [path])],
  ['a directory', (path) => mkdir(path, { mode: 0o700 })],
  ['a link to a device without end', (path) => symlink('/dev/zero', path)],
  ['a link to a file of the user', (path) => symlink(join(parent, 'private'), path)],
  ['a link to nothing', (path) => symlink(join(parent, 'nothing'), path)],
  ['a link to itself', (path) => symlink(path, path)],
  [
    'a socket',
    (path) =>
      new Promise((resolve) =>
        createServer()
          .listen(path, () => resolve(undefined))
          .unref(),
      ),
  ],
  [
    'a file of 1 GiB',
    async (path) => {
      await writeFile(path, '', { mode: 0o600 });
      await truncate(path, 2 ** 30);
    },
  ],
];

describe.runIf(process.platform !== 'win32')('in the place of a file of the store', { timeout: 40_000 }, () => {
  beforeEach(async () => {
    await writeFile(join(parent, 'private'), 'a private file', { mode: 0o600 });
  });
  afterEach(async () => {
    // Whatever was tried, nothing was read, written or tightened elsewhere.
    expect(await readFile(join(parent, 'private'), 'utf8')).toBe('a private file');
    expect((await readdir(parent)).sort()).toEqual(['private', 'store']);
  });

  it.each(
    HOSTILE,
  )('%s for an entry is an error at once, costs no memory, and disturbs no other entry', async (_what, put) => {
    const store = storeAt();
    await store.set('other', 'kept');
    await put(entryOf('a'));
    const [began, before] = [performance.now(), process.memoryUsage().rss];
    await expect(store.get('a')).rejects.toMatchObject({ code: expect.stringMatching(/^store_(failed|unreadable)$/) });
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    expect(await store.get('other')).toBe('kept');
  });

  it.each(HOSTILE)('%s for the key file is an error at once, and no second key is made', async (_what, put) => {
    await storeAt().set('other', 'kept');
    const key = join(directory, 'key');
    await rename(key, join(directory, 'key.away'));
    await put(key);
    const began = performance.now();
    for (const call of [() => storeAt().get('other'), () => storeAt().set('other', 'new'), () => storeAt().list('')]) {
      await expect(call()).rejects.toMatchObject({ code: expect.stringMatching(/^store_(failed|unreadable)$/) });
    }
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await rm(key, { recursive: true });
    await rename(join(directory, 'key.away'), key);
    expect(await storeAt().get('other')).toBe('kept');
  });

  it.each(
    HOSTILE.filter(([what]) => !/directory|1 GiB/.test(what)),
  )('%s for a lock is cleared away at once: the lock is free, and the work is done', async (_what, put) => {
    await storeAt().set('a', 'v');
    for (const path of [lockOf('a'), `${lockOf('a')}.takeover`]) await put(path);
    const began = performance.now();
    expect(await storeAt().lock('a', async () => 'done', { timeoutMs: AT_ONCE_MS })).toBe('done');
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await expect(lstat(lockOf('a'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a directory for a lock is an error at once', async () => {
    await storeAt().set('a', 'v');
    await mkdir(lockOf('a'));
    await expect(storeAt().lock('a', async () => 'done', { timeoutMs: AT_ONCE_MS })).rejects.toMatchObject({
      code: 'store_failed',
    });
  });

  it.each([
    ['a FIFO', async (path: string) => execFileSync('mkfifo', [path])],
    [
      'a socket',
      (path: string) =>
        new Promise((resolve) =>
          createServer()
            .listen(path, () => resolve(undefined))
            .unref(),
        ),
    ],
    ['a file', (path: string) => writeFile(path, '')],
  ] as const)('%s for the directory is an error at once', async (_what, put) => {
    await put(directory);
    for (const call of [() => storeAt().get('a'), () => storeAt().set('a', 'v'), () => storeAt().list('')]) {
      await expect(call()).rejects.toMatchObject({ code: 'store_failed' });
    }
    await rm(directory);
    await mkdir(directory);
  });

  it('a hard link that another user made to an entry shows the former ciphertext only, and is not written through', async () => {
    const store = storeAt();
    await store.set('a', 'v');
    await link(entryOf('a'), join(directory, 'linked'));
    const former = await readFile(join(directory, 'linked'));
    await store.set('a', 'w');
    expect(await readFile(join(directory, 'linked'))).toEqual(former);
    expect(await modeOf(join(directory, 'linked'))).toBe(0o600);
    expect(await store.get('a')).toBe('w');
  });

  it('a symbolic link for an entry is deleted itself, and not what it leads to', async () => {
    const store = storeAt();
    await store.set('b', 'v');
    await symlink(join(parent, 'private'), entryOf('a'));
    await store.delete('a');
    await expect(lstat(entryOf('a'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('links and directories under names of unfinished files are cleared away, or left, without following them', async () => {
    await mkdir(directory, { mode: 0o700 });
    await symlink(join(parent, 'private'), join(directory, 'x.tmp'));
    await mkdir(join(directory, 'y.tmp'));
    const store = storeAt();
    await store.set('a', 'v');
    expect(await store.get('a')).toBe('v');
  });
});

describe.runIf(process.platform !== 'win32')('modes', () => {
  it('a umask of 000 opens nothing: directories 0700, and entries, key and lock 0600', async () => {
    const former = process.umask(0);
    try {
      const deep = join(directory, 'one', 'two');
      const store = storeAt(deep);
      await store.set('a', 'v');
      await store.lock('a', async () => {
        for (const name of await readdir(deep)) expect([name, await modeOf(join(deep, name))]).toEqual([name, 0o600]);
        expect(await readdir(deep)).toHaveLength(3);
      });
      for (const path of [directory, join(directory, 'one'), deep]) expect(await modeOf(path)).toBe(0o700);
    } finally {
      process.umask(former);
    }
  });

  it('a parent that anybody can write to, sticky as /tmp or not, is no way in: the directory itself is 0700 and not a link', async () => {
    for (const mode of [0o1777, 0o777]) {
      await chmod(parent, mode);
      const store = storeAt();
      await store.set('a', 'v');
      expect(await modeOf(directory)).toBe(0o700);
      // Who may rename in the parent puts a link to a copy in the directory's place.
      await rename(directory, join(parent, 'moved'));
      await symlink(join(parent, 'moved'), directory);
      await expect(store.get('a')).rejects.toMatchObject({
        code: 'store_failed',
        message: expect.stringContaining('link'),
      });
      await expect(store.set('a', 'w')).rejects.toMatchObject({ code: 'store_failed' });
      await rm(directory);
      await rename(join(parent, 'moved'), directory);
      expect(await store.get('a')).toBe('v');
    }
  });

  it('a file that is still open for writing in the directory it was tightened from is refused while its mode is loose', async () => {
    await storeAt().set('a', 'v');
    const handle = await open(entryOf('a'), 'r+');
    await chmod(directory, 0o777);
    await chmod(entryOf('a'), 0o666);
    await expect(storeAt().get('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('0600'),
    });
    expect(await modeOf(directory)).toBe(0o700);
    // Changed through the open file and made to look private again: the cipher notices.
    await handle.write('AAAAAAAA', 80);
    await handle.close();
    await chmod(entryOf('a'), 0o600);
    await expect(storeAt().get('a')).rejects.toMatchObject({ code: 'store_unreadable' });
  });
});

describe('where the data directory is', () => {
  it.each<[NodeJS.Platform, NodeJS.ProcessEnv]>([
    ['linux', {}],
    ['linux', { XDG_DATA_HOME: '' }],
    ['linux', { XDG_DATA_HOME: 'relative' }],
    ['darwin', {}],
    ['win32', {}],
    ['win32', { LOCALAPPDATA: '' }],
    ['win32', { LOCALAPPDATA: 'relative' }],
  ])('is never below the current directory, a project of a stranger: on %s with %j and without a home it is an error', (platform, env) => {
    for (const home of ['', '.', 'relative']) {
      vi.stubEnv('HOME', home);
      vi.stubEnv('USERPROFILE', home);
      expect(() => dataDirectory(platform, env)).toThrow(
        expect.objectContaining({ code: 'store_failed', message: expect.stringContaining('HOME') }),
      );
    }
  });

  it('an unset HOME is looked up in the system, and XDG_DATA_HOME may lie anywhere absolute', () => {
    vi.stubEnv('HOME', undefined);
    if (process.platform !== 'win32') expect(dataDirectory('linux', {})).toMatch(/^\/.*\.local\/share$/);
    expect(dataDirectory('linux', { XDG_DATA_HOME: tmpdir() })).toBe(tmpdir());
  });
});
