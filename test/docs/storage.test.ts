import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, type FileTokenStore, MemoryTokenStore, type TokenStore } from '../../src/index.js';
import { closers, failure, scene } from '../auth-provider/support.js';
import { describeTokenStore } from '../stores/contract.js';
import { EditorSecrets } from '../stores/secret-storage-stand-in.js';
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

/** What a row of the table under "What is stored" says. */
function rows(): { readonly prefix: string; readonly secret: boolean }[] {
  const section = documentText(PATH).split('\n## What is stored\n')[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const [, key = '', , secret] = line.split('|').map((cell) => cell.trim());
    return { prefix: `${key.replaceAll('`', '').split('/')[0]}/`, secret: secret === 'yes' };
  });
}

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
      rows()
        .map(({ prefix }) => prefix)
        .sort(),
    );
    const open = rows().filter(({ secret }) => !secret);
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

describe('the stores of the storage guide', () => {
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

describeTokenStore('the store that the storage guide writes', async (clock) => {
  block ??= runBlock(PATH, 'class TableTokenStore implements');
  const { TableTokenStore } = await block;
  const table = emptyTable();
  return { store: new TableTokenStore(table, clock), reopen: () => new TableTokenStore(table, clock) };
});
