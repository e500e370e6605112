import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sdk from '@modelcontextprotocol/sdk/client/index.js';
import * as streamable from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import {
  type AuthProvider,
  createAuthProvider,
  MemoryTokenStore,
  type Session,
  type StepUpAnswer,
} from '../../src/index.js';
import { callTool, closers, person, rpc, until } from '../auth-provider/support.js';
import { EditorSecrets } from '../stores/secret-storage-stand-in.js';
import { failure } from '../support/failure.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/desktop.md';

interface Server {
  readonly provider: AuthProvider;
  press(button: string): Promise<void>;
}
type Status = { readonly text: string; readonly button: string };
type Finish = (providers: Iterable<AuthProvider>, callbackUrl: string) => Promise<Session>;

/** An application with one server, whose user looks at the status item. */
async function application({ finishes = true, answer = true as StepUpAnswer, store = new MemoryTokenStore() } = {}) {
  const { openServer } = await runBlock<{ openServer: (url: string, host: object) => Server }>(
    PATH,
    'function openServer',
  );
  const server = closing(await startRotatingServer());
  const who = closing(person());
  const shown: Status[] = [];
  const tabs: string[] = [];
  const open = () => {
    const opened = openServer(server.url, {
      store,
      openExternal(url: string) {
        tabs.push(url);
        if (finishes) who.openBrowser(url);
      },
      showStatus: (status: Status) => shown.push(status),
      askForScope: async () => answer,
    });
    closing(opened.provider);
    return opened;
  };
  const now = () => shown.at(-1);
  return { server, shown, tabs, open, now };
}

describe('the connection of the desktop guide', { timeout: 30_000 }, () => {
  it('opens no tab for a request, one for the button, and shows each state', async () => {
    const { server, tabs, open, now } = await application();
    const { provider, press } = open();
    await until(() => now() !== undefined, 'the status');
    expect(now()).toEqual({ text: 'Not signed in', button: 'Sign in' });
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect(tabs).toHaveLength(0);
    await press('Sign in');
    expect(tabs).toHaveLength(1);
    expect(now()).toEqual({ text: 'Signed in', button: 'Sign out' });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    await press('Sign out');
    await until(() => now()?.button === 'Sign in', 'the status after the sign-out');
  });

  it('shows the URL while it waits, and "Cancel" ends the sign-in', async () => {
    const { tabs, open, now, shown } = await application({ finishes: false });
    const { press } = open();
    const signIn = failure(press('Sign in'));
    await until(() => now()?.button === 'Cancel', 'the button to cancel');
    expect(now()?.text).toContain(tabs[0]);
    await press('Cancel');
    expect(await signIn).toMatchObject({ code: 'aborted' });
    await until(() => now()?.button === 'Sign in', 'the status after it');
    expect(shown.length).toBeGreaterThan(2);
  });

  it('signs in silently at the next start', async () => {
    const { tabs, open, now } = await application();
    const first = open();
    await first.press('Sign in');
    await first.provider.close();
    open();
    await until(() => now()?.button === 'Sign out', 'the status');
    expect(tabs).toHaveLength(1);
  });

  it('a step-up that the user agrees to is done, although requests open no tabs', async () => {
    const { server, tabs, open } = await application();
    const { provider, press } = open();
    await press('Sign in');
    expect((await provider.fetch(server.url, callTool('create_issue'))).status).toBe(200);
    expect(tabs).toHaveLength(2);
  });

  it('has transports that take the provider, reject until the button was pressed, and never close it', async () => {
    const { server, tabs, open } = await application();
    const { provider, press } = open();
    let connects = 0;
    class Client extends sdk.Client {
      constructor(...args: ConstructorParameters<typeof sdk.Client>) {
        super(...args);
        closing(this);
      }
      override async connect(...args: Parameters<sdk.Client['connect']>) {
        await super.connect(...args);
        connects += 1;
        expect((await this.listTools()).tools.length).toBeGreaterThan(0);
        await this.close();
      }
    }
    const modules = {
      '@modelcontextprotocol/sdk/client/index.js': { ...sdk, Client },
      '@modelcontextprotocol/sdk/client/streamableHttp.js': streamable,
    };
    const connect = () =>
      runBlock(PATH, 'await client.connect(withOAuth(', modules, { provider, serverUrl: server.url });
    expect(await failure(connect())).toMatchObject({ code: 'interaction_required' });
    await press('Sign in');
    await connect();
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect([connects, tabs.length]).toEqual([1, 1]);
  });

  it('with `interactive` for the button alone, the user agrees to a step-up in vain', async () => {
    const server = closing(await startRotatingServer());
    const who = closing(person());
    let asked = 0;
    const provider = closing(
      createAuthProvider({
        serverUrl: server.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        interactive: ({ reason }) => reason === 'authorize',
        onStepUp: () => {
          asked += 1;
          return true;
        },
      }),
    );
    await provider.authorize();
    const error = await failure(provider.fetch(server.url, callTool('create_issue')));
    expect([error.code, asked]).toEqual(['interaction_required', 1]);
  });
});

