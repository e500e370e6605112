import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { closers } from '../with-oauth/support.js';
import { type BuiltFolder, runBuildScript } from './build-script.js';

/** Electron's module, whose objects the tests fill. */
const ELECTRON = `
for (const name of ['app', 'contextBridge', 'dialog', 'ipcMain', 'ipcRenderer', 'safeStorage', 'shell']) exports[name] = {};
class BrowserWindow {
  static all = [];
  static getAllWindows() { return this.all; }
  webContents = { send: (_channel, value) => this.told?.({}, value) };
  constructor({ webPreferences }) { this.preload = webPreferences.preload; BrowserWindow.all.push(this); }
  async loadFile(path) { this.path = path; }
}
Object.assign(exports, { BrowserWindow });
0 && (module.exports = { app, BrowserWindow, contextBridge, dialog, ipcMain, ipcRenderer, safeStorage, shell });
`;

type Listener = (...given: unknown[]) => unknown;

interface StandInWindow {
  readonly preload: string;
  readonly path: string;
  told?: Listener;
}

/** Where the processor is busy with others. */
const SOON = { timeout: 10_000 };

const { closing, closeAll } = closers();
afterEach(closeAll);

let built: BuiltFolder;
beforeAll(async () => {
  built = await runBuildScript('desktop', { electron: ELECTRON });
}, 30_000);
afterAll(() => built?.close());

let starts = 0;

/** Starts the built application in a profile of its own. Electron is ready once `getReady()` is called. */
async function start(serverUrl = 'https://mcp.example.com/mcp') {
  const userData = await mkdtemp(join(tmpdir(), 'desktop-built-'));
  closing({ close: () => rm(userData, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }) });
  const main = join(built.path, 'dist', 'main.js');
  const load = createRequire(main);
  const electron = load('electron') as Record<string, object> & { BrowserWindow: { all: StandInWindow[] } };
  const windows: StandInWindow[] = [];
  electron.BrowserWindow.all = windows;
  const listeners = new Map<string, Listener>();
  const channels = new Map<string, Listener>();
  const exits: number[] = [];
  let getReady: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    getReady = resolve;
    fail = reject;
  });
  const fill = (name: string, members: object) => Object.assign(electron[name] ?? {}, members);
  const quit = new Promise<void>((resolve) => fill('app', { quit: resolve }));
  fill('app', {
    requestSingleInstanceLock: () => true,
    setAsDefaultProtocolClient: () => true,
    getPath: () => userData,
    whenReady: () => ready,
    exit: (code: number) => void exits.push(code),
    on: (event: string, listener: Listener) => listeners.set(event, listener),
  });
  fill('ipcMain', { handle: (channel: string, listener: Listener) => channels.set(channel, listener) });
  fill('safeStorage', { isEncryptionAvailable: () => false });
  const comeBack = async (url: string) =>
    listeners.get('second-instance')?.({}, ['electron', '.', (await playPerson(url)).url]);
  fill('shell', { openExternal: async (url: string) => void comeBack(url) });
  /** The page of a window, whose preload script and script have run. */
  const open = async (window: StandInWindow | undefined) => {
    if (window === undefined) throw new Error('no window');
    const world: Record<string, unknown> = {};
    fill('contextBridge', { exposeInMainWorld: (name: string, api: unknown) => Object.assign(world, { [name]: api }) });
    const event = { senderFrame: { url: pathToFileURL(window.path).href } };
    fill('ipcRenderer', {
      invoke: async (channel: string, ...given: unknown[]) => channels.get(channel)?.(event, ...structuredClone(given)),
      on: (_channel: string, listener: Listener) => Object.assign(window, { told: listener }),
    });
    delete load.cache[window.preload];
    load(window.preload);
    const page = pageOf(await readFile(window.path, 'utf8'));
    runInNewContext(await readFile(join(window.path, '..', page.script), 'utf8'), {
      ...world,
      document: page.document,
    });
    return page;
  };
  vi.stubEnv('MCP_SERVER_URL', serverUrl);
  starts += 1;
  await import(/* @vite-ignore */ `${pathToFileURL(main).href}?${starts}`);
  const end = async () => {
    listeners.get('before-quit')?.({ preventDefault() {} });
    await quit;
  };
  return { end, exits, fail, getReady, listeners, open, windows };
}

/** A page as far as the script of the windows reaches. */
function pageOf(html: string) {
  const elements = [...html.matchAll(/<(\w+)([^>]*)>/g)].map(([, tag, written = '']) => {
    const read = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(written)?.[1];
    const listeners: Listener[] = [];
    return {
      tag,
      id: read('id'),
      src: read('src'),
      dataset: { do: read('data-do') },
      value: read('value') ?? '',
      textContent: '',
      addEventListener: (_type: string, listener: Listener) => void listeners.push(listener),
      click: () => void listeners.map((listener) => listener()),
    };
  });
  const find = (selector: string) => elements.filter(({ id, tag }) => [`#${id}`, tag].includes(selector));
  return {
    document: { querySelectorAll: find, querySelector: (selector: string) => find(selector)[0] ?? null },
    script: find('script')[0]?.src ?? '',
    status: () => find('#status')[0]?.textContent ?? '',
    type: (selector: string, value: string) => void Object.assign(find(selector)[0] ?? {}, { value }),
    click: (what: string) => elements.find(({ dataset }) => dataset.do === what)?.click(),
  };
}

describe('the desktop application as its build script makes it', { timeout: 20_000 }, () => {
  it('has been evaluated before Electron is ready, as Electron asks, and opens its window then', async () => {
    const { end, exits, getReady, listeners, windows } = await start();
    // A URL may come first of all.
    expect([...listeners.keys()]).toEqual(['open-url', 'second-instance']);
    expect(windows).toEqual([]);
    getReady();
    await expect.poll(() => windows, SOON).toHaveLength(1);
    expect([built.output.includes('WARNING'), exits]).toEqual([false, []]);
    await end();
  });

  it('ends where it cannot start, and says why', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { exits, fail } = await start();
    const error = new Error('no display');
    fail(error);
    await expect.poll(() => exits, SOON).toEqual([1]);
    expect(said.mock.calls).toEqual([[error]]);
  });

  it('signs in, calls a tool and signs out by the buttons of its window', async () => {
    const server = closing(await startRotatingServer());
    const { end, getReady, open, windows } = await start(server.url);
    getReady();
    await expect.poll(() => windows, SOON).toHaveLength(1);
    const page = await open(windows[0]);
    await expect.poll(page.status, SOON).toContain('"signedIn":false');
    page.click('signIn');
    await expect.poll(page.status, SOON).toContain('"signedIn":true');
    page.type('#tool', 'echo');
    page.type('#input', '{"text":"typed"}');
    page.click('callTool');
    await expect.poll(page.status, SOON).toBe('{"value":"typed"}');
    page.type('#input', 'no JSON');
    page.click('callTool');
    await expect.poll(page.status, SOON).toContain('"error"');
    page.click('signOut');
    // The answer and the event come in any order.
    await expect.poll(page.status, SOON).toMatch(/"revoked":true|"signedIn":false/);
    await end();
  });
});
