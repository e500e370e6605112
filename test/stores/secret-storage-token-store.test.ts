import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SecretStorageLike } from '../../src/stores/secret-storage.js';
import { SecretStorageTokenStore } from '../../src/stores/secret-storage-token-store.js';
import { ManualClock } from '../support/clock.js';
import { describeTokenStore } from './contract.js';
import { EditorSecrets } from './secret-storage-stand-in.js';

const directories: string[] = [];
async function directoryFor(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'secret-storage-'));
  directories.push(directory);
  return directory;
}
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

describe.each([true, false])('with keys(): %s', (keys) => {
  describeTokenStore(`SecretStorageTokenStore, keys() ${keys ? 'there' : 'missing'}`, async (clock) => {
    const editor = new EditorSecrets();
    const directory = await directoryFor();
    const open = () => new SecretStorageTokenStore({ secrets: editor.window({ keys }), directory, clock });
    return { store: open(), reopen: open };
  });
});

describe('SecretStorageTokenStore', () => {
  let editor: EditorSecrets;
  let directory: string;
  let clock: ManualClock;
  beforeEach(async () => {
    editor = new EditorSecrets();
    directory = await directoryFor();
    clock = new ManualClock();
  });
  const open = (options: { keys?: boolean; events?: boolean; real?: boolean } = {}) =>
    new SecretStorageTokenStore({ secrets: editor.window(options), directory, ...(options.real ? {} : { clock }) });

  it("takes VS Code's own SecretStorage", () => {
    // As declared in @types/vscode 1.105.
    interface SecretStorage {
      keys(): Thenable<string[]>;
      get(key: string): Thenable<string | undefined>;
      store(key: string, value: string): Thenable<void>;
      delete(key: string): Thenable<void>;
      readonly onDidChange: Event<{ readonly key: string }>;
    }
    type Thenable<T> = PromiseLike<T>;
    type Event<T> = (
      listener: (e: T) => unknown,
      thisArgs?: unknown,
      disposables?: { dispose(): unknown }[],
    ) => {
      dispose(): unknown;
    };
    const fits = (secrets: SecretStorage, older: Omit<SecretStorage, 'keys'>): SecretStorageLike[] => [secrets, older];
    expect(fits).toBeTypeOf('function');
  });

  it('F32: writes no value to the disk, and leaves the modes of the directory as they are', async () => {
    await chmod(directory, 0o755);
    const { mode } = await stat(directory);
    const store = open();
    await store.lock('key', (lease) => store.set('key', 'refresh-secret', { lease }));
    expect((await stat(directory)).mode).toBe(mode);
    for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (file.isFile())
        expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain('refresh-secret');
    }
    expect([...editor.content.values()].join()).toContain('refresh-secret');
  });

  it('keeps each value in one secret of its own beside the other secrets of the extension', async () => {
    editor.content.set('other', 'of the extension');
    const store = open();
    await store.set('a', '1');
    await store.set('b', '2');
    expect(await store.list('')).toEqual(['a', 'b']);
    expect(editor.content.size).toBe(3);
    await store.delete('a');
    await store.delete('b');
    expect([...editor.content]).toEqual([['other', 'of the extension']]);
  });

  it.each([true, false])('F2: two windows lose no write and no key of the list (keys(): %s)', async (keys) => {
    const windows = [open({ keys, real: true }), open({ keys, real: true })];
    editor.turns = 10;
    const names = Array.from({ length: 12 }, (_, index) => `key ${index}`);
    await Promise.all(names.map((name, index) => windows[index % 2]?.set(name, name)));
    for (const window of windows) expect((await window.list('')).sort()).toEqual([...names].sort());
    await Promise.all(names.slice(1).map((name, index) => windows[index % 2]?.delete(name)));
    for (const window of windows) expect(await window.list('')).toEqual(['key 0']);
  });

  it('F2: holds a lock among windows', async () => {
    const [one, two] = [open({ real: true }), open({ real: true })];
    const trace: string[] = [];
    await one.lock('key', async () => {
      trace.push('one enters');
      const other = two.lock('key', async () => void trace.push('two enters'), { timeoutMs: 100 });
      await expect(other).rejects.toMatchObject({ code: 'lock_timeout' });
      trace.push('one leaves');
    });
    await two.lock('key', async () => void trace.push('two enters'));
    expect(trace).toEqual(['one enters', 'one leaves', 'two enters']);
  });

  describe('watch', () => {
    it('F25: tells a window what another one changed, until it is ended', async () => {
      // Another directory: nothing but the editor's event tells of it here.
      const two = new SecretStorageTokenStore({ secrets: editor.window(), directory: await directoryFor(), clock });
      const one = open();
      const told: string[] = [];
      const ends = [one.watch('a', () => void told.push('a')), one.watch('b', () => void told.push('b'))];
      await two.set('a', '1');
      expect(new Set(told)).toEqual(new Set(['a']));
      told.length = 0;
      await two.delete('a');
      expect(new Set(told)).toEqual(new Set(['a']));
      for (const end of ends) end();
      told.length = 0;
      await two.set('a', '2');
      await one.set('b', '2');
      expect(told).toEqual([]);
      expect(editor.listeners.size).toBe(0);
    });

    it('tells this process where the editor has no events', async () => {
      const [one, two] = [open({ events: false }), open({ events: false })];
      let told = 0;
      const end = one.watch('a', () => {
        told += 1;
      });
      await two.set('a', '1');
      end();
      await two.set('a', '2');
      expect(told).toBe(1);
    });
  });

  describe('what cannot be read', () => {
    it.each([
      'not JSON',
      '{"v":1,"key":"a"}',
      'null',
      '{"v":1,"key":"b","value":"x"}',
      '',
    ])('is reported once, kept under another name and never overwritten: %j', async (damaged) => {
      const store = open();
      await store.set('a', '1');
      const name = nameOf('a');
      editor.content.set(name, damaged);
      await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unreadable', stage: 'store' });
      expect(await store.get('a')).toBeUndefined();
      expect(editor.content.has(name)).toBe(false);
      expect([...editor.content.values()]).toEqual([damaged]);

      editor.content.set(name, damaged);
      await expect(store.set('a', '2')).rejects.toMatchObject({ code: 'store_unreadable' });
      await store.set('a', '2');
      expect(await store.get('a')).toBe('2');
      expect(await store.list('')).toEqual(['a']);
      expect([...editor.content.values()]).toContain(damaged);
    });

    it('is left alone where a newer version wrote it', async () => {
      const newer = '{"v":2,"key":"a","value":"x"}';
      editor.content.set(nameOf('a'), newer);
      const store = open();
      for (const call of [() => store.get('a'), () => store.set('a', '1'), () => store.get('a')]) {
        await expect(call()).rejects.toMatchObject({ code: 'store_unreadable', stage: 'store' });
      }
      expect([...editor.content]).toEqual([[nameOf('a'), newer]]);
    });

    it('does not hide the others, nor itself, from the list', async () => {
      const store = open();
      await store.set('a', '1');
      await store.set('b', '2');
      editor.content.set(nameOf('a'), 'damaged');
      expect(await store.list('')).toEqual(['a', 'b']);
    });

    it('keeps a damaged list of keys, and goes on with a new one', async () => {
      const store = open({ keys: false });
      await store.set('a', '1');
      const index = [...editor.content.keys()].find((name) => name !== nameOf('a')) as string;
      editor.content.set(index, '{"damaged":true}');
      await store.set('b', '2');
      expect(await store.list('')).toEqual(['b']);
      expect(await store.get('a')).toBe('1');
      await store.set('a', '1');
      expect((await store.list('')).sort()).toEqual(['a', 'b']);
      expect([...editor.content.values()]).toContain('{"damaged":true}');
    });
  });

  it.each([
    true,
    false,
  ])('forgets what is over when something with a lifetime is written (keys(): %s)', async (keys) => {
    const store = open({ keys });
    for (let index = 0; index < 50; index += 1) {
      await store.set(`transaction ${index}`, 'v', { ttlMs: 10 });
      clock.advance(11);
    }
    expect(editor.content.size).toBeLessThan(10);
  });

  it('does not list a key whose process died before it wrote the value', async () => {
    const store = open({ keys: false });
    editor.failing.store = () => {
      // The second write is the value's.
      editor.failing.store = () => Promise.reject(new Error('died'));
      return Promise.resolve() as Promise<never>;
    };
    await expect(store.set('a', '1')).rejects.toMatchObject({ code: 'store_failed' });
    editor.failing = {};
    expect(editor.content.size).toBe(1);
    expect(await store.list('')).toEqual([]);
    await store.set('a', '1');
    expect(await store.list('')).toEqual(['a']);
  });

  describe('secrets that fail', () => {
    it.each([
      'get',
      'store',
      'delete',
      'keys',
    ] as const)('are store_failed, without what was to be stored: %s', async (call) => {
      const store = open();
      editor.failing[call] = () => Promise.reject(new Error('could not handle refresh-secret'));
      const calls = {
        get: () => store.get('a'),
        store: () => store.set('a', 'refresh-secret'),
        delete: () => store.delete('a'),
        keys: () => store.list(''),
      };
      const error = await calls[call]().then(
        () => undefined,
        (caught: unknown) => caught,
      );
      expect(error).toMatchObject({ code: 'store_failed', stage: 'store' });
      if (call === 'store') expect(inspect(error, { depth: 10 })).not.toContain('refresh-secret');
      editor.failing = {};
      await store.set('a', 'works');
      expect(await store.get('a')).toBe('works');
    });

    it('that throw at once are store_failed too', async () => {
      const secrets: SecretStorageLike = {
        ...editor.window(),
        get: () => {
          throw new Error('disposed');
        },
      };
      const store = new SecretStorageTokenStore({ secrets, directory, clock });
      await expect(store.get('a')).rejects.toMatchObject({ code: 'store_failed', cause: { message: 'disposed' } });
    });

    it('F34: that never answer are waited for up to the bound, and no timer is left', async () => {
      const store = open();
      editor.failing.get = () => new Promise(() => {});
      const outcome = expect(store.get('a')).rejects.toMatchObject({ code: 'store_failed' });
      clock.advance(9_999);
      expect(clock.timers).toBe(1);
      clock.advance(1);
      await outcome;
      expect(clock.timers).toBe(0);
    });
  });

  it.each([
    undefined,
    {},
    { secrets: {}, directory: '/tmp' },
    { secrets: new EditorSecrets().window(), directory: '' },
    { secrets: new EditorSecrets().window() },
    { secrets: new EditorSecrets().window(), directory: '/tmp', timeoutMs: 0 },
  ])('refuses %j with invalid_options', (options) => {
    expect(() => new SecretStorageTokenStore(options as never)).toThrow(
      expect.objectContaining({ code: 'invalid_options', stage: 'configuration' }),
    );
  });

  const nameOf = (key: string): string => `mcp-oauth-client:${key}`;
});
