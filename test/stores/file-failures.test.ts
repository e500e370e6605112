import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';

type Fs = typeof import('node:fs/promises');

/** Runs before the real call; what it throws is the call's failure. */
const before = vi.hoisted(() => new Map<string, (...args: unknown[]) => unknown>());

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<Fs>();
  const hooked =
    (name: 'open' | 'rename' | 'link' | 'unlink' | 'mkdir') =>
    async (...args: unknown[]) => {
      await before.get(name)?.(...args);
      return (real[name] as (...args: unknown[]) => Promise<unknown>)(...args);
    };
  const names = ['open', 'rename', 'link', 'unlink', 'mkdir'] as const;
  return { ...real, ...Object.fromEntries(names.map((name) => [name, hooked(name)])) };
});

function fails(code: string, when: (...args: unknown[]) => boolean = () => true) {
  return (...args: unknown[]) => {
    if (when(...args)) throw Object.assign(new Error(`${code}: simulated`), { code });
  };
}

let directory: string;
let store: FileTokenStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-failures-'));
  store = new FileTokenStore({ keyStorage: 'file', directory });
});
afterEach(async () => {
  before.clear();
  await rm(directory, { recursive: true, force: true });
});

const fileOf = (key: string) => join(directory, `${entryName(key)}.json`);
const isWrite = (_path: unknown, flags: unknown) => flags === 'wx';

describe('FileTokenStore where the system fails', () => {
  it.each([
    ['ENOSPC', /full.*free some space/],
    ['EROFS', /read-only.*another directory/],
    ['EACCES', /access/],
    ['EIO', /try again/],
  ])('%s while writing: store_failed names the action and the remedy, and the former value stays', async (code, remedy) => {
    await store.set('a', 'former');
    before.set('open', fails(code, isWrite));
    const error = await store.set('a', 'new').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'store_failed', stage: 'store', cause: { code } });
    expect(String(error)).toMatch(/Could not write the token store/);
    expect(String(error)).toMatch(code);
    expect(String(error)).toMatch(remedy);
    expect(await store.get('a')).toBe('former');
    before.clear();
    await store.set('a', 'new');
    expect(await store.get('a')).toBe('new');
  });

  it('a failure of the replacement leaves the former value and no temporary file', async () => {
    await store.set('a', 'former');
    before.set('rename', fails('ENOSPC'));
    await expect(store.set('a', 'new')).rejects.toMatchObject({ code: 'store_failed' });
    expect(await store.get('a')).toBe('former');
    expect((await readdir(directory)).sort()).toEqual([`${entryName('a')}.json`, 'key']);
  });

  it('EACCES while reading is store_failed, and the file is not set aside', async () => {
    await store.set('a', 'v');
    before.set(
      'open',
      fails('EACCES', (path) => path === fileOf('a')),
    );
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/read/),
    });
    before.clear();
    expect(await store.get('a')).toBe('v');
  });

  it('a delete that fails says so', async () => {
    await store.set('a', 'v');
    before.set('unlink', fails('EROFS'));
    await expect(store.delete('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/delete/),
    });
  });

  it('a damaged file that cannot be set aside is reported as damaged and stays', async () => {
    await store.set('a', 'v');
    await writeFile(fileOf('a'), 'damaged');
    before.set('rename', fails('EROFS'));
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unreadable', cause: { code: 'EROFS' } });
    }
    expect(await readFile(fileOf('a'), 'utf8')).toBe('damaged');
  });

  it('does not set a good file aside that took the place of the damaged one meanwhile', async () => {
    await store.set('a', 'v');
    const good = await readFile(fileOf('a'));
    await writeFile(fileOf('a'), 'damaged');
    before.set('rename', async (from) => {
      before.clear();
      await rm(String(from));
      await writeFile(String(from), good, { mode: 0o600 });
    });
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'store_unreadable',
      message: expect.stringContaining('try again'),
    });
    expect(await store.get('a')).toBe('v');
    expect(await readdir(directory)).not.toContain(`${entryName('a')}.json.corrupt-1`);
  });

  it('a lease that is lost while the new content is prepared still writes nothing', async () => {
    await store.set('a', 'former');
    let write: Promise<void> | undefined;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    before.set('open', (path) => (String(path).endsWith('.tmp') ? released : undefined));
    await store.lock('a', async (lease) => {
      write = store.set('a', 'late', { lease });
      write.catch(() => {});
    });
    release();
    await expect(write).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await store.get('a')).toBe('former');
    expect((await readdir(directory)).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });

  it.each([
    'set',
    'lock',
  ] as const)('%s takes a directory that another process creates at the same moment', async (call) => {
    await rm(directory, { recursive: true });
    before.set('open', async (path) => {
      if (path !== directory) return;
      before.clear();
      await mkdir(directory, { mode: 0o700 });
      throw Object.assign(new Error('ENOENT: simulated'), { code: 'ENOENT' });
    });
    await (call === 'set' ? store.set('a', 'v') : store.lock('a', async () => {}));
    expect(await store.get('a')).toBe(call === 'set' ? 'v' : undefined);
  });

  it('uses the key of another process that created one at the same moment', async () => {
    before.set('link', async () => {
      before.clear();
      await new FileTokenStore({ keyStorage: 'file', directory }).set('rival', 'r');
    });
    await store.set('a', 'v');
    const reader = new FileTokenStore({ keyStorage: 'file', directory });
    expect([await reader.get('a'), await reader.get('rival')]).toEqual(['v', 'r']);
  });

  it('creates the key file once where there are no hard links', async () => {
    before.set('link', fails('EPERM'));
    await store.set('a', 'v');
    await new FileTokenStore({ keyStorage: 'file', directory }).set('b', 'w');
    expect(await new FileTokenStore({ keyStorage: 'file', directory }).get('a')).toBe('v');
    expect((await readdir(directory)).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });
});