describe('the callbacks of the desktop guide', { timeout: 30_000 }, () => {
  it('reach the server they are for, whichever is asked first, and no other', async () => {
    const { finish } = await runBlock<{ finish: Finish }>(PATH, 'async function finish');
    const store = new MemoryTokenStore();
    const tabs: string[] = [];
    const open = async () => {
      const server = closing(await startRotatingServer());
      const redirectUrl = 'com.example.acme:/oauth/callback';
      const openBrowser = (url: string) => void tabs.push(url);
      return closing(createAuthProvider({ serverUrl: server.url, store, redirectUrl, openBrowser }));
    };
    const providers = [await open(), await open()];
    const [first, second] = providers.map((provider) => provider.authorize());
    await until(() => tabs.length === 2, 'both browsers');
    const visits = await Promise.all(tabs.map((url) => playPerson(url)));
    for (const { url } of visits) expect(await finish(providers, url)).toMatchObject({ signedIn: true });
    expect([await first, await second]).toMatchObject([{ signedIn: true }, { signedIn: true }]);
    expect(await failure(finish(providers, visits[0]?.url ?? ''))).toMatchObject({ code: 'state_mismatch' });
    await expect(finish([], 'x')).rejects.toThrow('No server is configured.');
  });

  it('Electron: come by the event of macOS, the arguments of a second instance, and those of the start', async () => {
    type Receive = (app: object, argv: readonly string[], onCallback: (url: string) => void) => boolean;
    const { receiveCallbacks } = await runBlock<{ receiveCallbacks: Receive }>(PATH, 'function receiveCallbacks');
    const appOf = (isFirst: boolean) =>
      Object.assign(new EventEmitter(), {
        schemes: [] as string[],
        quits: 0,
        setAsDefaultProtocolClient(scheme: string) {
          return this.schemes.push(scheme) > 0;
        },
        requestSingleInstanceLock: () => isFirst,
        quit() {
          this.quits += 1;
        },
      });
    const app = appOf(true);
    const got: string[] = [];
    const urls = [1, 2, 3].map((number) => `com.example.acme:/oauth/callback?state=${number}`);
    expect(receiveCallbacks(app, ['electron', urls[0] ?? ''], (url) => got.push(url))).toBe(true);
    let prevented = 0;
    app.emit('open-url', { preventDefault: () => (prevented += 1) }, urls[1]);
    app.emit('second-instance', {}, ['electron', '--flag', urls[2]]);
    app.emit('second-instance', {}, ['electron', 'https://example.com']);
    expect([got, prevented, app.schemes]).toEqual([urls, 1, ['com.example.acme']]);
    const second = appOf(false);
    expect(receiveCallbacks(second, ['electron', urls[0] ?? ''], (url) => got.push(url))).toBe(false);
    expect([second.quits, second.schemes, got.length]).toEqual([1, [], 3]);
  });

  it('VS Code: come by the URI handler, and the session is among the extension`s secrets', async () => {
    const { finish } = await runBlock<{ finish: Finish }>(PATH, 'async function finish');
    const editor = new EditorSecrets();
    const directory = await mkdtemp(join(tmpdir(), 'desktop-guide-'));
    closing({ close: () => rm(directory, { recursive: true }) });
    const server = closing(await startRotatingServer());
    let handler: { handleUri(uri: object): Promise<unknown> } | undefined;
    const messages: string[] = [];
    const vscode = {
      env: {
        uriScheme: 'vscodium',
        openExternal: async (url: string) => {
          void playPerson(url).then((visit) => handler?.handleUri({ toString: () => visit.url }));
          return true;
        },
      },
      window: {
        registerUriHandler(given: typeof handler) {
          handler = given;
          return { dispose: () => undefined };
        },
        showErrorMessage: (message: string) => messages.push(message),
      },
    };
    const globals = { vscode, finish, callbackUrl: (uri: object) => new URL(String(uri)) };
    const { openProviders } = await runBlock<{
      openProviders: (context: object, urls: readonly string[]) => AuthProvider[];
    }>(PATH, 'function openProviders', {}, globals);
    const subscriptions: { dispose(): unknown }[] = [];
    const context = {
      subscriptions,
      secrets: editor.window(),
      globalStorageUri: { fsPath: directory },
    };
    const [provider] = openProviders(context, [server.url]);
    expect(await provider?.authorize()).toMatchObject({ signedIn: true });
    expect([...editor.content.keys()].some((key) => key.includes('session/'))).toBe(true);
    await handler?.handleUri({ toString: () => 'vscodium://acme.acme-mcp/callback?code=1&state=2' });
    expect(messages).toEqual([expect.stringContaining('No sign-in that is pending here')]);
    for (const each of subscriptions) await each.dispose();
    expect(await failure(provider?.authorize() ?? Promise.resolve())).toMatchObject({ code: 'closed' });
  });
});

describe('the table of events', () => {
  it('has each event once', () => {
    const declared = documentText('src/events.ts').matchAll(/readonly type: '([a-z_]+)'/g);
    const section = documentText(PATH).split('\n## What to show for each event\n')[1]?.split('\n## ')[0] ?? '';
    const shown = section.matchAll(/^\| `([a-z_]+)` \|/gm);
    const names = (found: Iterable<RegExpMatchArray>) => [...found].map(([, name]) => name).sort();
    expect(names(shown)).toEqual(names(declared));
  });
});
