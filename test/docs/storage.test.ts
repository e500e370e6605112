import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAuthProviderOn } from '../../src/auth-provider.js';
import * as library from '../../src/index.js';
import { type Clock, type FileTokenStore, MemoryTokenStore, type TokenStore } from '../../src/index.js';
import { defaultStoresOn } from '../../src/stores/listed-default-stores.js';
import { createTestServer, testOptions } from '../../src/testing/index.js';
import { closers, scene, TestClock } from '../auth-provider/support.js';
import { describeTokenStore } from '../stores/contract.js';
import { KeytarStandIn } from '../stores/keytar-stand-in.js';
import { fakeRedis } from '../stores/redis-support.js';
import { EditorSecrets } from '../stores/secret-storage-stand-in.js';
import { SystemStandIn } from '../stores/system-stand-in.js';
import { failure } from '../support/failure.js';
import { rows, section } from '../support/markdown.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/storage.md';

/** A directory that is gone after the test. */
async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'storage-guide-'));
  closing({ close: () => rm(directory, { recursive: true }) });
  return directory;
}

/** What the rows of the table under "What is stored" say. */
const kinds = (): { readonly prefix: string; readonly secret: boolean }[] =>
  rows(section(documentText(PATH), 'What is stored')).map(([key = '', , secret]) => ({
    prefix: `${key.replaceAll('`', '').split('/')[0]}/`,
    secret: secret === 'yes',
  }));

describe('what the storage guide says is stored', { timeout: 30_000 }, () => {
  it('is what a session, a sign-in under way and a sign-out leave in a store', async () => {
    const seen = new Map<string, string>();
    class Watched extends MemoryTokenStore {
      override set(...[key, value, options]: Parameters<MemoryTokenStore['set']>): Promise<void> {
        seen.set(key, value);
        return super.set(key, value, options);
      }
    }
    const store = new Watched();
    const world = closing(await scene({ store, initialAccessToken: 'initial' }));
    await world.provider.authorize();
    const tokens = await world.provider.tokens.current();
    const bound = { client_id: 'https://app.example.com/pre', client_secret: 'pre-secret' };
    await world.another({ account: 'second', clientInformation: bound }).authorize();
    await world.provider.signOut();
    const found = [...seen.keys()].map((key) => `${key.split('/')[0]}/`);
    expect([...new Set(found)].sort()).toEqual(
      kinds()
        .map(({ prefix }) => prefix)
        .sort(),
    );
    const open = kinds().filter(({ secret }) => !secret);
    const texts = [...seen].filter(([key]) => open.some(({ prefix }) => key.startsWith(prefix)));
    expect(texts.length).toBeGreaterThan(3);
    for (const secret of [tokens?.accessToken, tokens?.refreshToken, 'pre-secret', 'initial']) {
      expect(secret).toMatch(/./);
      expect(texts.filter(([, value]) => value.includes(secret ?? ''))).toEqual([]);
    }
    expect([...seen.keys()]).toContain(`session/${encodeURIComponent(world.server.url)}/second`);
  });

  it('can be moved, and the session goes on in the new store without anyone', async () => {
    const { move } = await runBlock<{ move: (from: TokenStore, to: TokenStore) => Promise<void> }>(
      PATH,
      'function move',
    );
    const world = closing(await scene());
    await world.provider.authorize();
    await world.provider.close();
    const to = new MemoryTokenStore();
    await move(world.store, to);
    expect(await world.another({ store: to, interactive: false }).session()).toMatchObject({ signedIn: true });
    expect(await world.another({ interactive: false }).session()).toMatchObject({ signedIn: false });
    expect(await world.store.list('')).toEqual([]);
  });

  it('is revoked and forgotten for every account by signing out everywhere', async () => {
    const name = 'function signOutEverywhere';
    const { signOutEverywhere } = await runBlock<{ signOutEverywhere: (store: TokenStore) => Promise<void> }>(
      PATH,
      name,
    );
    const world = closing(await scene());
    await world.provider.authorize();
    await world.another({ account: 'bob' }).authorize();
    await signOutEverywhere(world.store);
    expect(await world.store.list('session/')).toEqual([]);
    expect(await world.store.list('signed-out/')).toHaveLength(2);
    expect(world.server.counts.count('revoke')).toBe(4);
  });
});

