import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore, type FileTokenStoreOptions } from '../../src/stores/file-token-store.js';
import { type BundledProgram, bundled } from '../support/bundled.js';
import { ManualClock } from '../support/clock.js';
import { describeTokenStore } from './contract.js';
import { KeytarStandIn } from './keytar-stand-in.js';

let directory: string;
let keytar: KeytarStandIn;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'file-key-')), 'sessions');
  keytar = new KeytarStandIn();
});
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

const open = (options: Partial<FileTokenStoreOptions> = {}) => new FileTokenStore({ directory, keytar, ...options });
const keyFile = () => readFile(join(directory, 'key'));
const marker = async () => JSON.parse(String(await keyFile()));
const refuse = () => Promise.reject(new Error('User canceled the operation. (denied)'));

describeTokenStore('FileTokenStore with its key in the keychain', async (clock) => ({
  store: open({ clock }),
  reopen: () => open({ clock }),
}));

describe('the key of a new directory', () => {
  it('goes to the keychain where that works, and the key file only says where', async () => {
    await open().set('a', 'v');
    expect(await marker()).toEqual({
      v: 1,
      keychain: { service: 'mcp-oauth-client file key', account: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(keytar.secrets).toHaveLength(1);
    expect(Buffer.from(keytar.secrets[0] ?? '', 'base64')).toHaveLength(32);
    expect(String(await keyFile())).not.toContain(keytar.secrets[0]);
    expect(await open().get('a')).toBe('v');
    await expect(open({ keytar: new KeytarStandIn() }).get('a')).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('goes to a file where the keychain refuses', async () => {
    keytar.instead = refuse;
    await open().set('a', 'v');
    expect(await keyFile()).toHaveLength(32);
    expect(await open({ keyStorage: 'file' }).get('a')).toBe('v');
  });

  it.runIf(process.platform === 'linux')('F34: goes to a file at once where there is no D-Bus', async () => {
    vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', '');
    vi.stubEnv('XDG_RUNTIME_DIR', '');
    await new FileTokenStore({ directory }).set('a', 'v');
    expect(await keyFile()).toHaveLength(32);
  });

  it('F34: goes to a file where the keychain hangs, after a bounded wait', async () => {
    const clock = new ManualClock();
    keytar.instead = () => new Promise(() => {});
    const writing = open({ clock }).set('a', 'v');
    await vi.waitFor(() => expect(keytar.calls).toEqual(['set']));
    clock.advance(5_000);
    await writing;
    expect(await keyFile()).toHaveLength(32);
    expect(clock.timers).toBe(0);
  });

  it('F34: goes to a file where the keychain takes a value and gives none back', async () => {
    keytar.looksEmpty = true;
    await open().set('a', 'v');
    expect(await keyFile()).toHaveLength(32);
  });

  it('is not made where it must go to the keychain and that refuses', async () => {
    const clock = new ManualClock();
    keytar.instead = refuse;
    await expect(open({ keyStorage: 'keychain', clock }).set('a', 'v')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/unlock/i),
    });
    expect(await readdir(directory)).toEqual([]);
    keytar.instead = undefined;
    clock.advance(5_000);
    await open({ keyStorage: 'keychain', clock }).set('a', 'v');
    expect(keytar.secrets).toHaveLength(1);
  });

  it.each(['auto', 'keychain'] as const)('stays in the key file that is there already with %s', async (keyStorage) => {
    await open({ keyStorage: 'file' }).set('a', 'v');
    const store = open({ keyStorage });
    await store.set('b', 'w');
    expect([await store.get('a'), await keyFile(), keytar.calls]).toEqual(['v', expect.anything(), []]);
    expect(await keyFile()).toHaveLength(32);
  });

  it('stays in the keychain where it is already, with keyStorage file', async () => {
    await open().set('a', 'v');
    await open({ keyStorage: 'file' }).set('b', 'w');
    expect(await open().get('b')).toBe('w');
    expect(await marker()).toHaveProperty('keychain');
  });

  it('is that of the first of many that start at once, and the others remove theirs', async () => {
    const stores = Array.from({ length: 8 }, () => open());
    await Promise.all(stores.map((store, index) => store.set(`k${index}`, `v${index}`)));
    expect(keytar.secrets).toHaveLength(1);
    const values = await Promise.all(stores.map((_, index) => open().get(`k${index}`)));
    expect(values).toEqual(stores.map((_, index) => `v${index}`));
  });

  it('is made once by one object, however many writes need it', async () => {
    const store = open();
    await Promise.all(Array.from({ length: 8 }, (_, index) => store.set(`k${index}`, 'v')));
    // One for the probe.
    expect(keytar.calls.filter((name) => name === 'set')).toHaveLength(2);
  });

  it('of another process that used a file meanwhile is taken, and the item removed', async () => {
    keytar.afterSet = async () => {
      keytar.afterSet = async () => {
        keytar.afterSet = undefined;
        await open({ keyStorage: 'file' }).set('rival', 'r');
      };
    };
    const store = open();
    await store.set('a', 'v');
    expect([await keyFile(), keytar.secrets]).toEqual([expect.objectContaining({ length: 32 }), []]);
    expect([await store.get('rival'), await open().get('a')]).toEqual(['r', 'v']);
  });

  let createKey: BundledProgram;
  beforeAll(async () => {
    createKey = await bundled(new URL('./create-key.ts', import.meta.url));
  });
  afterAll(() => createKey.close());

  // What a process leaves that is killed after so many calls of the keychain; a kill later leaves the finished key.
  it.each([1, 2, 3, 4])('can be made where the process that began it was killed after step %i', async (steps) => {
    const child = spawn(process.execPath, [createKey.path, directory, String(steps)], { stdio: 'inherit' });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    expect(await readdir(directory)).toEqual([]);
    expect(await open().get('a')).toBeUndefined();
    await open().set('a', 'v');
    expect(await open().get('a')).toBe('v');
  });
});

describe('a key in the keychain', () => {
  let clock: ManualClock;
  beforeEach(async () => {
    clock = new ManualClock();
    await open().set('a', 'v');
  });
  const everyCall = (store: FileTokenStore) => [
    () => store.get('a'),
    () => store.get('b'),
    () => store.set('a', 'n'),
    () => store.set('b', 'n'),
    () => store.list(''),
  ];

  it('F35: is asked for once by each object', async () => {
    keytar.calls.length = 0;
    const store = open();
    await Promise.all(Array.from({ length: 5 }, () => store.get('a')));
    await store.set('b', 'w');
    await store.list('');
    expect(keytar.calls).toEqual(['get']);
  });

  it.each<[string, () => void, RegExp]>([
    ['refuses', () => Object.assign(keytar, { instead: refuse }), /did not give it.*Unlock/],
    ['is locked and looks empty', () => Object.assign(keytar, { looksEmpty: true }), /locked or has lost it.*Unlock/],
    ['has lost the item', () => keytar.items.clear(), /locked or has lost it.*move the directory away/],
  ])('that %s: every call throws store_failed, nothing is touched and no key is made', async (_, fail, remedy) => {
    const before = [...keytar.items];
    const files = await readdir(directory);
    const content = await keyFile();
    fail();
    const kept = [...keytar.items];
    for (const attempt of everyCall(open({ clock }))) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'store_failed',
        stage: 'store',
        message: expect.stringMatching(remedy),
      });
    }
    expect([await readdir(directory), await keyFile(), [...keytar.items]]).toEqual([files, content, kept]);
    keytar.instead = undefined;
    keytar.looksEmpty = false;
    clock.advance(5_000);
    for (const [name, secret] of before) keytar.items.set(name, secret);
    expect(await open().get('a')).toBe('v');
  });

  it.each<[string, () => Promise<never>]>([
    ['hangs', () => new Promise(() => {})],
    ['refuses', refuse],
  ])('F34: that %s is asked for once by all objects of a process', async (how, instead) => {
    keytar.instead = instead;
    keytar.calls.length = 0;
    const get = () => expect(open({ clock }).get('a')).rejects.toMatchObject({ code: 'store_failed' });
    const reading = Array.from({ length: 10 }, get);
    if (how === 'hangs') {
      await vi.waitFor(() => expect(clock.timers).toBe(10));
      clock.advance(5_000);
    }
    await Promise.all(reading);
    await get();
    expect(keytar.calls).toEqual(['get']);
    expect(clock.timers).toBe(0);
  });

  it('that hangs: store_failed after a bounded wait', async () => {
    keytar.instead = () => new Promise(() => {});
    const reading = expect(open({ clock }).get('a')).rejects.toMatchObject({ code: 'store_failed' });
    await vi.waitFor(() => expect(clock.timers).toBeGreaterThan(0));
    clock.advance(5_000);
    await reading;
    expect(clock.timers).toBe(0);
  });

  it('that refuses is left alone for 5 s, so that it does not ask the user again and again', async () => {
    const store = open({ clock });
    keytar.instead = refuse;
    keytar.calls.length = 0;
    for (const attempt of everyCall(store)) await expect(attempt()).rejects.toMatchObject({ code: 'store_failed' });
    expect(keytar.calls).toEqual(['get']);
    keytar.instead = undefined;
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store_failed' });
    clock.advance(5_000);
    expect(await store.get('a')).toBe('v');
  });

  it('is left alone no longer where the clock was set back', async () => {
    const store = open({ clock });
    keytar.instead = refuse;
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store_failed' });
    keytar.instead = undefined;
    clock.advance(-3_600_000);
    expect(await store.get('a')).toBe('v');
  });

  it('that is not one is store_unreadable, and stays', async () => {
    for (const name of keytar.items.keys()) keytar.items.set(name, 'too short');
    await expect(open().get('a')).rejects.toMatchObject({
      code: 'store_unreadable',
      message: expect.stringContaining('Nothing was deleted'),
    });
    expect(keytar.secrets).toEqual(['too short']);
  });

  it('is asked for anew where the directory was replaced under the object', async () => {
    const store = open();
    expect(await store.get('a')).toBe('v');
    await rm(directory, { recursive: true });
    await open().set('a', 'of another key');
    expect(await store.get('a')).toBe('of another key');
  });

  it('is never looked for where the key file is of a version that is not known', async () => {
    await writeFile(join(directory, 'key'), JSON.stringify({ ...(await marker()), v: 2 }));
    keytar.calls.length = 0;
    await expect(open().get('a')).rejects.toMatchObject({
      code: 'store_unreadable',
      message: expect.stringMatching(/another version.*Nothing was deleted/),
    });
    expect(keytar.calls).toEqual([]);
    expect(await readdir(directory)).toContain(`${entryName('a')}.json`);
  });

  it('shows neither key nor secret in an error', async () => {
    const [secret = ''] = keytar.secrets;
    keytar.instead = refuse;
    const error = await open()
      .get('a')
      .catch((caught: unknown) => caught);
    expect(`${error} ${JSON.stringify(error)} ${(error as Error).stack}`).not.toContain(secret);
  });
});

it.each([
  [{ keyStorage: 'elsewhere' }, /keyStorage/],
  [{ cipher: {} }, /cipher/],
  [{ cipher: null }, /cipher/],
])('FileTokenStore refuses %j', async (options, message) => {
  await mkdir(directory, { mode: 0o700 });
  expect(() => open(options as Partial<FileTokenStoreOptions>)).toThrow(
    expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) }),
  );
});
