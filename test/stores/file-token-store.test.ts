import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { ManualClock } from '../support/clock.js';
import { describeTokenStore } from './contract.js';

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'file-token-store-')), 'sessions');
});
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

const fileOf = (key: string) => join(directory, `${entryName(key)}.json`);
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describeTokenStore('FileTokenStore', async (clock) => ({
  store: new FileTokenStore({ keyStorage: 'file', directory, clock }),
  reopen: () => new FileTokenStore({ keyStorage: 'file', directory, clock }),
}));

describe('FileTokenStore at rest', () => {
  it('F32: keeps files at 0600 in a directory at 0700, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      await new FileTokenStore({ keyStorage: 'file', directory }).set('a', 'v');
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(directory)).toBe(0o700);
    for (const file of await readdir(directory)) expect(await modeOf(join(directory, file))).toBe(0o600);
  });

  it('F32: shows neither key nor value in any file or name', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('https://mcp.example.com/visible-key', 'visible-value');
    const files = await readdir(directory);
    expect(files).toHaveLength(2);
    for (const file of files) {
      const content = await readFile(join(directory, file), 'latin1');
      for (const text of [file, content, Buffer.from(content, 'base64').toString('latin1')]) {
        expect(text).not.toContain('visible');
      }
    }
  });

  it('encrypts under a fresh nonce each time', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    const nonces = new Set<string>();
    for (let index = 0; index < 5; index++) {
      await store.set('a', 'same');
      nonces.add(JSON.parse(await readFile(fileOf('a'), 'utf8')).nonce);
    }
    expect(nonces.size).toBe(5);
  });

  it('leaves nothing but the entry and the key file behind, and creates nothing by reading', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    expect(await store.get('a')).toBeUndefined();
    expect(await store.list('')).toEqual([]);
    await store.delete('a');
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
    await Promise.all(Array.from({ length: 10 }, () => store.set('a', 'v')));
    expect((await readdir(directory)).sort()).toEqual([`${entryName('a')}.json`, 'key']);
  });

  it('of many stores that start at once, all use the key of the first', async () => {
    const stores = Array.from({ length: 16 }, () => new FileTokenStore({ keyStorage: 'file', directory }));
    await Promise.all(stores.map((store, index) => store.set(`k${index}`, `v${index}`)));
    const reader = new FileTokenStore({ keyStorage: 'file', directory });
    const values = await Promise.all(stores.map((_, index) => reader.get(`k${index}`)));
    expect(values).toEqual(stores.map((_, index) => `v${index}`));
  });

  it('removes stale temporary files, and only those', async () => {
    await new FileTokenStore({ keyStorage: 'file', directory }).set('a', 'v');
    const [stale, recent] = [join(directory, 'x.1.tmp'), join(directory, 'x.2.tmp')];
    for (const path of [stale, recent]) await writeFile(path, 'half', { mode: 0o600 });
    const hourAgo = Date.now() / 1_000 - 3_600;
    await utimes(stale, hourAgo, hourAgo);
    await new FileTokenStore({ keyStorage: 'file', directory }).set('a', 'v');
    const files = await readdir(directory);
    expect(files).not.toContain('x.1.tmp');
    expect(files).toContain('x.2.tmp');
  });

  it('removes the file of a value that is over', async () => {
    const clock = new ManualClock();
    const store = new FileTokenStore({ keyStorage: 'file', directory, clock });
    await store.set('a', 'v', { ttlMs: 10 });
    clock.advance(10);
    expect(await store.list('')).toEqual([]);
    expect(await readdir(directory)).toEqual(['key']);
  });
});