describe('the default of the storage guide', () => {
  /** The library on a machine whose user has the home that is given, in place of this one. */
  function on(system: SystemStandIn, inTest: Partial<library.AuthProviderOptions> = {}) {
    const createAuthProvider = (options: library.AuthProviderOptions) =>
      closing(createAuthProviderOn(system, { ...options, ...inTest }));
    const defaultStores = (options: library.DefaultStoresOptions) => defaultStoresOn(system, options);
    return { 'mcp-oauth-client': { ...library, createAuthProvider, defaultStores } };
  }

  it.each([
    ['works', 'keychain', 'mcp-oauth-client/acme-ide'],
    ['absent', 'file', 'mcp-oauth-client/acme-ide'],
  ] as const)('where the keychain %s is the %s, as it says, and the overview finds the session', async (...row) => {
    const [mode, kind, place] = row;
    const home = await temporaryDirectory();
    const system = new SystemStandIn(home, mode);
    const server = createTestServer({ url: 'https://mcp.example.com/mcp' });
    const { store: _, ...inTest } = testOptions(server);
    const said: string[] = [];
    const console = { error: (line: string) => said.push(line) };
    const modules = on(system, inTest);
    const { provider } = await runBlock<{ provider: library.AuthProvider }>(
      PATH,
      "event.type === 'store_selected'",
      modules,
      { console },
    );
    const { overview } = await runBlock<{ overview: () => Promise<string[]> }>(PATH, 'function overview', modules);
    expect(await overview()).toEqual([]);
    await provider.authorize();
    expect(said).toEqual([expect.stringMatching(new RegExp(`^${kind}: .`))]);
    expect((await provider.session()).store).toMatchObject({ kind, reason: said[0]?.slice(kind.length + 2) });
    const items = [...system.items.keys()].filter((key) => key.startsWith(`${place}\n`));
    const files = await readdir(join(home, place)).catch(() => []);
    expect([items.length > 0, files.some((name) => name.endsWith('.json'))]).toEqual([
      kind === 'keychain',
      kind === 'file',
    ]);
    expect(await overview()).toEqual([`${server.url}  signed in`]);
    await provider.signOut();
    expect(await overview()).toEqual([`${server.url}  signed out`]);
  });
});

