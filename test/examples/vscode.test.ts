import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { callbackUrl } from '../../examples/vscode/callback.js';
import type { Context, Editor, EditorUri } from '../../examples/vscode/editor.js';
import { createExtension } from '../../examples/vscode/extension-logic.js';
import { closers } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PARTS = /^([^:]+):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/;

/** As VS Code does it: the parts are decoded, and written again in a way of its own. */
function parseUri(text: string): EditorUri {
  const [, scheme = '', authority = '', path = '', query = ''] = (PARTS.exec(text) ?? []).map((part) =>
    decodeURIComponent(part ?? ''),
  );
  const least = (part: string) => part.replaceAll('#', '%23').replaceAll('?', '%3F');
  return {
    path,
    query,
    toString(skipEncoding = false) {
      const encode = skipEncoding ? least : encodeURIComponent;
      return `${scheme}://${authority}${path}${query === '' ? '' : `?${encode(query)}`}`;
    },
  };
}

/** What outlives a window: the secrets and the directory of the extension. */
async function installation() {
  const directory = await mkdtemp(join(tmpdir(), 'vscode-'));
  closing({ close: () => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }) });
  const values = new Map<string, string>();
  const secrets: Context['secrets'] = {
    get: async (key) => values.get(key),
    store: async (key, value) => void values.set(key, value),
    delete: async (key) => void values.delete(key),
  };
  return { secrets, globalStorageUri: { fsPath: directory }, values };
}

/** A stand-in for one window of the editor, with this extension in it, and the person before it. */
async function openWindow(installed: Awaited<ReturnType<typeof installation>>, serverUrl: string, windowId = 7) {
  const tabs: string[] = [];
  const commands = new Map<string, (...given: never[]) => unknown>();
  const errors: { message: string; buttons: string[] }[] = [];
  const questions: { message: string; detail: string | undefined; modal: boolean | undefined; buttons: string[] }[] =
    [];
  const person = { isThere: true, answers: [] as (string | undefined)[], inputs: [] as string[] };
  const texts: string[] = [];
  const item = {
    tooltip: '',
    command: '',
    get text() {
      return texts.at(-1) ?? '';
    },
    set text(text: string) {
      if (text !== texts.at(-1)) texts.push(text);
    },
    show() {},
    dispose() {},
  };
  const handler: { handleUri?: (uri: EditorUri) => Promise<void> } = {};
  const receive = async (url: string) => handler.handleUri?.(parseUri(url));
  const nothing = { dispose: () => undefined };
  const editor: Editor = {
    Uri: { parse: parseUri },
    env: {
      uriScheme: 'vscode',
      asExternalUri: async (uri) => parseUri(`${uri}?windowId%3D${windowId}`),
      async openExternal(target) {
        const href = typeof target === 'string' ? target : encodeURI(target.toString(true));
        tabs.push(href);
        if (person.isThere) void playPerson(href).then(({ url }) => receive(url));
        return true;
      },
    },
    window: {
      createStatusBarItem: () => item,
      registerUriHandler(given) {
        Object.assign(handler, given);
        return nothing;
      },
      onDidChangeWindowState(listener) {
        commands.set('focus', listener);
        return nothing;
      },
      async showInformationMessage(message, { detail, modal }, ...buttons) {
        if (buttons.length === 0) return undefined;
        questions.push({ message, detail, modal, buttons });
        return person.answers.shift();
      },
      showErrorMessage(message, ...buttons) {
        errors.push({ message, buttons });
        // A message without a button stays until it is put away, which nobody does here.
        return buttons.length === 0 ? new Promise(() => undefined) : Promise.resolve(person.answers.shift());
      },
      showInputBox: async () => person.inputs.shift(),
    },
    commands: {
      registerCommand(id, run) {
        commands.set(id, run);
        return nothing;
      },
    },
  };
  const subscriptions: Context['subscriptions'] = [];
  await createExtension(editor, { ...installed, subscriptions }, { serverUrl });
  const run = async (id: string, ...given: unknown[]) =>
    (commands.get(id) as (...given: unknown[]) => Promise<string>)(...given);
  const ended = { close: async () => void (await Promise.all(subscriptions.map((one) => one.dispose()))) };
  return { ...closing(ended), commands, errors, item, person, questions, receive, run, tabs, texts };
}