describe('FileTokenStore and damaged files', () => {
  const damages: [string, (path: string) => Promise<void>][] = [
    ['truncated', async (path) => writeFile(path, (await readFile(path)).subarray(0, 40))],
    ['empty', (path) => writeFile(path, '')],
    ['foreign', (path) => writeFile(path, 'not ours\n')],
    ['foreign JSON', (path) => writeFile(path, '{"refresh_token":"x"}')],
    ['an unknown algorithm', (path) => edit(path, (envelope) => ({ ...envelope, alg: 'A512' }))],
    ['a short tag', (path) => edit(path, (envelope) => ({ ...envelope, tag: String(envelope.tag).slice(0, 8) }))],
    ['tampered', (path) => edit(path, (envelope) => ({ ...envelope, data: flip(String(envelope.data)) }))],
    ['another nonce', (path) => edit(path, (envelope) => ({ ...envelope, nonce: flip(String(envelope.nonce)) }))],
    ['far too large', (path) => writeFile(path, Buffer.alloc(5 * 1024 * 1024))],
  ];

  it.each(damages)('%s: reports it once, sets it aside unchanged, then gives undefined', async (_, damage) => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    await damage(fileOf('a'));
    const before = await readFile(fileOf('a'));
    const error = await store.get('a').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'store_unreadable', stage: 'store' });
    expect(String(error)).toMatch(/sign in again/);
    expect(before.equals(await readFile(`${fileOf('a')}.corrupt-1`))).toBe(true);
    expect(await store.get('a')).toBeUndefined();
    await store.set('a', 'new');
    expect(await store.get('a')).toBe('new');
  });

  it('a write reports damage and sets it aside too, and works the next time', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    await writeFile(fileOf('a'), 'one');
    await expect(store.set('a', 'new')).rejects.toMatchObject({ code: 'store_unreadable' });
    await store.set('a', 'new');
    await writeFile(fileOf('a'), 'two');
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unreadable' });
    expect(await readFile(`${fileOf('a')}.corrupt-1`, 'utf8')).toBe('one');
    expect(await readFile(`${fileOf('a')}.corrupt-2`, 'utf8')).toBe('two');
  });

  it('list sets every damaged file aside, reports, and then lists the rest', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    for (const key of ['a', 'b', 'c']) await store.set(key, 'v');
    await writeFile(fileOf('a'), 'x');
    await writeFile(fileOf('b'), 'x');
    await expect(store.list('')).rejects.toMatchObject({ code: 'store_unreadable' });
    expect(await store.list('')).toEqual(['c']);
    expect((await readdir(directory)).filter((file) => file.endsWith('.corrupt-1'))).toHaveLength(2);
  });

  it("does not take another entry's file in an entry's place", async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'of a');
    await store.set('b', 'of b');
    await copyFile(fileOf('a'), fileOf('b'));
    await expect(store.get('b')).rejects.toMatchObject({ code: 'store_unreadable' });
    expect(await store.get('a')).toBe('of a');
  });

  it('reports a missing key file as long as it is missing, and deletes nothing', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    await rename(join(directory, 'key'), join(directory, '..', 'key'));
    for (const attempt of [
      () => store.get('a'),
      () => store.get('b'),
      () => store.set('a', 'n'),
      () => store.set('b', 'n'),
      () => store.list(''),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'store_unreadable',
        message: expect.stringContaining('key file'),
      });
    }
    expect(await readdir(directory)).toEqual([`${entryName('a')}.json`]);
    await rename(join(directory, '..', 'key'), join(directory, 'key'));
    expect(await store.get('a')).toBe('v');
  });

  it('reports a damaged key file and touches nothing', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    await writeFile(join(directory, 'key'), 'short');
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unreadable' });
    await expect(store.set('a', 'n')).rejects.toMatchObject({ code: 'store_unreadable' });
    expect((await readdir(directory)).sort()).toEqual([`${entryName('a')}.json`, 'key']);
  });

  it('starts anew where the whole directory was removed under it', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    await rm(directory, { recursive: true });
    expect(await store.get('a')).toBeUndefined();
    await store.set('a', 'w');
    expect(await new FileTokenStore({ keyStorage: 'file', directory }).get('a')).toBe('w');
  });
});

