import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { delay } from '../../src/clock.js';
import { McpOAuthError } from '../../src/errors.js';
import { applicationFolder, dataDirectory } from '../../src/stores/data-directory.js';
import { type DefaultStoreOptions, openDefaultStore, type StoreChoice } from '../../src/stores/default-store.js';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import { ManualClock } from '../support/clock.js';
import { describeTokenStore } from './contract.js';
import { type KeychainMode, SystemStandIn } from './system-stand-in.js';

const SECRET = 'refresh-secret';
const homes: string[] = [];
async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'default-store-'));
  homes.push(home);
  return home;
}
afterEach(async () => {
  for (const home of homes.splice(0)) await rm(home, { recursive: true, force: true });
});

interface Opened {
  readonly choices: StoreChoice[];
  readonly closing: AbortController;
}

function open(system: SystemStandIn, options: Partial<DefaultStoreOptions> = {}) {
  const choices: StoreChoice[] = [];
  const closing = new AbortController();
  const opened: Opened = { choices, closing };
  const store = openDefaultStore({
    system,
    application: 'Acme IDE',
    clock: new ManualClock(),
    sessionKeys: () => ['session', 'signed-out'],
    closed: () => closing.signal,
    onChoice: (choice) => void choices.push(choice),
    ...options,
  });
  return { ...store, ...opened };
}

describe.each<[KeychainMode, string]>([
  ['works', 'keychain'],
  ['absent', 'file'],
])('with a keychain that is there or not: %s', (mode, kind) => {
  describeTokenStore(`the default store, ${kind}`, async (clock) => {
    const system = new SystemStandIn(await newHome(), mode);
    const reopen = () => open(system.anotherProcess(), { clock }).store;
    const first = open(system, { clock });
    await first.choice();
    return { store: first.store, reopen };
  });
});

describe('dataDirectory', () => {
  it.each<[NodeJS.Platform, NodeJS.ProcessEnv, string]>([
    ['linux', { XDG_DATA_HOME: '/data' }, '/data'],
    ['linux', { XDG_DATA_HOME: 'relative' }, join(homedir(), '.local', 'share')],
    ['linux', {}, join(homedir(), '.local', 'share')],
    ['darwin', { XDG_DATA_HOME: '/data' }, join(homedir(), 'Library', 'Application Support')],
    ['win32', { LOCALAPPDATA: '/local' }, '/local'],
    ['win32', {}, join(homedir(), 'AppData', 'Local')],
  ])('on %s with %j is %s', (platform, env, expected) => {
    expect(dataDirectory(platform, env)).toBe(expected);
  });
});

describe('applicationFolder', () => {
  it.each([
    ['Acme IDE!', 'acme-ide'],
    ['../..', 'default'],
    ['', 'default'],
  ])('%j is %s', (application, expected) => {
    expect(applicationFolder(application)).toBe(expected);
  });

  it('keeps names apart of which no readable letter is left, and long ones', () => {
    const names = ['日本語', '中文', 'Ünit', 'nit', `${'a'.repeat(80)}1`, `${'a'.repeat(80)}2`];
    const folders = names.map(applicationFolder);
    expect(new Set(folders).size).toBe(names.length);
    for (const folder of folders) expect(folder).toMatch(/^[a-z0-9-]{1,80}$/);
  });
});

