import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Electron, startApp } from '../../examples/desktop/app.js';
import { receiveCallbacks } from '../../examples/desktop/callbacks.js';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { playPerson } from '../../examples/servers/person.js';
import { closers } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PAGE = 'file:///app/window.html';

async function servers() {
  const authorizationServer = closing(await startAuthorizationServer());
  const server = closing(await startMcpServerV1({ authorizationServer, challengeScope: 'mcp:read offline_access' }));
  return { url: server.url, counts: authorizationServer.counts };
}

async function profile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'desktop-'));
  closing({ close: () => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }) });
  return directory;
}

interface LaunchOptions {
  readonly argv?: readonly string[];
  readonly backend?: string;
  /** Another instance runs already. */
  readonly second?: boolean;
}

/** Not a cipher, but no plain text either. */
const turned = (bytes: Uint8Array) => Buffer.from(bytes.map((byte) => byte ^ 0x5a));

type Question = Parameters<Electron['dialog']['showMessageBox']>[0];
type Listener = (...given: never[]) => void;

/** A stand-in for Electron: one application in one user's profile, and the person before it. */
async function launch(serverUrl: string, userData: string, options: LaunchOptions = {}) {
  const { argv = [], backend = 'gnome_libsecret', second = false } = options;
  const listeners = new Map<string, Listener>();
  const channels = new Map<string, Parameters<Electron['ipcMain']['handle']>[1]>();
  const seen = {
    quits: 0,
    windows: 0,
    schemes: [] as string[],
    opened: [] as string[],
    dialogs: [] as Question[],
    encrypted: [] as string[],
  };
  const told: object[] = [];
  const person = { isThere: true, answers: [] as number[] };
  const emit = (event: string, ...given: unknown[]) =>
    (listeners.get(event) as (...given: unknown[]) => void)(...given);
  const prevented: true[] = [];
  const cancelable = { preventDefault: () => void prevented.push(true) };
  const app = {
    requestSingleInstanceLock: () => !second,
    setAsDefaultProtocolClient: (scheme: string) => seen.schemes.push(scheme) > 0,
    getPath: () => userData,
    whenReady: async () => undefined,
    exit: () => undefined,
    quit() {
      seen.quits += 1;
      if (listeners.has('before-quit')) emit('before-quit', cancelable);
    },
    on(event: string, listener: Listener) {
      listeners.set(event, listener);
      return app;
    },
  };
  const electron: Electron = {
    app,
    dialog: {
      async showMessageBox(question) {
        seen.dialogs.push(question);
        return { response: person.answers.shift() ?? -1 };
      },
    },
    ipcMain: { handle: (channel, listener) => void channels.set(channel, listener) },
    safeStorage: {
      isEncryptionAvailable: () => true,
      getSelectedStorageBackend: () => backend,
      encryptString(text) {
        seen.encrypted.push(text);
        return turned(Buffer.from(text));
      },
      decryptString: (data) => turned(data).toString(),
    },
    shell: {
      async openExternal(url) {
        seen.opened.push(url);
        if (person.isThere) void playPerson(url).then((end) => emit('second-instance', {}, ['electron', '.', end.url]));
      },
    },
  };
  await startApp(electron, {
    serverUrl,
    argv,
    platform: 'linux',
    pageUrl: PAGE,
    openWindow() {
      seen.windows += 1;
    },
    tellWindows: (_channel, value) => void told.push(structuredClone(value)),
  });
  const ask = async (channel: string, ...given: unknown[]) => {
    const listener = channels.get(channel);
    // What crosses to a window is cloned.
    return structuredClone(await listener?.({ senderFrame: { url: PAGE } }, ...given)) as {
      value?: unknown;
      error?: unknown;
    };
  };
  const quit = async () => {
    const before = seen.quits;
    emit('before-quit', cancelable);
    await expect.poll(() => seen.quits).toBe(before + 1);
  };
  if (!second) closing({ close: async () => void (seen.quits === 0 && (await quit())) });
  return { ask, cancelable, channels, emit, person, quit, seen, told, prevented: () => prevented.length };
}