describe('the stores of the storage guide', () => {
  it('the keychain shows the items under the service of the block', async () => {
    const keytar = new KeytarStandIn();
    const lockDirectory = await temporaryDirectory();
    class KeychainTokenStore extends library.KeychainTokenStore {
      constructor(options: library.KeychainTokenStoreOptions) {
        super({ ...options, keytar, lockDirectory });
      }
    }
    const { store } = await runBlock<{ store: TokenStore }>(PATH, 'new KeychainTokenStore(', {
      'mcp-oauth-client': { ...library, KeychainTokenStore },
    });
    await store.set('a', 'top secret');
    expect(await store.get('a')).toBe('top secret');
    const services = [...keytar.items.keys()].map((key) => key.split('\n')[0]);
    expect(new Set(services)).toEqual(new Set(['com.example.acme-ide']));
  });

  it('the files are encrypted, with their key beside them', async () => {
    const root = await temporaryDirectory();
    class FileTokenStore extends library.FileTokenStore {
      constructor(options: library.FileTokenStoreOptions) {
        super({ ...options, directory: join(root, String(options.directory)) });
      }
    }
    const { store } = await runBlock<{ store: TokenStore }>(PATH, "keyStorage: 'file' }", {
      'mcp-oauth-client': { ...library, FileTokenStore },
    });
    await store.set('a', 'top secret');
    expect(await store.get('a')).toBe('top secret');
    const directory = join(root, 'var/lib/acme/mcp');
    const names = await readdir(directory);
    expect(names).toContain('key');
    const texts = await Promise.all(
      names.filter((name) => name.endsWith('.json')).map((name) => readFile(join(directory, name), 'utf8')),
    );
    expect(texts).toHaveLength(1);
    expect(texts.join()).not.toContain('top secret');
  });

  it('Redis: what is sent is encrypted, under the prefix, for 90 days; without a key there is no store', async () => {
    const redis = fakeRedis(async () => 1);
    const load = () =>
      runBlock<{ store: TokenStore }>(PATH, 'formerEncryptionKeys: []', {}, { client: redis.client, process });
    vi.stubEnv('SESSION_KEY', undefined);
    expect(await failure(load())).toMatchObject({ code: 'invalid_options' });
    vi.stubEnv('SESSION_KEY', randomBytes(32).toString('base64'));
    const { store } = await load();
    await store.set('a', 'top secret');
    expect(redis.sent.map(({ keys }) => keys)).toEqual([[expect.stringMatching(/^acme:mcp:/)]]);
    expect(redis.sent[0]?.arguments).toContain(String(90 * 86_400_000));
    expect(JSON.stringify(redis.sent)).not.toContain('top secret');
  });

  it('Electron: what lies on disk went through safeStorage', async () => {
    type Safe = { encryptString(text: string): Buffer; decryptString(data: Buffer): string };
    const { electronStore } = await runBlock<{
      electronStore: (safeStorage: Safe, userData: string) => FileTokenStore;
    }>(PATH, 'function electronStore', {}, { Buffer });
    const safeStorage: Safe = {
      encryptString: (text) => Buffer.from([...text].reverse().join('')),
      decryptString: (data) => [...data.toString()].reverse().join(''),
    };
    const userData = await temporaryDirectory();
    const store = electronStore(safeStorage, userData);
    await store.set('a', 'top secret');
    expect(await electronStore(safeStorage, userData).get('a')).toBe('top secret');
    const names = await readdir(join(userData, 'mcp'));
    const [entry = ''] = names.filter((name) => name.endsWith('.json'));
    expect(await readFile(join(userData, 'mcp', entry), 'utf8')).not.toContain('top secret');
    expect(names).not.toContain('key');
    const broken = { ...safeStorage, decryptString: () => Promise.reject(new Error('locked')) as never };
    expect(await failure(electronStore(broken, userData).get('a'))).toMatchObject({ code: 'store_failed' });
  });

  it('VS Code: a value is among the secrets of the extension, and the directory holds none', async () => {
    const editor = new EditorSecrets();
    const { storeOf } = await runBlock<{ storeOf: (context: object) => TokenStore }>(PATH, 'export const storeOf');
    const fsPath = await temporaryDirectory();
    const store = storeOf({ secrets: editor.window(), globalStorageUri: { fsPath } });
    await store.set('a', 'top secret');
    expect([...editor.content.values()].join()).toContain('top secret');
    const files = await readdir(fsPath, { recursive: true, withFileTypes: true });
    const texts = files
      .filter((file) => file.isFile())
      .map((file) => readFile(join(file.parentPath, file.name), 'utf8'));
    expect((await Promise.all(texts)).join()).not.toContain('top secret');
  });
});

/** The table that the guide's own store is over. */
function emptyTable() {
  const content = new Map<string, string>();
  return {
    read: async (key: string) => content.get(key),
    write: async (key: string, text: string) => void content.set(key, text),
    remove: async (key: string) => void content.delete(key),
    keys: async () => [...content.keys()],
  };
}

type OwnStore = new (table: ReturnType<typeof emptyTable>, clock: Clock) => TokenStore;
let block: Promise<{ TableTokenStore: OwnStore }> | undefined;

describe('the suite of the storage guide', () => {
  it('is given a store that is empty for each test', async () => {
    const { TableTokenStore } = await runBlock<{ TableTokenStore: OwnStore }>(PATH, 'class TableTokenStore implements');
    const suites = new Map<string, (clock: Clock) => Promise<{ store: TokenStore }>>();
    const collected = (name: string, open: (clock: Clock) => Promise<{ store: TokenStore }>) =>
      void suites.set(name, open);
    await runBlock(
      PATH,
      "describeTokenStore('TableTokenStore'",
      {},
      { describeTokenStore: collected, TableTokenStore, emptyTable },
    );
    expect([...suites.keys()]).toEqual(['TableTokenStore']);
    const clock = new TestClock();
    const open = async () => (await suites.get('TableTokenStore')?.(clock))?.store;
    const [first, second] = [await open(), await open()];
    await first?.set('a', 'value', { ttlMs: 1_000 });
    expect([await first?.get('a'), await second?.get('a')]).toEqual(['value', undefined]);
    clock.advance(1_000);
    expect(await first?.get('a')).toBeUndefined();
  });
});

describeTokenStore('the store that the storage guide writes', async (clock) => {
  block ??= runBlock(PATH, 'class TableTokenStore implements');
  const { TableTokenStore } = await block;
  const table = emptyTable();
  return { store: new TableTokenStore(table, clock), reopen: () => new TableTokenStore(table, clock) };
});