describe('the default store', () => {
  let home: string;
  let directory: string;
  let clock: ManualClock;
  beforeEach(async () => {
    home = await newHome();
    directory = join(home, 'mcp-oauth-client', 'acme-ide');
    clock = new ManualClock();
  });

  describe('chooses', () => {
    it('F32: the keychain where it works, under a name of the application', async () => {
      const system = new SystemStandIn(home);
      const { store, choice } = open(system);
      await store.get('session');
      // What was written to see whether it works is gone.
      expect(system.items.size).toBe(0);
      await store.set('session', SECRET);
      expect([...system.items.values()].join()).toContain(SECRET);
      expect(await choice()).toEqual({
        kind: 'keychain',
        reason: expect.stringContaining('mcp-oauth-client/acme-ide'),
      });
      expect(system.opened).toEqual([{ service: 'mcp-oauth-client/acme-ide' }]);
      expect(await filesOf(directory)).toEqual([]);
    });

    it('F2: the keychain with the locks of a KeychainTokenStore that the application makes for the same service', async () => {
      for (const name of ['XDG_DATA_HOME', 'HOME', 'LOCALAPPDATA']) vi.stubEnv(name, home);
      const system = new SystemStandIn(home);
      const { keytar } = system;
      system.openKeychainStore = (options) => new KeychainTokenStore({ ...options, keytar });
      const own = new KeychainTokenStore({ service: 'mcp-oauth-client/acme-ide', keytar });
      const outcome = open(system).store.lock('session', () => own.lock('session', async () => {}, { timeoutMs: 100 }));
      await expect(outcome).rejects.toMatchObject({ code: 'lock_timeout' });
    });

    it.each<[KeychainMode, RegExp]>([
      ['absent', /No Secret Service answers/],
      ['denies', /locked, or access was refused/],
      ['locked', /locked, or access was refused/],
      ['forgets', /did not give back/],
    ])('F32: encrypted files where it does not (%s), and says why', async (mode, why) => {
      const { store, choice } = open(new SystemStandIn(home, mode));
      await store.set('session', SECRET);
      const { kind, reason } = await choice();
      expect(kind).toBe('file');
      expect(reason).toMatch(why);
      expect(reason).toContain(directory);
      expect(await filesOf(directory)).toHaveLength(1);
      expect(await open(new SystemStandIn(home, mode)).store.get('session')).toBe(SECRET);
    });

    it('F34: encrypted files after at most 4 s where it hangs, and no timer is left', async () => {
      const system = new SystemStandIn(home, 'hangs');
      const { store, choices } = open(system, { clock });
      const reading = store.get('session');
      await asked(system);
      clock.advance(3_999);
      expect(choices).toEqual([]);
      clock.advance(1);
      expect(await reading).toBeUndefined();
      expect(choices).toEqual([{ kind: 'file', reason: expect.stringContaining('4000 ms') }]);
      expect(clock.timers).toBe(0);
    });

    it('F34: encrypted files after at most 4 s where each call is slow', async () => {
      const system = new SystemStandIn(home);
      const slowly = () => delay(clock, 3_000);
      system.openKeychain = () => ({
        get: async () => void (await slowly()),
        set: slowly,
        delete: slowly,
        list: async () => [],
      });
      const { choice } = open(system, { clock });
      const choosing = choice();
      while (clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(3_000);
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1_000);
      expect(await choosing).toMatchObject({ kind: 'file' });
    });

    it('F34: encrypted files without a call of the keychain where there is no D-Bus session', async () => {
      const system = new SystemStandIn(home, 'hangs', { DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: home });
      expect(await open(system).choice()).toEqual({ kind: 'file', reason: expect.stringContaining('D-Bus') });
      expect(system.calls).toEqual([]);
    });

    it('F36: encrypted files where the library behind the keychain throws what is no error of ours, without its words', async () => {
      const system = new SystemStandIn(home);
      system.openKeychain = () => {
        throw new Error(`native ${SECRET}`);
      };
      const { kind, reason } = await open(system).choice();
      expect(kind).toBe('file');
      expect(reason).not.toContain(SECRET);
    });
  });

  it('chooses with its first use and not before, watching it included', async () => {
    const system = new SystemStandIn(home);
    const { store, choices } = open(system);
    store.watch?.('session', () => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(system.calls).toEqual([]);
    await store.list('');
    expect(choices).toHaveLength(1);
  });

  it('chooses once, however many calls come first, and however the keychain does later', async () => {
    const system = new SystemStandIn(home);
    const { store, choice, choices } = open(system);
    await Promise.all([store.get('a'), store.set('b', '1'), store.lock('c', async () => {}), store.list(''), choice()]);
    // One probe, and only it removes what it wrote.
    expect(system.calls.slice(0, 3)).toEqual(['set', 'get', 'delete']);
    expect(system.calls.filter((call) => call === 'delete')).toHaveLength(1);
    system.mode = 'denies';
    await expect(store.set('a', '1')).rejects.toMatchObject({ code: 'store_failed' });
    expect(await filesOf(directory)).toEqual([]);
    expect(choices).toHaveLength(1);
    expect(system.opened).toHaveLength(1);
  });

  it('asks the keychain once for all stores of a process', async () => {
    const system = new SystemStandIn(home, 'locked');
    const [one, two] = [open(system), open(system)];
    const kinds = await Promise.all([one.choice(), two.choice()]);
    system.mode = 'works';
    kinds.push(await open(system).choice());
    expect(kinds.map(({ kind }) => kind)).toEqual(['file', 'file', 'file']);
    expect(system.calls.filter((call) => call === 'set')).toHaveLength(1);
  });

  it.each<KeychainMode>([
    'works',
    'locked',
  ])('chooses the same in windows that start at the same moment: %s', async (mode) => {
    const system = new SystemStandIn(home, mode);
    const windows = Array.from({ length: 8 }, () => open(system.anotherProcess()));
    const kinds = await Promise.all(windows.map(async ({ choice }) => (await choice()).kind));
    expect(new Set(kinds).size).toBe(1);
  });

  it('is not shared by applications with other names', async () => {
    const system = new SystemStandIn(home, 'absent');
    await open(system, { application: 'one' }).store.set('key', 'value');
    expect(await open(system, { application: 'two' }).store.get('key')).toBeUndefined();
    const unlocked = system.anotherProcess('works');
    await open(unlocked, { application: 'one' }).choice();
    await open(unlocked, { application: 'two' }).choice();
    expect(new Set(unlocked.opened.map(({ service }) => service)).size).toBe(2);
  });

  describe('leaves a session where it began', () => {
    it.each([
      'session',
      'signed-out',
    ])('in the files, when the keychain works later, and does not even ask it: %s', async (key) => {
      const system = new SystemStandIn(home, 'locked');
      await open(system).store.set(key, SECRET);
      const later = system.anotherProcess('works');
      const { store, choice } = open(later);
      expect(await store.get(key)).toBe(SECRET);
      expect(await choice()).toEqual({ kind: 'file', reason: expect.stringContaining('stays there until it ends') });
      expect(later.calls).toEqual([]);
    });

    it('in the keychain, when the files hold the session of another account only', async () => {
      const system = new SystemStandIn(home, 'locked');
      await open(system).store.set('session of another account', SECRET);
      expect(await open(system.anotherProcess('works')).choice()).toMatchObject({ kind: 'keychain' });
    });

    it('and begins the next one in the keychain when it has ended', async () => {
      const system = new SystemStandIn(home, 'locked');
      const { store } = open(system);
      await store.set('session', SECRET);
      await store.delete('session');
      expect(await open(system.anotherProcess('works')).choice()).toMatchObject({ kind: 'keychain' });
    });

    it('and never has one in two places: a window of the files does not see that of the keychain, nor the reverse', async () => {
      const system = new SystemStandIn(home);
      const before = open(system);
      await before.store.set('session', 'of the keychain');
      const whileLocked = open(system.anotherProcess('locked'));
      expect(await whileLocked.store.get('session')).toBeUndefined();
      await whileLocked.store.set('session', 'of the files');
      expect(await before.store.get('session')).toBe('of the keychain');
      // From then on new windows agree, whatever the keychain says to each.
      for (const mode of ['works', 'locked'] as const) {
        expect(await open(system.anotherProcess(mode)).store.get('session')).toBe('of the files');
      }
    });

    it('also a damaged one, which is reported', async () => {
      const system = new SystemStandIn(home, 'locked');
      await open(system).store.set('session', SECRET);
      const [file = ''] = await filesOf(directory);
      await writeFile(join(directory, file), 'damaged');
      const { store } = open(system.anotherProcess('works'));
      await expect(store.get('session')).rejects.toMatchObject({ code: 'store_unreadable' });
    });
  });

  describe('when it is closed', () => {
    const reason = new McpOAuthError('closed', 'closed', { stage: 'authorization' });

    it('ends the wait for a keychain that hangs, and chooses nothing', async () => {
      const system = new SystemStandIn(home, 'hangs');
      const { store, choice, closing, choices } = open(system, { clock });
      const waiting = [store.get('a'), store.set('a', '1'), store.lock('a', async () => {}), choice()];
      const refusals = waiting.map((one) => expect(one).rejects.toBe(reason));
      await asked(system);
      closing.abort(reason);
      await Promise.all(refusals);
      await expect(store.get('a')).rejects.toBe(reason);
      clock.advance(4_000);
      await new Promise((resolve) => setImmediate(resolve));
      expect(choices).toEqual([]);
      expect(clock.timers).toBe(0);
    });

    it('goes on with what was chosen: an answer that is still under way has to be kept', async () => {
      const { store, closing } = open(new SystemStandIn(home));
      await store.set('a', '1');
      closing.abort(reason);
      await store.set('a', '2');
      expect(await store.get('a')).toBe('2');
    });
  });

  it('ends the wait for a lock with its signal and its time limit while it chooses', async () => {
    const system = new SystemStandIn(home, 'hangs');
    const { store } = open(system, { clock });
    const controller = new AbortController();
    const aborted = expect(store.lock('a', async () => {}, { signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
    });
    const late = expect(store.lock('a', async () => {}, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'lock_timeout',
    });
    await asked(system);
    controller.abort();
    clock.advance(100);
    await Promise.all([aborted, late]);
  });
});

/** The files with an entry; locks and the key are none. */
async function filesOf(directory: string): Promise<string[]> {
  const files = await readdir(directory).catch(() => []);
  return files.filter((file) => file.endsWith('.json'));
}

/** Resolves when the keychain was asked, after looks at the disk. */
async function asked(system: SystemStandIn): Promise<void> {
  for (let look = 0; look < 2_000 && system.calls.length === 0; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(system.calls).not.toEqual([]);
}