describe.runIf(process.platform !== 'win32')('FileTokenStore and what others could have touched', () => {
  it('tightens a directory of ours that is open to others', async () => {
    await mkdir(directory, { mode: 0o755 });
    await chmod(directory, 0o777);
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.get('a');
    expect(await modeOf(directory)).toBe(0o700);
  });

  it.each(['entry', 'key'])('refuses a file for %s with a loose mode', async (which) => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    const path = which === 'key' ? join(directory, 'key') : fileOf('a');
    await chmod(path, 0o640);
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('0600'),
    });
    await expect(store.set('a', 'w')).rejects.toMatchObject({ code: 'store_failed' });
    await chmod(path, 0o600);
    expect(await store.get('a')).toBe('v');
  });

  it.each(['entry', 'key'])('refuses a symbolic link for %s', async (which) => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    const path = which === 'key' ? join(directory, 'key') : fileOf('a');
    const elsewhere = join(directory, '..', 'elsewhere');
    await rename(path, elsewhere);
    await symlink(elsewhere, path);
    const before = await readFile(elsewhere);
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('symbolic link'),
    });
    await expect(store.set('a', 'w')).rejects.toMatchObject({ code: 'store_failed' });
    expect(await readFile(elsewhere)).toEqual(before);
  });

  it('refuses a symbolic link as directory', async () => {
    const elsewhere = join(directory, '..', 'elsewhere');
    await mkdir(elsewhere, { mode: 0o700 });
    await symlink(elsewhere, directory);
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await expect(store.set('a', 'v')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('symbolic link'),
    });
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store_failed' });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('refuses a directory in the place of an entry', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory });
    await store.set('a', 'v');
    await mkdir(fileOf('b'), { mode: 0o700 });
    await expect(store.get('b')).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('says what is wrong where the directory cannot be one', async () => {
    await writeFile(directory, 'a file');
    const store = new FileTokenStore({ keyStorage: 'file', directory: join(directory, 'below') });
    await expect(store.set('a', 'v')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/write the token store.*not a directory/),
    });
    expect(() => new FileTokenStore({ keyStorage: 'file', directory: '' })).toThrow(
      expect.objectContaining({ code: 'invalid_options' }),
    );
  });
});

async function edit(
  path: string,
  change: (envelope: Record<string, unknown>) => Record<string, unknown>,
): Promise<void> {
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))));
}

function flip(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString('base64');
}

describe('FileTokenStore and what has passed', () => {
  it('clears away entries that are over when another one with a lifetime is written, and nothing else', async () => {
    const clock = new ManualClock();
    const store = new FileTokenStore({ keyStorage: 'file', directory, clock });
    await store.set('kept', 'value');
    for (let n = 0; n < 10; n += 1) await store.set(`transaction/${n}`, 'value', { ttlMs: 1_000 });
    await store.set('transaction/long', 'value', { ttlMs: 60_000 });
    clock.advance(2_000);
    await store.set('transaction/new', 'value', { ttlMs: 1_000 });
    const files = (await readdir(directory)).filter((file) => file.endsWith('.json'));
    expect(files.sort()).toEqual(
      ['kept', 'transaction/long', 'transaction/new'].map((key) => `${entryName(key)}.json`).sort(),
    );
  });

  it('leaves a damaged file for whoever asks for it', async () => {
    const store = new FileTokenStore({ keyStorage: 'file', directory, clock: new ManualClock() });
    await store.set('damaged', 'value');
    await writeFile(fileOf('damaged'), 'garbage', { mode: 0o600 });
    await store.set('transaction/new', 'value', { ttlMs: 1_000 });
    await expect(store.get('damaged')).rejects.toMatchObject({ code: 'store_unreadable' });
  });
});

describe('FileTokenStore.watch', () => {
  const watched = (store: FileTokenStore, key: string) => {
    const listener = vi.fn();
    return { listener, end: store.watch(key, listener) };
  };
  const open = (path = directory) => new FileTokenStore({ keyStorage: 'file', directory: path });

  it('tells of each write and removal of the key, by whichever object over the directory', async () => {
    const [writer, reader] = [open(), open(join(directory, '..', 'sessions', '.'))];
    const { listener, end } = watched(reader, 'a');
    await writer.set('a', '1');
    expect(listener).toHaveBeenCalledTimes(1);
    await writer.delete('a');
    expect(listener).toHaveBeenCalledTimes(2);
    await reader.set('a', '2');
    expect(listener).toHaveBeenCalledTimes(3);
    end();
    await writer.set('a', '3');
    expect(listener).toHaveBeenCalledTimes(3);
  });

  it('tells nothing of other keys, of other directories, and of what did not change', async () => {
    const store = open();
    const { listener, end } = watched(store, 'a');
    await store.set('b', 'v');
    await open(join(directory, '..', 'other')).set('a', 'v');
    await store.delete('a');
    await store.lock('c', async (lease) => lease).then((lease) => store.set('a', 'v', { lease }).catch(() => {}));
    end();
    expect(listener).not.toHaveBeenCalled();
  });

  it('is told when the new value can be read', async () => {
    const store = open();
    let seen: Promise<string | undefined> | undefined;
    const end = store.watch('a', () => {
      seen = open().get('a');
    });
    await store.set('a', 'new');
    end();
    expect(await seen).toBe('new');
  });
});