describe('the desktop application', { timeout: 30_000 }, () => {
  it('signs in through its scheme, calls a tool, and tells every window, but no token', async () => {
    const { url } = await servers();
    const userData = await profile();
    const { ask, seen, told } = await launch(url, userData);
    expect(seen.schemes).toEqual(['com.example.acme']);
    expect(await ask('session')).toMatchObject({ value: { signedIn: false } });
    expect(await ask('sign-in')).toMatchObject({
      value: { signedIn: true, scope: expect.arrayContaining(['mcp:read']) },
    });
    expect(new URL(seen.opened[0] ?? '').searchParams.get('redirect_uri')).toBe('com.example.acme:/oauth/callback');
    expect(await ask('call-tool', 'echo', { text: 'hi' })).toEqual({ value: 'hi' });
    await expect.poll(() => told).toContainEqual(expect.objectContaining({ type: 'signed_in' }));
    const answers = JSON.stringify([told, await ask('session')]);
    const stored = seen.encrypted.join().replaceAll('\\', '');
    const secrets = [...stored.matchAll(/"(?:accessToken|refreshToken|codeVerifier)":"([^"]+)"/g)].map(
      ([, one]) => one,
    );
    expect(new Set(secrets).size).toBeGreaterThan(1);
    expect(secrets.filter((one) => answers.includes(String(one)))).toEqual([]);
    // Encrypted by the application's own cipher, and by no key of the library's.
    expect(await readdir(userData)).toEqual(['mcp']);
    expect(await readdir(join(userData, 'mcp'))).not.toContain('key');
  });

  it('shares the session between its windows: one sign-in for two that ask at once', async () => {
    const { url, counts } = await servers();
    const { ask, seen } = await launch(url, await profile());
    await ask('open-window');
    expect(seen.windows).toBe(2);
    const both = await Promise.all([ask('sign-in'), ask('sign-in')]);
    expect(both).toMatchObject([{ value: { signedIn: true } }, { value: { signedIn: true } }]);
    expect([seen.opened.length, counts.count('token:authorization_code')]).toEqual([1, 1]);
  });

  it('is signed in without a browser at the next start, and signs out at the server too', async () => {
    const { url, counts } = await servers();
    const userData = await profile();
    const first = await launch(url, userData);
    await first.ask('sign-in');
    await first.quit();
    const { ask, seen } = await launch(url, userData);
    expect(await ask('call-tool', 'echo', { text: 'again' })).toEqual({ value: 'again' });
    expect(seen.opened).toEqual([]);
    expect(await ask('sign-out')).toEqual({ value: { revoked: true } });
    expect(counts.count('revocation')).toBeGreaterThan(0);
    expect(await ask('call-tool', 'echo', { text: 'no' })).toMatchObject({ error: { code: 'signed_out' } });
    expect(seen.opened).toEqual([]);
  });

  it('asks in a dialog of the main process before scopes grow', async () => {
    const { url } = await servers();
    const { ask, person, seen } = await launch(url, await profile());
    await ask('sign-in');
    person.answers = [0, 1];
    expect(await ask('call-tool', 'create_issue', { title: 'A bug' })).toEqual({ value: 'created: A bug' });
    expect(seen.dialogs[0]).toMatchObject({
      detail: expect.stringContaining('Needed: mcp:write'),
      defaultId: 1,
      cancelId: 1,
    });
    const refused = await ask('call-tool', 'delete_repo', { name: 'all' });
    expect(refused).toMatchObject({ error: { name: 'McpOAuthError', code: 'step_up_postponed', retryable: false } });
    expect([seen.dialogs.length, seen.opened.length]).toEqual([2, 2]);
  });

  it('takes its callback from macOS and from the command line, and nothing else', async () => {
    const { url } = await servers();
    const { ask, cancelable, emit, person, prevented, seen } = await launch(url, await profile());
    person.isThere = false;
    const signedIn = ask('sign-in');
    await expect.poll(() => seen.opened).toHaveLength(1);
    emit('open-url', cancelable, 'com.example.acme:/oauth/callback?code=stolen&state=foreign');
    const { url: callback } = await playPerson(seen.opened[0] ?? '');
    emit('open-url', cancelable, callback.replace('/oauth/callback', '/other'));
    emit('second-instance', {}, ['electron', '.']);
    expect(await ask('session')).toMatchObject({ value: { signedIn: false } });
    emit('open-url', cancelable, callback);
    expect(await signedIn).toMatchObject({ value: { signedIn: true } });
    expect(prevented()).toBe(3);
  });

  it('finishes a sign-in that it did not live to see, where the callback starts it', async () => {
    const { url } = await servers();
    const userData = await profile();
    const first = await launch(url, userData);
    first.person.isThere = false;
    const lost = first.ask('sign-in');
    await expect.poll(() => first.seen.opened).toHaveLength(1);
    const { url: callback } = await playPerson(first.seen.opened[0] ?? '');
    const { ask } = await launch(url, userData, { argv: ['electron', '.', callback] });
    await expect.poll(() => ask('session')).toMatchObject({ value: { signedIn: true } });
    expect(await lost).toMatchObject({ value: { signedIn: true } });
  });

  it('hands over to the first instance where it is the second', async () => {
    const { seen, channels } = await launch('https://mcp.example.com/mcp', await profile(), { second: true });
    expect([seen.quits, seen.windows, channels.size]).toEqual([1, 0, 0]);
  });

  it('answers the pages of the application only', async () => {
    const { url } = await servers();
    const { channels } = await launch(url, await profile());
    expect(channels.size).toBeGreaterThan(4);
    for (const listener of channels.values()) {
      expect(() => listener({ senderFrame: { url: 'https://evil.example/' } })).toThrow('Only the pages');
      expect(() => listener({ senderFrame: null })).toThrow('Only the pages');
    }
  });

  it('ends a sign-in that waits when it quits, and quits once that is done', async () => {
    const { url } = await servers();
    const { ask, person, prevented, quit, seen, told } = await launch(url, await profile());
    person.isThere = false;
    const signedIn = ask('sign-in');
    await expect.poll(() => seen.opened).toHaveLength(1);
    // What is told comes after the session was asked.
    await expect.poll(() => told).toContainEqual(expect.objectContaining({ type: 'authorization_url' }));
    const before = told.length;
    await quit();
    expect(await signedIn).toMatchObject({ error: { code: 'closed' } });
    expect([prevented(), seen.quits, told.length - before]).toEqual([1, 1, 0]);
  });

  it('cancels a sign-in for every window that waits for it, and begins the next', async () => {
    const { url } = await servers();
    const { ask, person, seen } = await launch(url, await profile());
    person.isThere = false;
    const both = Promise.all([ask('sign-in'), ask('sign-in')]);
    await expect.poll(() => seen.opened).toHaveLength(1);
    await ask('cancel-sign-in');
    expect(await both).toMatchObject([{ error: { code: 'aborted' } }, { error: { code: 'aborted' } }]);
    person.isThere = true;
    expect(await ask('sign-in')).toMatchObject({ value: { signedIn: true } });
  });

  it('takes no other URL of its scheme, and none of another', () => {
    const taken: string[] = [];
    const listeners: Record<string, Listener> = {};
    const app = { requestSingleInstanceLock: () => true, setAsDefaultProtocolClient: () => true };
    const on = (event: string, listener: Listener) => Object.assign(listeners, { [event]: listener });
    const own = 'com.example.acme:/oauth/callback?state=s';
    receiveCallbacks({ ...app, on } as never, ['electron', '--flag', own], (url) => void taken.push(url));
    expect(taken).toEqual([own]);
    for (const url of [
      'com.example.acme:/other?state=s',
      'com.example.acme:/oauth/callbacks?state=s',
      `https://x/?${own}`,
    ]) {
      (listeners['open-url'] as (...given: unknown[]) => void)({ preventDefault() {} }, url);
      (listeners['second-instance'] as (...given: unknown[]) => void)({}, [url]);
    }
    expect(taken).toEqual([own]);
  });

  it('uses a key file where Electron would encrypt with a fixed password', async () => {
    const { url } = await servers();
    const userData = await profile();
    const { ask } = await launch(url, userData, { backend: 'basic_text' });
    await ask('sign-in');
    expect(await readdir(userData)).toEqual(['mcp-key-file']);
    expect(await readdir(join(userData, 'mcp-key-file'))).toContain('key');
  });
});
