import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { closers } from '../with-oauth/support.js';
import { type BuiltFolder, runBuildScript } from './build-script.js';

/** Where the processor is busy with others. */
const SOON = { timeout: 10_000 };

const { closing, closeAll } = closers();
afterEach(closeAll);

let built: BuiltFolder;
beforeAll(async () => {
  // The tests fill it.
  built = await runBuildScript('vscode', { vscode: 'module.exports = {};' });
}, 30_000);
afterAll(() => built?.close());

/** A URI whose query is decoded; vscode.test.ts has the editor's other ways with it. */
class Uri {
  readonly path: string;
  readonly query: string;
  readonly #text: string;
  static parse = (text: string) => new Uri(text);
  constructor(text: string) {
    const { pathname, search } = new URL(text);
    this.path = pathname;
    this.query = decodeURIComponent(search.slice(1));
    this.#text = text;
  }
  toString = () => this.#text;
}

interface Extension {
  activate(context: object): Promise<void>;
}

/** One window of the editor that activates the built extension, and refuses to enlist anything twice, as the editor does. */
async function openEditor(serverUrl: string) {
  const directory = await mkdtemp(join(tmpdir(), 'vscode-built-'));
  closing({ close: () => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }) });
  const bundle = join(built.path, 'dist', 'extension.cjs');
  const load = createRequire(bundle);
  const settings = { serverUrl };
  const registered = new Map<string, (given?: unknown) => unknown>();
  const said: string[] = [];
  const made: object[] = [];
  const shown = new Set<object>();
  /** What the editor waits for before it says where it can be reached; a test may put it off. */
  const gate = { reachable: Promise.resolve() };
  const enlist = (id: string, run: (given?: unknown) => unknown) => {
    if (registered.has(id)) throw new Error(`${id} is registered already`);
    registered.set(id, run);
    return { dispose: () => registered.delete(id) };
  };
  const say = async (message: string) => void said.push(message);
  const secrets = new Map<string, string>();
  Object.assign(load('vscode') as object, {
    Uri,
    env: {
      uriScheme: 'vscode',
      remoteName: undefined,
      asExternalUri: (uri: Uri) => gate.reachable.then(() => uri),
      async openExternal(url: string) {
        void playPerson(url).then((end) => registered.get('uri')?.(Uri.parse(end.url)));
        return true;
      },
    },
    window: {
      createStatusBarItem() {
        const item = { text: '', show: () => shown.add(item), dispose: () => shown.delete(item) };
        made.push(item);
        return item;
      },
      registerUriHandler: ({ handleUri }: { handleUri: (uri: unknown) => unknown }) => enlist('uri', handleUri),
      onDidChangeWindowState: (listener: () => unknown) => enlist('focus', listener),
      showInformationMessage: say,
      showErrorMessage: say,
    },
    commands: { registerCommand: enlist },
    workspace: {
      getConfiguration: () => ({ get: () => settings.serverUrl }),
      onDidChangeConfiguration: (listener: (event: unknown) => unknown) => enlist('configuration', listener),
    },
  });
  const subscriptions: { dispose(): unknown }[] = [];
  const end = async () => void (await Promise.all(subscriptions.splice(0).map((one) => one.dispose())));
  closing({ close: end });
  const activated = (load(bundle) as Extension).activate({
    subscriptions,
    globalStorageUri: { fsPath: directory },
    secrets: {
      get: async (key: string) => secrets.get(key),
      store: async (key: string, value: string) => void secrets.set(key, value),
      delete: async (key: string) => void secrets.delete(key),
    },
  });
  const change = (section: string) =>
    void registered.get('configuration')?.({ affectsConfiguration: (asked: string) => asked === section });
  return {
    activated,
    end,
    gate,
    said,
    registered,
    made,
    items: () => [...shown] as { text: string }[],
    change,
    /** As the user does it: what follows is seen, and not awaited. */
    set(url: string) {
      settings.serverUrl = url;
      change('acmeMcp.serverUrl');
    },
    run: (id: string) => registered.get(id)?.(),
  };
}

const COMMANDS = ['acmeMcp.callTool', 'acmeMcp.cancelSignIn', 'acmeMcp.signIn', 'acmeMcp.signOut'];

describe('the extension for VS Code as its build script makes it', { timeout: 20_000 }, () => {
  it('signs in from one CommonJS file, of which the bundler has nothing to warn', async () => {
    expect(built.output).not.toMatch(/warning/i);
    const server = closing(await startRotatingServer());
    const editor = await openEditor(server.url);
    await editor.activated;
    await editor.run('acmeMcp.signIn');
    expect(editor.said).toEqual([]);
    expect(editor.items()).toMatchObject([{ text: '$(account) Signed in' }]);
    await editor.end();
    expect([editor.registered.size, editor.items().length]).toEqual([0, 0]);
  });

  it('asks for its setting, and can be used once that is made', async () => {
    const server = closing(await startRotatingServer());
    const editor = await openEditor('');
    await editor.activated;
    expect(editor.said).toEqual([expect.stringContaining('Set acmeMcp.serverUrl')]);
    expect(editor.items()).toEqual([]);
    editor.set(server.url);
    await expect.poll(() => editor.items(), SOON).toMatchObject([{ text: '$(account) Sign in' }]);
    expect([...editor.registered.keys()]).toEqual(expect.arrayContaining(COMMANDS));
    await editor.run('acmeMcp.signIn');
    expect(editor.items()).toMatchObject([{ text: '$(account) Signed in' }]);
  });

  it('goes to another server when the setting changes, and leaves nothing of the former', async () => {
    const [first, second] = [closing(await startRotatingServer()), closing(await startRotatingServer())];
    const editor = await openEditor(first.url);
    await editor.activated;
    await editor.run('acmeMcp.signIn');
    const [item] = editor.items();
    editor.change('acmeMcp.other');
    await new Promise(setImmediate);
    expect(editor.items()[0]).toBe(item);
    // Several changes at once, as while somebody types.
    editor.set('http://127.0.0.1:1/mcp');
    editor.set(second.url);
    await expect.poll(() => editor.made, SOON).toHaveLength(3);
    await expect.poll(() => editor.items(), SOON).toMatchObject([{ text: '$(account) Sign in' }]);
    expect(editor.items()).not.toContain(item);
    await editor.run('acmeMcp.signIn');
    expect([first, second].map(({ counts }) => counts.count('token:authorization_code'))).toEqual([1, 1]);
    editor.set('');
    await expect.poll(() => editor.said, SOON).toEqual([expect.stringContaining('Set acmeMcp.serverUrl')]);
    expect([...editor.registered.keys()]).toEqual(['configuration']);
  });

  it('says what is wrong with the setting, and waits for a better one', async () => {
    const editor = await openEditor('no URL');
    await editor.activated;
    expect(editor.said).toEqual([expect.stringContaining('serverUrl')]);
    expect(editor.items()).toEqual([]);
    editor.set('https://mcp.example.com/mcp');
    await expect.poll(() => editor.items(), SOON).toMatchObject([{ text: '$(account) Sign in' }]);
    expect(editor.said).toHaveLength(1);
  });

  it('leaves nothing where it is ended while it begins', async () => {
    const editor = await openEditor('https://mcp.example.com/mcp');
    let reach: () => void = () => undefined;
    await editor.activated;
    editor.gate.reachable = new Promise((resolve) => {
      reach = resolve;
    });
    editor.set('https://mcp.example.com/other');
    await expect.poll(() => editor.items(), SOON).toEqual([]);
    const ended = editor.end();
    reach();
    await ended;
    expect([editor.registered.size, editor.items().length]).toEqual([0, 0]);
  });
});