const redirectOf = (url: string) => new URL(new URL(url).searchParams.get('redirect_uri') ?? '');

describe('the extension for VS Code', { timeout: 30_000 }, () => {
  it('signs in through its URI, calls a tool, and shows what it waits for', async () => {
    const server = closing(await startRotatingServer());
    const window = await openWindow(await installation(), server.url);
    expect(window.item).toMatchObject({ text: '$(account) Sign in', command: 'acmeMcp.signIn' });
    await window.run(window.item.command);
    expect(window.texts).toEqual(['$(account) Sign in', '$(sync~spin) Signing in', '$(account) Signed in']);
    expect(window.item.command).toBe('acmeMcp.signOut');
    // What the editor said leads to this window, not what was asked for.
    expect(window.tabs.map((tab) => redirectOf(tab).href)).toEqual(['vscode://acme.acme-mcp/callback?windowId=7']);
    expect(await window.run('acmeMcp.callTool', 'echo', { text: 'hi' })).toBe('hi');
    window.person.inputs = ['echo', '{"text":"typed"}'];
    expect(await window.run('acmeMcp.callTool')).toBe('typed');
    expect(window.errors).toEqual([]);
  });

  it('comes back signed in without a browser after a restart', async () => {
    const server = closing(await startRotatingServer());
    const installed = await installation();
    const before = await openWindow(installed, server.url);
    await before.run('acmeMcp.signIn');
    await before.close();
    const after = await openWindow(installed, server.url, 8);
    expect(after.texts).toEqual(['$(account) Signed in']);
    server.revokeAllAccessTokens();
    expect(await after.run('acmeMcp.callTool', 'echo', { text: 'again' })).toBe('again');
    expect(after.tabs).toEqual([]);
    expect(server.counts.count('token:refresh_token')).toBe(1);
  });

  it('signs out at the server too, and asks before it signs in again', async () => {
    const server = closing(await startRotatingServer());
    const window = await openWindow(await installation(), server.url);
    await window.run('acmeMcp.signIn');
    await window.run(window.item.command);
    await expect.poll(() => window.item.text).toBe('$(account) Sign in');
    expect(server.counts.count('revoke')).toBeGreaterThan(0);
    expect(await window.run('acmeMcp.callTool', 'echo', { text: 'no' })).toBeUndefined();
    expect(window.errors).toEqual([{ message: expect.stringContaining('not signed in'), buttons: ['Sign in'] }]);
    expect(window.tabs).toHaveLength(1);
    window.person.answers = ['Sign in'];
    expect(await window.run('acmeMcp.callTool', 'echo', { text: 'yes' })).toBe('yes');
    expect(window.tabs).toHaveLength(2);
  });

  it('opens no browser by itself where nobody has signed in yet', async () => {
    const server = closing(await startRotatingServer());
    const window = await openWindow(await installation(), server.url);
    expect(await window.run('acmeMcp.callTool', 'echo', { text: 'hi' })).toBeUndefined();
    expect(window.errors).toMatchObject([{ buttons: ['Sign in'] }]);
    expect(window.tabs).toEqual([]);
  });

  it('asks in a modal dialog before scopes grow: allowed, not now, never', async () => {
    const server = closing(
      await startRotatingServer({
        toolScopes: { create_issue: ['mcp:write'], delete_repo: ['mcp:admin'], slow: ['x'] },
      }),
    );
    const window = await openWindow(await installation(), server.url);
    await window.run('acmeMcp.signIn');
    window.person.answers = ['Allow', undefined, 'Never'];
    expect(await window.run('acmeMcp.callTool', 'create_issue', { title: 'A bug' })).toBe('create_issue');
    expect(window.questions[0]).toEqual({
      message: `${new URL(server.url).host} asks for more, for create_issue`,
      detail: 'Needed: mcp:write\nAllowed so far: mcp:read',
      modal: true,
      buttons: ['Allow', 'Never'],
    });
    await window.run('acmeMcp.callTool', 'delete_repo', { name: 'all' });
    await window.run('acmeMcp.callTool', 'slow', { ms: 0 });
    await window.run('acmeMcp.callTool', 'slow', { ms: 0 });
    // A no is remembered; the tab was opened for what was allowed only.
    expect([window.questions.length, window.errors.length, window.tabs.length]).toEqual([3, 3, 2]);
    expect(window.errors.map(({ message }) => /not now/i.test(message))).toEqual([true, false, false]);
    expect(window.item.text).toBe('$(account) Signed in');
  });

  it('refuses a URI that it did not ask for, and waits on for its own', async () => {
    const server = closing(await startRotatingServer());
    const window = await openWindow(await installation(), server.url);
    window.person.isThere = false;
    const signedIn = window.run('acmeMcp.signIn');
    await expect.poll(() => window.tabs).toHaveLength(1);
    await window.receive('vscode://acme.acme-mcp/callback?windowId=7&code=stolen&state=foreign');
    expect(window.errors).toEqual([{ message: expect.stringContaining('No sign-in that is pending'), buttons: [] }]);
    const { url } = await playPerson(window.tabs[0] ?? '');
    await window.receive(url.replace('/callback', '/other'));
    expect(window.item.command).toBe('acmeMcp.cancelSignIn');
    await window.receive(url);
    await signedIn;
    expect(window.item.text).toBe('$(account) Signed in');
    expect(window.errors).toHaveLength(1);
  });

  it('cancels a sign-in by a click, without a word', async () => {
    const server = closing(await startRotatingServer());
    const window = await openWindow(await installation(), server.url);
    window.person.isThere = false;
    const signedIn = window.run('acmeMcp.signIn');
    await expect.poll(() => window.item.command).toBe('acmeMcp.cancelSignIn');
    expect(window.item.tooltip).toContain(window.tabs[0]);
    await window.run(window.item.command);
    await signedIn;
    await expect.poll(() => window.item.text).toBe('$(account) Sign in');
    expect(window.errors).toEqual([]);
  });

  it('finishes in whichever window the URI arrives, and the others follow', async () => {
    const server = closing(await startRotatingServer());
    const installed = await installation();
    const [first, second] = [await openWindow(installed, server.url, 1), await openWindow(installed, server.url, 2)];
    const third = await openWindow(installed, server.url, 3);
    first.person.isThere = false;
    const signedIn = first.run('acmeMcp.signIn');
    await expect.poll(() => first.tabs).toHaveLength(1);
    await second.receive((await playPerson(first.tabs[0] ?? '')).url);
    await signedIn;
    expect(first.item.text).toBe('$(account) Signed in');
    // One that had no part in it, too; what comes without an event, as an expiry does, shows with the focus.
    await expect.poll(() => third.item.text).toBe('$(account) Signed in');
    third.item.text = 'out of date';
    await third.run('focus');
    expect(third.item.text).toBe('$(account) Signed in');
  });

  it('says what failed, in the library’s words', async () => {
    const server = await startRotatingServer();
    const window = await openWindow(await installation(), server.url);
    await server.close();
    await window.run('acmeMcp.signIn');
    await window.run('acmeMcp.callTool', 'echo', { text: 'hi' });
    expect(window.errors).toHaveLength(2);
    window.person.inputs = ['echo', 'no JSON'];
    await window.run('acmeMcp.callTool');
    expect(window.errors).toHaveLength(3);
  });

  it('reads a code as the server wrote it, whatever the editor decoded', () => {
    const code = 'a+b/c%2B d&e=='.replace('&', '');
    const url = callbackUrl(parseUri(`vscode://a.b/callback?windowId=1&code=${encodeURIComponent(code)}&state=s`));
    expect(Object.fromEntries(url.searchParams)).toEqual({ windowId: '1', code, state: 's' });
  });

  it('contributes each command that it has, and is woken by its URI', async () => {
    const server = closing(await startRotatingServer());
    const window = await openWindow(await installation(), server.url);
    const file = new URL('../../examples/vscode/package.json', import.meta.url);
    const manifest = JSON.parse(await readFile(file, 'utf8')) as {
      publisher: string;
      name: string;
      activationEvents: string[];
      contributes: { commands: { command: string }[] };
    };
    const contributed = manifest.contributes.commands.map(({ command }) => command);
    expect([...window.commands.keys()].filter((id) => id !== 'focus').sort()).toEqual(contributed.sort());
    expect(manifest.activationEvents).toContain('onUri');
    await window.run('acmeMcp.signIn');
    expect(redirectOf(window.tabs[0] ?? '').host).toBe(`${manifest.publisher}.${manifest.name}`);
  });
});
